//! The scripted device: its time, its counts, and that it does what it is told.

use std::sync::{Arc, Mutex};

use tympan_backends::mock::{Clock, Counters, Mock, MockHandle, Script, Signal, Stall, Step};
use tympan_backends::{Backend, BackendError, BackendErrorKind, Buffer, Capture, Notice};
use tympan_core::Format;

use crate::ear::{Ear, Heard};

fn running(format: Format) -> (Mock, MockHandle, Ear) {
    let (mut mock, handle) = Mock::new(format);
    let ear = Ear::default();
    mock.start(ear.boxed()).expect("the first start");
    (mock, handle, ear)
}

fn frames_heard(ear: &Ear) -> Vec<u64> {
    ear.samples().iter().map(|s| Signal::ramp_frame(*s)).collect()
}

const MS: u64 = 1_000_000;

#[test]
fn nothing_moves_by_itself() {
    let (mut mock, handle, ear) = running(Format::mono(48_000));
    assert_eq!(mock.format().expect("known"), Format::mono(48_000));
    assert!(handle.is_running());
    assert_eq!(ear.heard(), []);
    assert_eq!(handle.clock().now_ns(), 0);
}

#[test]
fn time_is_exact_at_rates_that_do_not_divide() {
    for (rate, callback) in
        [(48_000, 480), (44_100, 441), (44_100, 512), (11_025, 100), (16_007, 1)]
    {
        let (_mock, handle, ear) = running(Format::mono(rate));
        handle.callback(callback);
        // In pieces that fit nothing.
        for _ in 0..1000 {
            handle.advance(7);
        }
        let whole = 7 * u64::from(rate) / callback as u64;
        assert_eq!(handle.clock().now_ns(), 7000 * MS);
        assert_eq!(handle.counters().callbacks, whole, "{rate} {callback}");
        assert_eq!(handle.counters().delivered, whole * callback as u64);
        for (n, (frames, host_ns)) in (0..).zip(ear.buffers()) {
            assert_eq!(frames, callback);
            assert_eq!(host_ns, n * callback as u64 * 1_000_000_000 / u64::from(rate));
        }
    }
}

#[test]
fn the_clock_shows_a_callback_the_moment_its_last_frame_is_over() {
    struct Watch(Clock, Arc<Mutex<Vec<u64>>>);
    impl Capture for Watch {
        fn audio(&mut self, _: Buffer<'_>) {
            self.1.lock().expect("no panic").push(self.0.now_ns());
        }
        fn notice(&mut self, _: Notice) {}
    }
    let (mut mock, handle) = Mock::new(Format::mono(48_000));
    let seen = Arc::default();
    mock.start(Box::new(Watch(handle.clock().clone(), Arc::clone(&seen)))).expect("first");
    handle.advance(25);
    handle.deliver(480);
    assert_eq!(*seen.lock().expect("no panic"), [10 * MS, 20 * MS, 30 * MS]);
    assert_eq!(handle.clock().now_ns(), 30 * MS);
}

#[test]
fn a_loss_moves_time_and_signal_and_is_told() {
    let (_mock, handle, ear) = running(Format::mono(48_000));
    handle.deliver(480);
    handle.lose(96);
    handle.deliver(480);
    assert_eq!(ear.buffers(), [(480, 0), (480, 12 * MS)]);
    assert_eq!(ear.notices(), [Notice::Lost(96)]);
    let heard = frames_heard(&ear);
    assert_eq!((heard[479], heard[480]), (479, 576));
    let counters = Counters { callbacks: 2, delivered: 960, lost: 96, missed: 0 };
    assert_eq!(handle.counters(), counters);
}

#[test]
fn a_silent_stall_loses_without_a_word() {
    let (_mock, handle, ear) = running(Format::mono(48_000));
    handle.advance(20);
    handle.stall(1005, Stall::Silent);
    handle.advance(10);
    assert_eq!(ear.buffers(), [(480, 0), (480, 10 * MS), (480, 1025 * MS)]);
    assert_eq!(ear.notices(), []);
    assert_eq!(frames_heard(&ear)[960], 1025 * 48);
    assert_eq!(handle.counters().missed, 1005 * 48);
    assert_eq!(handle.counters().lost, 0);
}

#[test]
fn a_burst_keeps_everything_with_the_stamps_of_its_capture() {
    let (_mock, handle, ear) = running(Format::mono(48_000));
    handle.advance(20);
    handle.stall(55, Stall::Burst);
    assert_eq!(handle.clock().now_ns(), 75 * MS);
    assert_eq!(handle.counters().callbacks, 7);
    handle.advance(5);
    let stamps: Vec<u64> = ear.buffers().iter().map(|(_, host_ns)| host_ns / MS).collect();
    assert_eq!(stamps, [0, 10, 20, 30, 40, 50, 60, 70]);
    assert_eq!(frames_heard(&ear), (0..8 * 480).collect::<Vec<u64>>());
}

#[test]
fn a_new_format_comes_with_the_next_buffer() {
    let (mut mock, handle, ear) = running(Format::mono(48_000));
    handle.advance(12);
    handle.set_format(Format::stereo(16_000));
    handle.callback(160);
    assert_eq!(mock.format().expect("known"), Format::stereo(16_000));
    handle.advance(10);
    let heard = ear.heard();
    let Heard::Audio { frames, format, host_ns, first } = heard[1] else {
        panic!("{heard:?}");
    };
    assert_eq!((frames, format, host_ns), (160, Format::stereo(16_000), 12 * MS));
    // The 2 ms that had begun are gone, and counted.
    assert_eq!(Signal::ramp_frame(first), 480 + 96);
    assert_eq!(handle.counters().missed, 96);
    assert_eq!(ear.samples().len(), 480 + 2 * 160);
}

#[test]
fn a_nonsense_format_is_passed_on_and_time_survives_it() {
    let (_mock, handle, ear) = running(Format::mono(48_000));
    handle.set_format(Format::new(0, 0));
    handle.advance(100);
    handle.stall(100, Stall::Burst);
    handle.deliver(480);
    handle.lose(10);
    assert_eq!(handle.clock().now_ns(), 200 * MS);
    assert_eq!(
        ear.heard()[0],
        Heard::Audio { frames: 0, format: Format::new(0, 0), host_ns: 0, first: 0.0 }
    );
    handle.set_format(Format::mono(48_000));
    handle.advance(10);
    assert_eq!(ear.buffers().last(), Some(&(480, 200 * MS)));
}

#[test]
fn breaks_and_the_end_are_told_in_order_and_nothing_comes_after_the_end() {
    let (mut mock, handle, ear) = running(Format::mono(48_000));
    handle.deliver(10);
    handle.brk();
    handle.deliver(20);
    handle.end();
    handle.deliver(30);
    handle.brk();
    handle.lose(5);
    handle.end();
    handle.advance(100);
    assert_eq!(ear.notices(), [Notice::Break, Notice::End]);
    assert_eq!(ear.heard()[1], Heard::Notice(Notice::Break));
    assert_eq!(handle.counters(), Counters { callbacks: 2, delivered: 30, lost: 0, missed: 0 });
    assert!(!handle.is_running());
    assert!(mock.stop().is_some(), "the listener comes back all the same");
    let error = mock.start(ear.boxed()).expect_err("it has ended");
    assert_eq!(error.kind, BackendErrorKind::Busy);
}

#[test]
fn a_second_start_is_refused_and_the_first_goes_on() {
    let (mut mock, handle, ear) = running(Format::mono(48_000));
    let other = Ear::default();
    let error = mock.start(other.boxed()).expect_err("running");
    assert_eq!(error.kind, BackendErrorKind::Busy);
    handle.deliver(480);
    assert_eq!((ear.samples().len(), other.samples().len()), (480, 0));
}

#[test]
fn stop_means_stop_and_a_start_goes_on() {
    let (mut mock, handle, ear) = running(Format::mono(48_000));
    handle.advance(15);
    let capture = mock.stop().expect("the listener");
    assert!(mock.stop().is_none());
    handle.advance(100);
    handle.deliver(480);
    handle.lose(10);
    handle.brk();
    handle.stall(100, Stall::Burst);
    assert_eq!(ear.heard().len(), 1);
    assert_eq!(handle.clock().now_ns(), 225 * MS);
    mock.start(capture).expect("the second start");
    handle.advance(10);
    assert_eq!(ear.buffers(), [(480, 0), (480, 225 * MS)]);
    assert_eq!(frames_heard(&ear), (0..960).collect::<Vec<u64>>());
    drop(mock);
    handle.advance(10);
    assert_eq!(ear.heard().len(), 2, "silence after a drop");
}

#[test]
fn a_refused_start_can_be_tried_again() {
    let (mut mock, handle) = Mock::new(Format::mono(48_000));
    let error = BackendError::new(BackendErrorKind::Permission, "the user said no");
    handle.refuse_start(error.clone());
    assert_eq!(mock.start(Ear::default().boxed()), Err(error));
    assert_eq!(mock.start(Ear::default().boxed()), Ok(()));
}

fn chaos(seed: u64) -> (Vec<Heard>, Vec<f32>, Counters, u64) {
    let (_mock, handle, ear) = running(Format::stereo(44_100));
    handle.seed(seed);
    handle.signal(Signal::Noise { seed, level: 0.5 });
    handle.play(&Script::new([
        Step::Jitter { ms: 20 },
        Step::Advance { ms: 500 },
        Step::Random { seed, callbacks: 100, max_frames: 700 },
        Step::Lose(33),
        Step::Format(Format::mono(48_000)),
        Step::Callback { frames: 256 },
        Step::StallBurst { ms: 90 },
        Step::Jitter { ms: 0 },
        Step::StallSilent { ms: 30 },
        Step::Deliver(100),
        Step::Break,
        Step::Advance { ms: 50 },
        Step::End,
    ]));
    (ear.heard(), ear.samples(), handle.counters(), handle.clock().now_ns())
}

#[test]
fn chance_repeats_itself_by_seed() {
    assert_eq!(chaos(1), chaos(1));
    assert_ne!(chaos(1).0, chaos(2).0);
    let (heard, samples, counters, _) = chaos(3);
    let of = |heard: &Heard| match heard {
        Heard::Audio { frames, format, .. } => (*frames, frames * usize::from(format.channels)),
        Heard::Notice(_) => (0, 0),
    };
    let (frames, values) = heard.iter().map(of).fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
    assert_eq!((frames as u64, values), (counters.delivered, samples.len()));
    assert_eq!(counters.lost, 33);
    assert!(samples.iter().all(|s| s.abs() <= 0.5));
}

#[test]
fn every_frame_of_the_world_is_delivered_lost_or_missed() {
    // 48 kHz throughout, so that time and frames are the same account.
    let (_mock, handle, _ear) = running(Format::mono(48_000));
    handle.play(&Script::new([
        Step::Advance { ms: 1003 },
        Step::Random { seed: 7, callbacks: 1000, max_frames: 8192 },
        Step::Jitter { ms: 500 },
        Step::Advance { ms: 10_000 },
        Step::Lose(12_345),
        Step::StallBurst { ms: 777 },
        Step::StallSilent { ms: 10_000 },
        Step::Format(Format::stereo(48_000)),
    ]));
    let Counters { delivered, lost, missed, .. } = handle.counters();
    let world = handle.clock().now_ns() * 48 / MS;
    assert_eq!(delivered + lost + missed, world);
}

#[test]
fn jitter_varies_stamps_and_sizes_within_its_bounds() {
    let (_mock, handle, ear) = running(Format::mono(48_000));
    handle.jitter(5);
    handle.advance(10_000);
    let mut frame = 0;
    for (frames, host_ns) in ear.buffers() {
        let due = frame * 1_000_000_000 / 48_000;
        assert!((due..=due + 5 * MS).contains(&host_ns));
        assert!((1..=960).contains(&frames));
        frame += frames as u64;
    }
    let sizes = ear.buffers().into_iter().map(|(frames, _)| frames);
    assert!(sizes.clone().min() < Some(100) && sizes.max() > Some(860));
    assert_eq!(frames_heard(&ear), (0..frame).collect::<Vec<u64>>());
}

#[test]
fn two_devices_on_one_clock_keep_together() {
    let clock = Clock::new();
    let (mut mic, mic_handle) = Mock::on_clock(Format::mono(48_000), &clock);
    let (mut far, far_handle) = Mock::on_clock(Format::stereo(44_100), &clock);
    mic.start(Ear::default().boxed()).expect("first");
    far.start(Ear::default().boxed()).expect("first");
    for _ in 0..100 {
        clock.advance_ms(10);
        mic_handle.catch_up();
        far_handle.catch_up();
    }
    assert_eq!(mic_handle.counters().delivered, 48_000);
    assert_eq!(far_handle.counters().delivered, 44_100);
}

/// A second of a signal in one piece, and cut.
fn second(signal: impl Fn() -> Signal, format: Format) -> Vec<f32> {
    let (_mock, whole, ear) = running(format);
    whole.signal(signal());
    whole.deliver(2 * format.rate as usize);
    let (_mock, cut, pieces) = running(format);
    cut.signal(signal());
    cut.random(5, 10_000, 16);
    let all = ear.samples();
    let some = pieces.samples();
    let both = all.len().min(some.len());
    assert!(both > format.rate as usize && all[..both] == some[..both], "{:?}", signal());
    all
}

#[test]
fn every_signal_is_the_same_however_it_is_cut() {
    let mono = Format::mono(16_000);
    assert!(second(|| Signal::Silence, mono).iter().all(|s| *s == 0.0));
    let tone = second(|| Signal::Sine { hz: 1000.0, level: 0.5 }, mono);
    assert_eq!(
        tone[..5].iter().map(|s| (s * 1e6).round() as i32).collect::<Vec<_>>(),
        [0, 191_342, 353_553, 461_940, 500_000]
    );
    let noise = second(|| Signal::Noise { seed: 1, level: 0.1 }, Format::stereo(16_000));
    let mean: f32 = noise.iter().sum::<f32>() / noise.len() as f32;
    assert!(mean.abs() < 0.002 && noise.iter().all(|s| s.abs() <= 0.1));
    assert!(noise.chunks(2).any(|frame| frame[0] != frame[1]));
    let custom =
        || Signal::Custom(Box::new(|frame, channel| frame as f32 + 0.5 * f32::from(channel)));
    assert_eq!(second(custom, Format::stereo(8000))[..4], [0.0, 0.5, 1.0, 1.5]);
    second(|| Signal::Speechlike { seed: 3 }, Format::mono(44_100));
}

#[test]
fn the_ramp_tells_frames_apart_for_four_days_of_callbacks() {
    let (_mock, handle, ear) = running(Format::mono(48_000));
    let last = (1 << 24) - 1;
    handle.lose(last);
    handle.deliver(3);
    assert_eq!(frames_heard(&ear), [last, 0, 1]);
}

#[test]
fn speechlike_has_voice_and_pauses_and_is_never_exact_silence() {
    for rate in [8000, 48_000] {
        let (_mock, handle, ear) = running(Format::mono(rate));
        handle.signal(Signal::Speechlike { seed: 11 });
        handle.deliver(16 * rate as usize);
        let samples = ear.samples();
        assert!(samples.iter().all(|s| s.is_finite() && s.abs() <= 1.0));
        let level = |block: &[f32]| {
            let power: f32 = block.iter().map(|s| s * s).sum::<f32>() / block.len() as f32;
            10.0 * power.log10()
        };
        let levels: Vec<f32> = samples.chunks(rate as usize / 50).map(level).collect();
        let share = |test: &dyn Fn(f32) -> bool| {
            levels.iter().filter(|level| test(**level)).count() as f32 / levels.len() as f32
        };
        assert!(levels[0] < -60.0, "it starts with a pause");
        let (voice, pause) = (share(&|level| level > -30.0), share(&|level| level < -60.0));
        assert!(voice > 0.35 && voice < 0.8, "{voice} at {rate}");
        assert!(pause > 0.2 && pause < 0.6, "{pause} at {rate}");
        assert!(samples.chunks(100).all(|block| block.iter().any(|s| *s != 0.0)));
    }
}
