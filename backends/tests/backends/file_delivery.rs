//! A file as a source: every frame once, in order, at its time, and none after a stop.

use std::io::{Cursor, Read, repeat};
use std::thread;
use std::time::{Duration, Instant};

use tympan_backends::file::File;
use tympan_backends::{Backend, BackendErrorKind, Buffer, Capture, Notice};
use tympan_core::Format;

use crate::build::{Breaks, Temp, Wav, fmt};
use crate::ear::Ear;

/// Sample `n` is `n`, at 16 kHz.
fn count(frames: i16) -> File {
    File::from_reader("count", Cursor::new(Wav::count(frames).bytes())).expect("a sound file")
}

fn numbers(range: std::ops::Range<i16>) -> Vec<f32> {
    range.map(|n| f32::from(n) / 32768.0).collect()
}

/// Zeros without end, as from a pipe.
fn endless() -> File {
    let wav = Wav { data_size: Some(u32::MAX), ..Wav::count(0) };
    let reader = Cursor::new(wav.bytes()).chain(repeat(0));
    File::from_reader("endless", reader).expect("a sound stream")
}

#[test]
fn without_a_thread_every_frame_comes_once_and_then_the_end() {
    let mut file = count(1000).callback(300);
    let report = file.report();
    let mut ear = Ear::default();
    assert_eq!(file.run(&mut ear).expect("sound"), 1000);
    assert_eq!(ear.samples(), numbers(0..1000));
    // 300 frames at 16 kHz are 18.75 ms.
    let expected = [(300, 0), (300, 18_750_000), (300, 37_500_000), (100, 56_250_000)];
    assert_eq!(ear.buffers(), expected);
    assert_eq!(ear.notices(), [Notice::End]);
    assert_eq!((report.frames(), report.ended(), report.error()), (1000, true, None));
    // Once is enough, and needs no room.
    ear.memory().room = Some(0);
    assert_eq!(file.run(&mut ear).expect("nothing left"), 0);
    assert_eq!(ear.notices(), [Notice::End]);
}

#[test]
fn a_callback_is_10_ms_of_the_files_own_rate() {
    for (rate, frames) in [(8000, 80), (44_100, 441), (48_000, 480), (1000, 10)] {
        let wav = Wav { fmt: fmt(1, 1, rate, 16), ..Wav::count(1000) };
        let mut file = File::from_reader("x", Cursor::new(wav.bytes())).expect("sound");
        assert_eq!(file.format().expect("known"), Format::mono(rate));
        let mut ear = Ear::default();
        file.run(&mut ear).expect("sound");
        assert_eq!(ear.buffers()[0].0, frames);
    }
}

#[test]
fn senseless_callbacks_are_made_sensible() {
    for (asked, first) in [(0, 1), (usize::MAX, 1000)] {
        let mut ear = Ear::default();
        count(1000).callback(asked).run(&mut ear).expect("sound");
        assert_eq!(ear.buffers()[0].0, first);
        assert_eq!(ear.samples().len(), 1000);
    }
}

#[test]
fn with_a_thread_the_same_comes() {
    let (mut direct, threaded) = (Ear::default(), Ear::default());
    count(5000).callback(160).run(&mut direct).expect("sound");
    let mut file = count(5000).callback(160);
    file.start(threaded.boxed()).expect("the first start");
    threaded.wait_for_end();
    assert!(file.stop().is_some());
    assert_eq!(threaded.heard(), direct.heard());
    assert_eq!(threaded.samples(), numbers(0..5000));
}

#[test]
fn no_more_comes_than_there_is_room_for() {
    // Less than a callback, more than one, and a callback exactly.
    for room in [50, 160, 1000] {
        let ear = Ear::with_room(room);
        let mut file = count(3000).callback(160);
        file.start(ear.boxed()).expect("the first start");
        while !file.report().ended() {
            thread::sleep(Duration::from_micros(100));
            // Take everything, as a consumer does.
            ear.memory().room = Some(room);
        }
        file.stop();
        assert!(!ear.memory().overrun, "room for {room}");
        assert_eq!(ear.samples(), numbers(0..3000), "room for {room}");
    }
}

#[test]
fn a_full_listener_is_waited_for_and_a_stop_ends_the_wait() {
    let ear = Ear::with_room(0);
    let mut file = count(1000);
    file.start(ear.boxed()).expect("the first start");
    thread::sleep(Duration::from_millis(30));
    assert!(file.stop().is_some());
    assert_eq!(ear.heard(), []);
}

#[test]
fn step_by_step_a_full_listener_gets_nothing_and_loses_nothing() {
    let mut ear = Ear::with_room(250);
    let mut file = count(1000).callback(160);
    let mut step = |ear: &mut Ear| file.step(ear).expect("sound");
    assert_eq!([step(&mut ear), step(&mut ear), step(&mut ear)], [Some(160), Some(90), Some(0)]);
    ear.memory().room = None;
    while step(&mut ear).is_some() {}
    assert_eq!(step(&mut ear), None);
    assert_eq!(ear.samples(), numbers(0..1000));
    assert_eq!(ear.notices(), [Notice::End]);
}

#[test]
fn a_stop_in_the_middle_gives_the_listener_back_and_a_start_goes_on() {
    for paced in [false, true] {
        // Room stops the unpaced file in its middle, the clock the paced one.
        let ear = Ear::with_room(480);
        let mut file = count(1600).callback(160).realtime(paced);
        file.start(ear.boxed()).expect("the first start");
        ear.wait(|memory| memory.samples.len() >= 480);
        let mut capture = file.stop().expect("the listener");
        let so_far = ear.samples().len();
        assert!(so_far < 1600 && so_far.is_multiple_of(160));
        thread::sleep(Duration::from_millis(30));
        assert_eq!(ear.samples().len(), so_far, "silence after a stop");
        // It is the same listener: what it takes now, the test hears.
        capture.notice(Notice::Break);
        assert_eq!(ear.notices(), [Notice::Break]);
        assert!(file.stop().is_none(), "there is nothing more to give back");

        ear.memory().room = None;
        file.start(capture).expect("the second start");
        ear.wait_for_end();
        file.stop();
        assert_eq!(ear.samples(), numbers(0..1600), "paced: {paced}");
    }
}

#[test]
fn paced_it_takes_its_time_and_asks_nobody_for_room() {
    let ear = Ear::with_room(0);
    let mut file = count(4800).callback(160).realtime(true);
    let start = Instant::now();
    file.start(ear.boxed()).expect("the first start");
    ear.wait_for_end();
    let took = start.elapsed();
    file.stop();
    // 300 ms of audio, each buffer once it is over; the end is where one more would be.
    assert!(took >= Duration::from_millis(310), "{took:?}");
    assert!(took < Duration::from_secs(3), "{took:?}");
    assert_eq!(ear.samples(), numbers(0..4800));
    // Counted, not measured: however late the thread was, the stamps are even.
    let stamps: Vec<u64> = ear.buffers().iter().map(|(_, host_ns)| *host_ns).collect();
    assert!(stamps.windows(2).all(|pair| pair[1] - pair[0] == 10_000_000), "{stamps:?}");
}

#[test]
fn a_slow_listener_does_not_slow_a_paced_file_down() {
    struct Slow(Ear);
    impl Capture for Slow {
        fn audio(&mut self, buffer: Buffer<'_>) {
            // Late by four buffers, once.
            if self.0.heard().len() == 3 {
                thread::sleep(Duration::from_millis(40));
            }
            self.0.audio(buffer);
        }
        fn notice(&mut self, notice: Notice) {
            self.0.notice(notice);
        }
    }
    let ear = Ear::default();
    let mut file = count(3200).callback(160).realtime(true);
    let start = Instant::now();
    file.start(Box::new(Slow(ear.clone()))).expect("the first start");
    ear.wait_for_end();
    file.stop();
    // 200 ms of audio, 10 ms until the end is seen. The 40 ms are made good, not added;
    // a busy machine may be late, but this is its best of what it can do.
    println!("200 ms took {:?} with a stall of 40 ms", start.elapsed());
    assert_eq!(ear.samples(), numbers(0..3200));
}

#[test]
fn a_stop_does_not_wait_for_the_next_buffer() {
    // Four seconds to a buffer.
    let mut file = endless().callback(64_000).realtime(true);
    let ear = Ear::default();
    file.start(ear.boxed()).expect("the first start");
    // Let it fall asleep.
    thread::sleep(Duration::from_millis(50));
    let start = Instant::now();
    assert!(file.stop().is_some());
    assert!(start.elapsed() < Duration::from_secs(2));
    assert_eq!(ear.heard(), []);
}

#[test]
fn a_later_start_is_paced_from_its_own_moment() {
    // 30 s of audio, of which 20 were heard before it was paced.
    let wav = Wav { fmt: fmt(1, 1, 1000, 16), ..Wav::count(30_000) };
    let mut file = File::from_reader("slow", Cursor::new(wav.bytes())).expect("sound");
    let ear = Ear::with_room(20_000);
    file.start(ear.boxed()).expect("the first start");
    ear.wait(|memory| memory.samples.len() == 20_000);
    let capture = file.stop().expect("the listener");
    let mut file = file.realtime(true);
    let start = Instant::now();
    file.start(capture).expect("the second start");
    ear.wait(|memory| memory.samples.len() > 20_000);
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

#[test]
fn an_endless_stream_can_be_stopped_and_dropped() {
    let ear = Ear::default();
    let mut file = endless();
    assert_eq!(file.frames_promised(), None);
    assert!(file.report().findings()[0].contains("gives no length"));
    file.start(ear.boxed()).expect("the first start");
    ear.wait(|memory| memory.samples.len() > 1000);
    file.stop();
    file.start(ear.boxed()).expect("the second start");
    drop(file);
    let so_far = ear.samples().len();
    thread::sleep(Duration::from_millis(20));
    assert_eq!(ear.samples().len(), so_far, "silence after a drop");
}

#[test]
fn input_that_breaks_ends_the_stream_and_says_why() {
    let mut bytes = Wav::count(1000).bytes();
    bytes.truncate(44 + 2 * 500);
    let broken = || {
        let input = Breaks(Cursor::new(bytes.clone()));
        File::from_reader("cable", input).expect("the header is whole").callback(160)
    };

    let (mut file, mut ear) = (broken(), Ear::default());
    let error = file.run(&mut ear).expect_err("broken");
    assert_eq!(error.kind, BackendErrorKind::Failed);
    assert!(error.message.contains("`cable`") && error.message.contains("cable pulled"), "{error}");
    assert_eq!(ear.samples(), numbers(0..500));
    assert_eq!(ear.notices(), [Notice::End]);
    assert_eq!(file.run(&mut ear).expect_err("still"), error);

    let (mut file, ear) = (broken(), Ear::default());
    let report = file.report();
    file.start(ear.boxed()).expect("the first start");
    ear.wait_for_end();
    file.stop();
    drop(file);
    assert_eq!(ear.samples(), numbers(0..500));
    assert_eq!(report.error(), Some(error));
    assert_eq!(report.frames(), 500);
}

#[test]
fn what_is_odd_about_a_file_is_told_after_it() {
    let wav = Wav { data_size: Some(4000), ..Wav::count(1000) };
    let temp = Temp::with("short.wav", &wav.bytes());
    let mut file = File::open(&temp.0).expect("audio");
    assert_eq!(file.name(), temp.0.display().to_string());
    assert_eq!(file.frames_promised(), Some(2000));
    let report = file.report();
    file.run(&mut Ear::default()).expect("audio");
    drop(file);
    assert!(report.findings()[0].contains("1000 frames"), "{:?}", report.findings());
    assert_eq!(report.error(), None);
}

#[test]
fn starting_twice_or_after_the_end_is_refused() {
    let ear = Ear::with_room(0);
    let mut file = count(100);
    file.start(ear.boxed()).expect("the first start");
    let twice = file.start(Ear::default().boxed()).expect_err("running");
    assert_eq!(twice.kind, BackendErrorKind::Busy);
    assert_eq!(file.run(&mut Ear::default()).expect_err("running").kind, BackendErrorKind::Busy);
    ear.memory().room = None;
    ear.wait_for_end();
    file.stop();
    let ended = file.start(ear.boxed()).expect_err("at its end");
    assert_eq!(ended.kind, BackendErrorKind::Busy);
    assert!(ended.message.contains("at its end"), "{ended}");
}

#[test]
fn a_listener_that_panics_takes_only_itself() {
    struct Panics(Ear);
    impl Capture for Panics {
        fn audio(&mut self, buffer: Buffer<'_>) {
            self.0.audio(buffer);
            panic!("on purpose: the test of a panicking listener");
        }
        fn notice(&mut self, _: Notice) {}
    }
    let (mut file, ear) = (count(1000), Ear::default());
    file.start(Box::new(Panics(ear.clone()))).expect("the first start");
    ear.wait(|memory| !memory.heard.is_empty());
    assert!(file.stop().is_none());
    let error = file.start(Ear::default().boxed()).expect_err("lost");
    assert!(error.message.contains("panicked"), "{error}");
}

#[test]
fn what_is_no_wav_file_is_refused_when_it_is_opened() {
    let error = File::from_reader("stdin", Cursor::new(b"OggS\0\x02\0\0\0\0\0\0".to_vec()));
    let message = error.expect_err("Ogg").message;
    assert!(message.contains("`stdin`"), "{message}");
    // With the feature `decode` it is a file that was cut off.
    let told = if cfg!(feature = "decode") { "ends before its audio" } else { "-f wav -`" };
    assert!(message.contains(told), "{message}");
}
