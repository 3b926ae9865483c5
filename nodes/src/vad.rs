//! `vad`: how likely it is that somebody speaks, a hundred times a second.
//!
//! It says so twice, because the two who listen want different things. A gate may wait
//! and wants few mistakes: it gets a value that is averaged over a seventh of a second
//! and stands at the moment it speaks of. Whoever is to fall silent when the user
//! speaks (barge-in) cannot wait: `speech_start` comes from the newest frame alone, and
//! so it demands more of it.

#[cfg(feature = "earshot")]
mod earshot;
mod energy;
#[cfg(feature = "webrtc-vad")]
#[allow(unsafe_code, reason = "the detector's library is C; see the SAFETY comment there")]
mod webrtc;

use tympan_core::{
    Border, Build, Built, Flow, Input, Kind, Live, Node, Output, Param, Refusal, Spec, What,
};

use energy::{Level, Standing};

/// Detects voice with one of three engines.
///
/// # Values
/// A hundred per second, from 0 to 1, which are the same however the input was cut; the
/// value at a position is about the sound at that position. That is what the `delay` of
/// the node stands for: what an engine needs to make up its mind, and half of the
/// average. It costs nobody any time: a gate sees a value as soon as it is there, and
/// knows by the delay how far to reach back.
///
/// # Events
/// `speech_start` when the newest frame reaches `on`; its position is the beginning of
/// that frame, so it comes when the frame is full. `speech_end` when there was nothing
/// above `off` for the time of `hold`. Speech that a segment's end cuts off ends with
/// the segment: no event of its own says so.
pub struct Vad {
    engine: Box<dyn Engine>,
    level: Level,
    mean: Mean,
    talk: Talk,
}

/// Values per second.
const RATE: u32 = 100;

/// How long a stretch each value speaks for. Longer is surer and later; beyond this,
/// short words begin to drown.
const MEAN_MS: f32 = 144.0;

/// What an engine makes of a frame.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Score {
    /// For the stream of values: 0.5 is as likely as not.
    value: f32,
    /// For the events: what is known now, to be compared with `on` and `off`.
    now: f32,
}

/// One way to tell voice from everything else.
trait Engine: Send {
    /// Takes the next frame. `standing` says how it stands out from the room.
    fn hear(&mut self, frame: &[f32], standing: Standing) -> Score;

    fn reset(&mut self, border: Border);
}

/// An engine, and what it needs to run.
struct Ready {
    engine: Box<dyn Engine>,
    /// Frames of audio per score.
    frames: u32,
    /// How long it takes to make up its mind, measured against labels.
    lag_ms: f32,
}

impl Kind for Vad {
    const NAME: &'static str = "vad";
    const ABOUT: &'static str = "Tells how likely it is that somebody speaks.";
    const OUTPUT: Flow = Flow::Control;
    const PARAMS: &'static [Param] = &[
        Param::choice("engine", &["earshot", "webrtc", "energy"], "earshot").about(
            "what detects: a network (16 kHz), WebRTC's way (8 to 48 kHz), or loudness (any rate)",
        ),
        Param::whole("mode", 0, 3, 2).about("`webrtc` only: 0 misses least, 3 is alarmed least"),
        Param::number("on", 0.0, 1.0, 0.66)
            .live()
            .about("`speech_start` from here on; higher is later and surer"),
        Param::number("off", 0.0, 1.0, 0.45).live().about("`speech_end` only below this"),
        Param::time("hold", 0.0, 10_000.0, 300.0).about("how long it must stay below `off`"),
    ];

    fn build(cx: &Build<'_>) -> Result<Built, Refusal> {
        let Ready { engine, frames, lag_ms } = engine(cx)?;
        if cx.number("off") > cx.number("on") {
            let (on, off) = (cx.number("on"), cx.number("off"));
            let why = format!("speech would end at {off} before it can begin at `on` ({on})");
            return Err(Refusal::Setting { name: "off", why });
        }
        let frame_ms = frames as f32 * 1000.0 / cx.input(0).rate as f32;
        let mean = (MEAN_MS / frame_ms).round().max(1.0);
        let late_ms = lag_ms + (mean - 1.0) / 2.0 * frame_ms;
        let delay = (late_ms * RATE as f32 / 1000.0).round() as u32;
        Spec::control(RATE).fixed(frames).delay(delay).runs(Self {
            engine,
            level: Level::new(frame_ms / 1000.0),
            mean: Mean::new(mean as usize),
            talk: Talk::new(cx, frames),
        })
    }
}

fn engine(cx: &Build<'_>) -> Result<Ready, Refusal> {
    match cx.text("engine") {
        #[cfg(feature = "earshot")]
        "earshot" => earshot::ready(cx.input(0)),
        #[cfg(feature = "webrtc-vad")]
        "webrtc" => webrtc::ready(cx.input(0), cx.whole("mode")),
        "energy" => energy::ready(cx.input(0)),
        // A graph means the same in every build, or it is refused.
        other => Err(Refusal::Setting {
            name: "engine",
            why: format!(
                "this build is without `{other}`; turn on the feature `{}`, or take \"energy\", which is much less sure",
                if other == "webrtc" { "webrtc-vad" } else { other }
            ),
        }),
    }
}

impl Node for Vad {
    fn process(&mut self, input: Input<'_>, output: &mut Output<'_>) {
        let frame = input.channel(0, 0);
        // The filling behind an end says nothing about the room.
        let captured = input.real() > 0;
        let standing = if captured { self.level.hear(frame) } else { Standing::default() };
        let Score { value, now } = self.engine.hear(frame, standing);
        output.channel(0).fill(self.mean.with(value).clamp(0.0, 1.0));
        if let Some(turn) = self.talk.hear(now) {
            output.event(0, turn);
        }
    }

    fn reset(&mut self, border: Border) {
        self.engine.reset(border);
        self.level.reset(border);
        self.mean.clear();
        self.talk.clear();
    }
}

/// The mean of the last few scores; before there were any, nobody spoke.
struct Mean {
    last: Box<[f32]>,
    next: usize,
}

impl Mean {
    fn new(of: usize) -> Self {
        Self { last: vec![0.0; of].into(), next: 0 }
    }

    fn with(&mut self, value: f32) -> f32 {
        if let Some(oldest) = self.last.get_mut(self.next) {
            *oldest = value;
        }
        self.next = if self.next + 1 < self.last.len() { self.next + 1 } else { 0 };
        // Summed anew: what was added is never all taken away again in f32.
        self.last.iter().sum::<f32>() / self.last.len() as f32
    }

    fn clear(&mut self) {
        self.last.fill(0.0);
        self.next = 0;
    }
}

/// Whether somebody speaks now: a threshold to begin, a lower one and some patience to
/// end.
struct Talk {
    on: Live,
    off: Live,
    /// In frames of the engine.
    hold: u32,
    speaks: bool,
    quiet: u32,
}

impl Talk {
    fn new(cx: &Build<'_>, frames: u32) -> Self {
        let hold = cx.frames("hold").div_ceil(frames).max(1);
        Self { on: cx.live("on"), off: cx.live("off"), hold, speaks: false, quiet: 0 }
    }

    fn hear(&mut self, now: f32) -> Option<What> {
        let on = self.on.get();
        if !self.speaks {
            self.speaks = now >= on;
            self.quiet = 0;
            return self.speaks.then_some(What::SpeechStart);
        }
        // The two may be set one after the other while it runs.
        self.quiet = if now < self.off.get().min(on) { self.quiet + 1 } else { 0 };
        self.speaks = self.quiet < self.hold;
        (!self.speaks).then_some(What::SpeechEnd)
    }

    fn clear(&mut self) {
        self.speaks = false;
        self.quiet = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench_top::refusal;
    use tympan_core::{
        Event, Executor, Format, Graph, Header, KindInfo, Limits, NodeDef, OutputDef, Planar,
        Reason, Sink, Value,
    };

    /// A `vad` at work, its values and its events.
    struct Ears {
        graph: Graph,
        executor: Executor,
        heard: Heard,
    }

    #[derive(Clone, Debug, Default, PartialEq)]
    struct Heard {
        values: Vec<f32>,
        events: Vec<(What, i64)>,
    }

    impl Sink for Heard {
        fn audio(&mut self, _: usize, _: &Header, block: Planar<'_>) {
            self.values.extend_from_slice(block.channel(0));
        }

        fn packet(&mut self, _: usize, _: &Header, _: &[u8]) {}

        fn event(&mut self, event: Event) {
            if matches!(event.what, What::SpeechStart | What::SpeechEnd) {
                self.events.push((event.what, event.position * 1000 / i64::from(event.rate)));
            }
        }
    }

    impl Ears {
        fn new(engine: &str, rate: u32) -> Self {
            let mut vad = NodeDef::new("vad", KindInfo::of::<Vad>());
            vad.set("engine", Value::Text(engine.into())).unwrap();
            Self::of(vad, rate)
        }

        fn of(vad: NodeDef, rate: u32) -> Self {
            let mut graph = Graph::new();
            graph.node(vad).output(OutputDef::new("values").from("vad"));
            let plan = graph.plan(&[Format::mono(rate)], Limits::default());
            let executor = plan.unwrap_or_else(|e| panic!("{e}")).executor();
            Self { graph, executor, heard: Heard::default() }
        }

        fn push(&mut self, samples: &[f32]) {
            self.executor.push(samples, &mut self.heard);
        }

        /// Ends the segment, or the take, and returns what was heard.
        fn end(&mut self, border: Border) -> Heard {
            match border {
                Border::Take => self.executor.drain(&mut self.heard),
                _ => self.executor.end_segment(Reason::Interruption, &mut self.heard),
            }
            std::mem::take(&mut self.heard)
        }

        fn hear(&mut self, samples: &[f32]) -> Heard {
            self.push(samples);
            self.end(Border::Segment)
        }
    }

    /// Every engine of this build, at every rate it is made for or at odd ones.
    fn engines() -> Vec<(&'static str, u32)> {
        let mut all = vec![("energy", 8_000), ("energy", 11_025), ("energy", 44_100)];
        if cfg!(feature = "earshot") {
            all.push(("earshot", 16_000));
        }
        if cfg!(feature = "webrtc-vad") {
            all.extend([8_000, 16_000, 32_000, 48_000].map(|rate| ("webrtc", rate)));
        }
        all
    }

    /// Steady, and the same everywhere.
    fn noise(rate: u32, ms: u32, loud: f32) -> Vec<f32> {
        let mut seed = 1u32;
        let next = |_| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            ((seed >> 8) as f32 / (1 << 23) as f32 - 1.0) * loud
        };
        (0..rate * ms / 1000).map(next).collect()
    }

    /// Something like "amiamia": a buzz that glides about 130 Hz through two formants
    /// that move, four syllables a second.
    fn voice(rate: u32, ms: u32) -> Vec<f32> {
        let tau = 2.0 * std::f64::consts::PI;
        let (mut phase, mut voice) = (0.0, Vec::new());
        for i in 0..rate * ms / 1000 {
            let t = f64::from(i) / f64::from(rate);
            let hz = 130.0 + 25.0 * (tau * 0.8 * t).sin();
            phase += hz / f64::from(rate);
            let vowel = 0.5 + 0.5 * (tau * 2.0 * t).sin();
            let formants = [750.0 - 450.0 * vowel, 1150.0 + 1100.0 * vowel];
            let harmonic = |n: i32| {
                let near = |f: f64| 1.0 / (1.0 + ((hz * f64::from(n) - f) / 90.0).powi(2));
                (formants.map(near).iter().sum::<f64>() + 0.01) * (tau * phase * f64::from(n)).sin()
            };
            let syllable = 0.55 - 0.45 * (tau * 4.0 * t).cos();
            voice.push(((1..28).map(harmonic).sum::<f64>() * syllable * 0.1) as f32);
        }
        voice
    }

    /// A second of a room, a second and a half of voice in it, two of the room.
    fn scene(rate: u32, room: f32) -> Vec<f32> {
        let mut x = noise(rate, 4500, room);
        for (x, v) in x[rate as usize..].iter_mut().zip(voice(rate, 1500)) {
            *x += v;
        }
        x
    }

    #[test]
    fn silence_is_no_speech() {
        for (engine, rate) in engines() {
            let heard = Ears::new(engine, rate).hear(&vec![0.0; rate as usize]);
            assert_eq!(heard.values.len(), 100, "{engine} at {rate}");
            assert!(
                heard.values.iter().all(|v| *v < 0.3),
                "{engine} at {rate}: {:?}",
                heard.values
            );
            if engine == "webrtc" {
                assert!(heard.values.iter().all(|v| *v == 0.0), "at {rate}: {:?}", heard.values);
            }
            assert_eq!(heard.events, [], "{engine} at {rate}");
        }
    }

    #[test]
    fn steady_noise_is_no_speech() {
        for (engine, rate) in engines() {
            // WebRTC's takes loud white noise for a voice, whatever its mode.
            let loud = if engine == "webrtc" { 0.003 } else { 0.1 };
            let heard = Ears::new(engine, rate).hear(&noise(rate, 6000, loud));
            // Some need a while to know the room.
            let late = &heard.values[300..];
            assert!(late.iter().all(|v| *v < 0.5), "{engine} at {rate}: {late:?}");
            let speaks = heard.events.iter().filter(|(_, ms)| *ms > 3000).count();
            assert_eq!(speaks, 0, "{engine} at {rate}: {:?}", heard.events);
        }
    }

    #[test]
    fn a_voice_is_heard_where_it_is_and_told_soon() {
        for (engine, rate) in engines() {
            let what = format!("{engine} at {rate}");
            let heard = Ears::new(engine, rate).hear(&scene(rate, 0.001));
            assert_eq!(heard.values.len(), 450, "{what}");
            let first = heard.values.iter().position(|v| *v >= 0.5).expect(&what);
            assert!((94..=108).contains(&first), "{what}: from {first}0 ms on");
            assert!(heard.values[115..240].iter().all(|v| *v >= 0.47), "{what}: {heard:?}");
            assert!(heard.values[330..].iter().all(|v| *v < 0.47), "{what}: {heard:?}");
            let [(What::SpeechStart, start), (What::SpeechEnd, end)] = heard.events[..] else {
                panic!("{what}: {:?}", heard.events)
            };
            assert!((980..1130).contains(&start), "{what}: begins at {start} ms");
            assert!((2750..3300).contains(&end), "{what}: ends at {end} ms");
        }
    }

    /// A microphone that is half a room away hears the same.
    #[cfg(feature = "earshot")]
    #[test]
    fn a_quiet_microphone_hears_as_well_as_a_loud_one() {
        let x = scene(16_000, 0.003);
        let at = |db: f32| {
            let gain = 10f32.powf(db / 20.0);
            Ears::new("earshot", 16_000).hear(&x.iter().map(|x| x * gain).collect::<Vec<_>>())
        };
        let as_is = at(0.0);
        for db in [-20.0, -10.0, 6.0] {
            let heard = at(db);
            assert_eq!(heard.events.len(), as_is.events.len(), "{db} dB: {:?}", heard.events);
            for (one, other) in heard.events.iter().zip(&as_is.events) {
                assert!((one.1 - other.1).abs() <= 100, "{db} dB: {one:?}, {other:?}");
            }
            assert!(heard.values[115..240].iter().all(|v| *v >= 0.47), "{db} dB: {heard:?}");
        }
    }

    /// Mains hum is a little like a voice to the network.
    #[cfg(feature = "earshot")]
    #[test]
    fn speech_ends_in_a_room_that_hums() {
        let tau = 2.0 * std::f64::consts::PI;
        let tone = |n: f64, i: usize| (tau * 50.0 * n * i as f64 / 16_000.0).sin() / n;
        let mut x = scene(16_000, 0.0005);
        for (i, x) in x.iter_mut().enumerate() {
            *x += 0.02 * (1..12).map(|n| tone(f64::from(n), i)).sum::<f64>() as f32;
        }
        let events = Ears::new("earshot", 16_000).hear(&x).events;
        let [(What::SpeechStart, _), (What::SpeechEnd, end)] = events[..] else {
            panic!("{events:?}")
        };
        assert!((2500..3600).contains(&end), "ends at {end} ms");
    }

    /// Each mode of WebRTC's detector is alarmed less often than the one before, and
    /// all hear a voice.
    #[cfg(feature = "webrtc-vad")]
    #[test]
    fn webrtc_has_four_modes() {
        let hear = |mode: i64, x: &[f32]| {
            let mut vad = NodeDef::new("vad", KindInfo::of::<Vad>());
            vad.set("engine", Value::Text("webrtc".into())).unwrap();
            vad.set("mode", Value::Whole(mode)).unwrap();
            let heard = Ears::of(vad, 8_000).hear(x);
            heard.values.iter().filter(|v| **v >= 0.5).count()
        };
        let alarms = [0, 1, 2, 3].map(|mode| hear(mode, &noise(8_000, 6000, 0.03)));
        assert!(alarms.is_sorted_by(|a, b| a >= b) && alarms[0] > alarms[3], "{alarms:?}");
        let heard = [0, 1, 2, 3].map(|mode| hear(mode, &scene(8_000, 0.001)));
        assert!(heard.iter().all(|values| (130..220).contains(values)), "{heard:?}");
    }

    #[test]
    fn values_and_events_do_not_depend_on_the_cut() {
        for (engine, rate) in engines() {
            let x = scene(rate, 0.001);
            let whole = Ears::new(engine, rate).hear(&x);
            let mut ears = Ears::new(engine, rate);
            let (mut rest, mut size) = (&x[..], 1);
            while !rest.is_empty() {
                let n = size.min(rest.len());
                ears.push(&rest[..n]);
                rest = &rest[n..];
                size = size * 7 % 1013 + 1;
            }
            assert!(ears.end(Border::Segment) == whole, "{engine} at {rate}");
        }
    }

    #[test]
    fn a_new_take_begins_like_the_first() {
        for (engine, rate) in engines() {
            let x = scene(rate, 0.001);
            let mut ears = Ears::new(engine, rate);
            ears.push(&x);
            let first = ears.end(Border::Take);
            ears.push(&noise(rate, 700, 0.3));
            ears.end(Border::Segment);
            ears.push(&voice(rate, 800));
            ears.end(Border::Take);
            ears.push(&x);
            assert!(ears.end(Border::Take) == first, "{engine} at {rate}");
        }
    }

    #[test]
    fn nothing_comes_over_a_border_but_what_was_learned() {
        for (engine, rate) in engines() {
            let mut ears = Ears::new(engine, rate);
            let spoken = ears.hear(&scene(rate, 0.001)[..2 * rate as usize]);
            assert!(spoken.events.iter().any(|e| e.0 == What::SpeechStart), "{engine} at {rate}");
            let heard = ears.hear(&vec![0.0; rate as usize]);
            assert!(heard.values.iter().all(|v| *v < 0.3), "{engine} at {rate}: {heard:?}");
            assert_eq!(heard.events, [], "{engine} at {rate}");
            // And it is not deaf behind it.
            let again = ears.hear(&scene(rate, 0.001));
            assert!(again.values[120..240].iter().all(|v| *v > 0.4), "{engine} at {rate}");
        }
    }

    #[test]
    fn the_loudest_input_there_can_be_is_only_loud() {
        for (engine, rate) in engines() {
            let square = |i: u32| if (i / 40).is_multiple_of(2) { 1e9 } else { f32::NEG_INFINITY };
            let heard = Ears::new(engine, rate).hear(&(0..rate).map(square).collect::<Vec<_>>());
            assert!(heard.values.iter().all(|v| (0.0..=1.0).contains(v)), "{engine} at {rate}");
        }
    }

    #[test]
    fn thresholds_can_be_turned_while_it_runs() {
        // The voice is not much louder than this room.
        let x = scene(8_000, 0.05);
        let mut ears = Ears::new("energy", 8_000);
        ears.graph.param("vad", "on").unwrap().set(1.0).unwrap();
        assert_eq!(ears.hear(&x).events, []);
        ears.graph.param("vad", "on").unwrap().set(0.6).unwrap();
        // It ends below `on`, whatever `off` says: else it would end where it begins.
        ears.graph.param("vad", "off").unwrap().set(0.9).unwrap();
        let events = ears.hear(&x).events;
        assert_eq!(events.len(), 2, "{events:?}");
    }

    #[test]
    fn odd_rates_have_a_hundred_values_a_second_too() {
        for rate in [1_000, 1_001, 11_024, 22_050, 96_000] {
            let values = Ears::new("energy", rate).hear(&noise(rate, 3000, 0.1)).values;
            let frames = u64::from(rate) * 3;
            assert_eq!(values.len() as u64, (frames * 100).div_ceil(u64::from(rate)), "{rate}");
        }
    }

    #[test]
    fn what_an_engine_cannot_take_is_refused() {
        let ask = |engine: &str, format| refusal::<Vad>(&[("engine", engine.into())], format);
        let why = ask("energy", Format::stereo(16_000));
        assert!(why.contains("takes mono"), "{why}");
        if cfg!(feature = "earshot") {
            let why = ask("earshot", Format::mono(48_000));
            assert!(why.contains("16000 Hz"), "{why}");
        }
        if cfg!(feature = "webrtc-vad") {
            let why = ask("webrtc", Format::mono(44_100));
            assert!(why.contains("32000"), "{why}");
        } else {
            let why = ask("webrtc", Format::mono(16_000));
            assert!(why.contains("turn on the feature `webrtc-vad`"), "{why}");
        }
    }

    #[test]
    fn an_end_above_the_beginning_is_refused() {
        let settings = [("engine", "energy".into()), ("on", 0.5.into()), ("off", 0.6.into())];
        assert_eq!(
            refusal::<Vad>(&settings, Format::mono(8_000)),
            "`off` of `vad`: speech would end at 0.6 before it can begin at `on` (0.5)"
        );
    }

    /// The entry guard keeps NaN out, but not that of a node before this one.
    #[test]
    fn what_is_not_a_number_is_not_a_sound() {
        let mut level = Level::new(0.016);
        for bad in [f32::NAN, f32::INFINITY] {
            assert_eq!(level.hear(&[bad; 256]), Standing::default());
        }
        let first = level.hear(&[0.1; 256]);
        assert_eq!((first.now, first.lately), (0.0, 0.0));
        assert!(level.hear(&[0.2; 256]).lately > 0.1);
    }
}
