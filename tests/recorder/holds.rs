//! Packets behind a break: not before the app knows of it, and not before it is ready.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tympan::PacketReader;
use tympan::backend::phone::{Happening, Setup};
use tympan::core::session::{Hint, Reason};
use tympan::recorder::RecorderEvent;

use crate::kit::App;

fn drain(reader: &mut PacketReader) -> Vec<u32> {
    let mut segments = Vec::new();
    while let Some(packet) = reader.try_next() {
        segments.push(packet.header.segment);
    }
    segments
}

fn call(app: &App, ms: u64) {
    app.hand.happen(Happening::InterruptionBegan { reason: Reason::Default });
    app.pass(ms);
    app.hand.happen(Happening::InterruptionEnded { hint: Hint::Yes });
}

#[test]
fn the_length_of_a_break_is_told_before_the_first_packet_behind_it() {
    let app = App::new();
    let mut packets = app.recorder.packets("packets").unwrap();
    let order = Arc::<Mutex<Vec<&str>>>::default();
    let diary = order.clone();
    app.recorder.add_listener(move |event| {
        if let RecorderEvent::Back { missing } = event {
            assert!(missing.as_millis().abs_diff(3100) < 500, "{missing:?}");
            // A slow listener: packets wait for it.
            std::thread::sleep(Duration::from_millis(100));
            diary.lock().unwrap().push("back");
        }
    });
    app.recorder.start().unwrap();
    app.pass(500);
    let before = drain(&mut packets);
    assert!(!before.is_empty());
    call(&app, 3000);
    let mut segment = *before.last().unwrap();
    while segment == *before.last().unwrap() {
        let packet = packets.next_timeout(Duration::from_secs(20)).expect("audio is back");
        segment = packet.header.segment;
    }
    order.lock().unwrap().push("packet");
    assert_eq!(*order.lock().unwrap(), ["back", "packet"]);
}

#[test]
fn packets_wait_until_the_app_is_ready_and_none_is_lost() {
    let app = App::on(&Setup::default(), |builder| builder.hold(Duration::from_mins(1)));
    let mut packets = app.recorder.packets("packets").unwrap();
    app.recorder.start().unwrap();
    app.pass(300);
    call(&app, 1000);
    app.hears(|event| matches!(event, RecorderEvent::Back { .. }));
    app.pass(1000);
    let held = drain(&mut packets);
    assert!(held.windows(2).all(|pair| pair[0] == pair[1]), "nothing from behind: {held:?}");
    app.recorder.ready();
    app.pass(200);
    let behind = drain(&mut packets);
    assert!(behind.len() >= 50, "a second is 50 packets: {}", behind.len());
    let take = app.stop();
    let rest = drain(&mut packets);
    let all = held.len() + behind.len() + rest.len();
    // Packets of 20 ms, the last of each segment padded, and empty ones that end it.
    assert!(all as u64 >= take.frames / 320, "{all} of {}", take.frames);
}

#[test]
fn an_app_that_is_never_ready_is_waited_for_only_so_long() {
    let app = App::on(&Setup::default(), |builder| builder.hold(Duration::from_millis(800)));
    let mut packets = app.recorder.packets("packets").unwrap();
    app.recorder.start().unwrap();
    app.pass(300);
    call(&app, 500);
    app.hears(|event| matches!(event, RecorderEvent::Back { .. }));
    app.pass(2000);
    let segments = drain(&mut packets);
    assert!(segments.first() != segments.last(), "released by itself: {segments:?}");
}
