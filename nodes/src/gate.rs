//! `gate`: lets through what is said, and with it the moment before.

mod cut;
mod mute;

use tympan_core::{Build, Built, Input, Kind, Live, Param, Port, Refusal};

use cut::Cut;
use mute::Mute;

/// Opens for speech and closes behind it, by the values of a detector.
///
/// # When
/// Speech begins where the value reaches `open`, if it then stays above `close` for
/// `min_speech`; it ends where the value falls below `close`, if it stays there for
/// `min_silence`. Decisions are per frame of audio, on the values as they are held: the
/// same however the input was cut.
///
/// # What
/// From `pre_roll` before the beginning to `hang_over` behind the end. By the time a
/// beginning is certain it is past: by `min_speech`, and by how far the detector is
/// behind. The gate reaches back over both, so none of it is lost. An end is certain
/// when `min_silence` is over and the detector has told: a shorter `hang_over` than that
/// has no effect, because what was let out cannot be taken back.
///
/// So where an utterance is that the engine reports, the speech in it is known too: it
/// begins `pre_roll` behind its start, unless the segment's start or the utterance
/// before was nearer, and `hang_over` before its end it is over.
///
/// # How
/// `cut` is a cut in the graph: what lies behind runs only while the gate is open, and
/// `utterance_start` and `utterance_end` say where. `mute` keeps the timeline: it puts
/// out zeros while closed, fades over a few milliseconds within `pre_roll` and
/// `hang_over`, and is late by all it must reach back over. It raises no events: its
/// stream has no utterances, and of speech its detector tells.
///
/// What was said last before the end of a segment is let through although its detector
/// tells of it behind the end; only what is shorter than `min_speech` is not.
pub struct Gate;

impl Kind for Gate {
    const NAME: &'static str = "gate";
    const ABOUT: &'static str = "Lets speech through, with the moment before it.";
    const INPUTS: &'static [Port] = &[Port::audio("in"), Port::control("voice")];
    const PARAMS: &'static [Param] = &[
        Param::choice("mode", &["cut", "mute"], "cut")
            .about("run what lies behind only for speech, or run it always and give it silence"),
        Param::number("open", 0.0, 1.0, 0.5).live().about("speech begins at this value"),
        Param::number("close", 0.0, 1.0, 0.47).live().about("speech ends below this value"),
        Param::time("min_speech", 0.0, 2_000.0, 60.0).about("what is shorter does not open"),
        Param::time("min_silence", 0.0, 10_000.0, 400.0).about("what is shorter does not close"),
        Param::time("pre_roll", 0.0, 5_000.0, 200.0).about("let through before speech begins"),
        Param::time("hang_over", 0.0, 10_000.0, 450.0).about("let through after speech ends"),
        Param::time("longest", 0.0, 3_600_000.0, 0.0)
            .about("`cut` only: the longest utterance, another follows at once; 0 for any"),
    ];

    fn build(cx: &Build<'_>) -> Result<Built, Refusal> {
        let (open, close) = (cx.number("open"), cx.number("close"));
        if close > open {
            let why =
                format!("it would close at {close}, above `open` ({open}), and never stay open");
            return Err(Refusal::Setting { name: "close", why });
        }
        if cx.text("mode") == "cut" { Cut::built(cx) } else { Mute::built(cx) }
    }
}

/// How far audio must reach back for the beginning of what has just become certain.
fn reach(cx: &Build<'_>) -> u32 {
    cx.lag(0) + cx.frames("min_speech") + cx.frames("pre_roll")
}

/// Decides: open or closed.
struct Door {
    open: Live,
    close: Live,
    /// Frames of speech until it opens, of silence until it closes.
    to_open: usize,
    to_close: usize,
    is_open: bool,
    /// How many of them there were so far.
    so_far: usize,
}

/// What a door does, after how many frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    Open(usize),
    Close(usize),
}

impl Door {
    /// A door that closes `tail` frames behind the last speech it hears of, or later.
    fn new(cx: &Build<'_>, tail: u32) -> Self {
        Self {
            open: cx.live("open"),
            close: cx.live("close"),
            to_open: cx.frames("min_speech") as usize,
            to_close: tail.max(cx.frames("min_silence")).max(1) as usize,
            is_open: false,
            so_far: 0,
        }
    }

    /// Takes `frames` frames with the same value. It stops where it turns.
    fn hear(&mut self, value: f32, frames: usize) -> Option<Turn> {
        let open = self.open.get();
        // The two may be set one after the other while it runs.
        let close = self.close.get().min(open);
        let goes_on = if self.is_open {
            value < close
        } else if self.so_far > 0 {
            value >= close
        } else {
            value >= open
        };
        if !goes_on {
            self.so_far = 0;
            return None;
        }
        let all = if self.is_open { self.to_close } else { self.to_open };
        let missing = all - self.so_far;
        if missing > frames {
            self.so_far += frames;
            return None;
        }
        self.so_far = 0;
        self.is_open = !self.is_open;
        Some(if self.is_open { Turn::Open(missing) } else { Turn::Close(missing) })
    }

    /// The first turn in what is left of a call from frame `at` on, but before frame
    /// `until`: where, and whether it opened.
    fn turn(&mut self, input: Input<'_>, mut at: usize, until: usize) -> Option<(usize, bool)> {
        while at < until {
            let (value, stays) = input.held(0, at);
            let frames = stays.min(until - at);
            match self.hear(value, frames) {
                Some(Turn::Open(after)) => return Some((at + after, true)),
                Some(Turn::Close(after)) => return Some((at + after, false)),
                None => at += frames,
            }
        }
        None
    }

    fn shut(&mut self) {
        self.is_open = false;
        self.so_far = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench_top::Set;
    use std::collections::BTreeMap;
    use tympan_core::{
        Border, Event, Executor, Flow, Format, Graph, Header, KindInfo, Limits, Node, NodeDef,
        Output, OutputDef, PlanError, Planar, Reason, Sink, Spec, What,
    };

    /// At this rate a frame is a millisecond.
    const RATE: u32 = 1_000;

    /// A detector that is told what to say, in the second channel, and is late.
    struct Told([f32; 3]);

    impl Kind for Told {
        const NAME: &'static str = "told";
        const ABOUT: &'static str = "Says what it is told.";
        const OUTPUT: Flow = Flow::Control;

        fn build(_: &Build<'_>) -> Result<Built, Refusal> {
            Spec::control(100).fixed(10).delay(3).runs(Self([0.0; 3]))
        }
    }

    impl Node for Told {
        fn process(&mut self, input: Input<'_>, output: &mut Output<'_>) {
            output.channel(0).fill(self.0[0]);
            self.0 = [self.0[1], self.0[2], input.channel(0, 1)[0]];
        }

        fn reset(&mut self, _: Border) {
            self.0 = [0.0; 3];
        }
    }

    /// What came out of the gate, joined over the cuts: the first channel.
    #[derive(Clone, Debug, Default, PartialEq)]
    struct Heard {
        /// By segment and utterance: where it begins, and its samples.
        audio: BTreeMap<(u32, u32), (i64, Vec<f32>)>,
        turns: Vec<(What, i64)>,
    }

    impl Sink for Heard {
        fn audio(&mut self, _: usize, header: &Header, block: Planar<'_>) {
            let key = (header.segment, header.utterance);
            let new = || (header.position, Vec::new());
            let (start, samples) = self.audio.entry(key).or_insert_with(new);
            assert_eq!(header.position, *start + samples.len() as i64, "a hole");
            samples.extend_from_slice(block.channel(0));
        }

        fn packet(&mut self, _: usize, _: &Header, _: &[u8]) {}

        fn event(&mut self, event: Event) {
            if matches!(event.what, What::UtteranceStart(_) | What::UtteranceEnd(_)) {
                self.turns.push((event.what, event.position));
            }
        }
    }

    impl Heard {
        /// From where to where utterances go. Their samples are those of the input, and
        /// the events say the same.
        fn utterances(&self) -> Vec<(i64, i64)> {
            let mut spans = Vec::new();
            for (start, samples) in self.audio.values() {
                let end = start + samples.len() as i64;
                assert!(samples.iter().copied().eq((*start..end).map(ramp)), "{start} to {end}");
                spans.push((*start, end));
            }
            let told: Vec<_> = self.turns.chunks(2).map(|pair| (pair[0].1, pair[1].1)).collect();
            assert_eq!(told, spans);
            spans
        }
    }

    /// Each frame of the input tells where it is.
    fn ramp(at: i64) -> f32 {
        (at + 1) as f32 / (1 << 20) as f32
    }

    /// A gate behind the detector, at work.
    struct Hall {
        graph: Graph,
        executor: Executor,
        heard: Heard,
    }

    /// Shorter than the defaults, and `hang_over` longer than the detector's lag and
    /// `min_silence`.
    const TIMES: [(&str, f64); 4] =
        [("min_speech", 30.0), ("min_silence", 50.0), ("pre_roll", 60.0), ("hang_over", 140.0)];

    fn graph(settings: &[(&str, Set)]) -> Graph {
        let told = NodeDef::new("told", KindInfo::of::<Told>());
        let mut gate = NodeDef::new("gate", KindInfo::of::<Gate>());
        for (key, ms) in TIMES {
            gate.set(key, Set::from(ms).0).unwrap();
        }
        for (key, Set(value)) in settings {
            gate.set(key, value.clone()).unwrap();
        }
        gate.wire("in", "mic");
        gate.wire("voice", "told");
        let mut graph = Graph::new();
        graph.node(told).node(gate).output(OutputDef::new("out"));
        graph
    }

    impl Hall {
        fn new(settings: &[(&str, Set)]) -> Self {
            let graph = graph(settings);
            let plan = graph.plan(&[Format::stereo(RATE)], Limits::default());
            let executor = plan.unwrap_or_else(|e| panic!("{e}")).executor();
            Self { graph, executor, heard: Heard::default() }
        }

        fn push(&mut self, samples: &[f32]) {
            self.executor.push(samples, &mut self.heard);
        }

        fn end(&mut self) -> Heard {
            self.executor.end_segment(Reason::Interruption, &mut self.heard);
            std::mem::take(&mut self.heard)
        }

        fn hear(&mut self, samples: &[f32]) -> Heard {
            self.push(samples);
            self.end()
        }
    }

    /// So many frames, with these values from there to there and 0 elsewhere.
    fn scene(frames: usize, values: &[(usize, usize, f32)]) -> Vec<f32> {
        let value = |at: usize| {
            values.iter().find(|(from, to, _)| (*from..*to).contains(&at)).map_or(0.0, |v| v.2)
        };
        (0..frames).flat_map(|at| [ramp(at as i64), value(at)]).collect()
    }

    fn speech(frames: usize, spans: &[(usize, usize)]) -> Vec<f32> {
        scene(frames, &spans.iter().map(|(from, to)| (*from, *to, 0.9)).collect::<Vec<_>>())
    }

    fn utterances(settings: &[(&str, Set)], samples: &[f32]) -> Vec<(i64, i64)> {
        Hall::new(settings).hear(samples).utterances()
    }

    #[test]
    fn an_utterance_is_speech_with_the_time_before_and_behind_it() {
        let x = speech(2000, &[(300, 700), (1200, 1500)]);
        assert_eq!(utterances(&[], &x), [(240, 840), (1140, 1640)]);
    }

    #[test]
    fn before_the_beginning_there_is_nothing_to_reach_back_to() {
        assert_eq!(utterances(&[], &speech(500, &[(0, 100)])), [(0, 240)]);
        assert_eq!(utterances(&[], &speech(500, &[(20, 100)])), [(0, 240)]);
    }

    #[test]
    fn what_is_short_does_not_open_and_what_is_not_does() {
        assert_eq!(utterances(&[], &speech(500, &[(200, 220)])), []);
        assert_eq!(utterances(&[], &speech(500, &[(200, 230)])), [(140, 370)]);
        let at_once = [("min_speech", 0.0.into())];
        assert_eq!(utterances(&at_once, &speech(500, &[(200, 210)])), [(140, 350)]);
    }

    #[test]
    fn a_short_silence_does_not_close() {
        let patient = [("min_silence", 200.0.into()), ("hang_over", 0.0.into())];
        let x = speech(1500, &[(200, 400), (590, 700)]);
        // What was let out until the end was certain cannot be taken back.
        let [(140, end)] = utterances(&patient, &x)[..] else { panic!("one utterance") };
        assert!((900..=950).contains(&end), "{end}");
        let x = speech(1500, &[(200, 400), (600, 700)]);
        assert_eq!(utterances(&patient, &x).len(), 2);
    }

    #[test]
    fn nothing_comes_twice_when_speech_begins_again_soon() {
        let x = speech(1000, &[(200, 400), (560, 700)]);
        assert_eq!(utterances(&[], &x), [(140, 540), (540, 840)]);
    }

    #[test]
    fn between_the_thresholds_nothing_changes() {
        let hum = |from, to| (from, to, 0.48);
        assert_eq!(utterances(&[], &scene(800, &[hum(200, 700)])), []);
        let x = scene(1000, &[hum(100, 200), (200, 300, 0.9), hum(300, 600)]);
        assert_eq!(utterances(&[], &x), [(140, 740)]);
    }

    #[test]
    fn thresholds_can_be_turned_while_it_runs() {
        let mut hall = Hall::new(&[]);
        let x = scene(800, &[(200, 400, 0.3)]);
        assert_eq!(hall.hear(&x).utterances(), []);
        hall.graph.param("gate", "open").unwrap().set(0.2).unwrap();
        // It closes below `open`, whatever `close` says: else it would never stay open.
        assert_eq!(hall.hear(&x).utterances(), [(140, 540)]);
        hall.graph.param("gate", "open").unwrap().set(0.31).unwrap();
        assert_eq!(hall.hear(&x).utterances(), []);
    }

    #[test]
    fn the_longest_utterance_is_followed_by_another_at_once() {
        let longest = [("longest", 300.0.into())];
        let x = speech(2000, &[(200, 900)]);
        let all = [(140, 440), (440, 740), (740, 1040)];
        assert_eq!(utterances(&longest, &x), all);
        // An end at just that place is an end.
        assert_eq!(utterances(&longest, &speech(2000, &[(200, 600)])), all[..2]);
        // The next one is counted anew.
        let x = speech(2000, &[(200, 320), (1000, 1120)]);
        assert_eq!(utterances(&longest, &x), [(140, 440), (440, 460), (940, 1240), (1240, 1260)]);
    }

    #[test]
    fn a_segment_takes_its_utterance_with_it() {
        let mut hall = Hall::new(&[]);
        assert_eq!(hall.hear(&speech(500, &[(300, 500)])).utterances(), [(240, 500)]);
        // The next one begins closed, at its own zero.
        assert_eq!(hall.hear(&speech(500, &[])).utterances(), []);
        assert_eq!(hall.hear(&speech(500, &[(10, 100)])).utterances(), [(0, 240)]);
    }

    /// The price of never taking a word back.
    #[test]
    fn what_is_not_certain_at_the_end_of_a_segment_is_not_let_through() {
        let mut hall = Hall::new(&[]);
        assert_eq!(hall.hear(&speech(500, &[(480, 500)])).utterances(), []);
        assert_eq!(hall.hear(&speech(500, &[])).utterances(), []);
        assert_eq!(hall.hear(&speech(500, &[(400, 500)])).utterances(), [(340, 500)]);
    }

    /// Speech and silence of any length, the values now sure and now not.
    fn chatter(seed: u32, frames: usize) -> Vec<f32> {
        let mut chance = Chance(seed);
        let (mut at, mut spans) = (0, Vec::new());
        while at < frames {
            let long = chance.below(300);
            spans.push((at, at + long, [0.0, 0.1, 0.48, 0.8, 0.9][chance.below(5)]));
            at += long + 1;
        }
        scene(frames, &spans)
    }

    struct Chance(u32);

    impl Chance {
        fn below(&mut self, n: usize) -> usize {
            self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (self.0 >> 8) as usize % n
        }
    }

    #[test]
    fn nothing_depends_on_the_cut() {
        for seed in 0..60 {
            let settings = || match seed % 3 {
                0 => vec![],
                1 => vec![("longest", 300.0.into())],
                _ => vec![("mode", "mute".into())],
            };
            let x = chatter(seed, 3000);
            let whole = Hall::new(&settings()).hear(&x);
            let mut hall = Hall::new(&settings());
            let (mut rest, mut chance) = (&x[..], Chance(seed + 1000));
            while !rest.is_empty() {
                let most = 1 << chance.below(8);
                let n = (2 + 2 * chance.below(most)).min(rest.len());
                hall.push(&rest[..n]);
                rest = &rest[n..];
            }
            assert!(hall.end() == whole, "seed {seed}");
        }
    }

    #[test]
    fn utterances_are_not_longer_than_the_longest_and_never_overlap() {
        for seed in 0..60 {
            let all = utterances(&[("longest", 300.0.into())], &chatter(seed, 3000));
            assert!(all.iter().all(|(from, to)| to - from <= 300), "seed {seed}: {all:?}");
            assert!(all.windows(2).all(|w| w[0].1 <= w[1].0), "seed {seed}: {all:?}");
            let any = utterances(&[], &chatter(seed, 3000));
            // Broken off or not, the same frames come.
            let frames =
                |all: &[(i64, i64)]| all.iter().flat_map(|(a, b)| *a..*b).collect::<Vec<_>>();
            assert_eq!(frames(&all), frames(&any), "seed {seed}");
        }
    }

    fn muted(settings: &[(&str, f64)], samples: &[f32]) -> Vec<f32> {
        let mut all = vec![("mode", "mute".into())];
        all.extend(settings.iter().map(|(key, x)| (*key, Set::from(*x))));
        let heard = Hall::new(&all).hear(samples);
        assert_eq!(heard.turns, [], "its stream has no utterances");
        let [(0, samples)] = &heard.audio.into_values().collect::<Vec<_>>()[..] else {
            panic!("one stream from 0 on")
        };
        samples.clone()
    }

    #[test]
    fn mute_keeps_the_timeline_and_is_silent_outside() {
        let y = muted(&[], &speech(2000, &[(300, 700), (1200, 1500)]));
        assert_eq!(y.len(), 2000);
        let open = [240..840, 1140..1640];
        for (at, y) in y.iter().enumerate() {
            let x = ramp(at as i64);
            match open.iter().find(|o| o.contains(&at)) {
                // 4 ms to fade in, as many to fade out.
                Some(o) if at >= o.start + 4 && at < o.end - 4 => assert_eq!(*y, x, "at {at}"),
                Some(_) => assert!((0.0..=x).contains(y), "at {at}"),
                None => assert_eq!(y.to_bits(), 0, "at {at}"),
            }
        }
        for (from, to) in [(240, 244), (1140, 1144)] {
            let gain: Vec<f32> = (from..to).map(|i| y[i] / ramp(i as i64)).collect();
            assert!(gain.windows(2).all(|g| g[0] < g[1]), "it rises: {gain:?}");
        }
        for (from, to) in [(836, 840), (1636, 1640)] {
            let gain: Vec<f32> = (from..to).map(|i| y[i] / ramp(i as i64)).collect();
            assert!(gain.windows(2).all(|g| g[0] > g[1]), "it falls: {gain:?}");
        }
    }

    #[test]
    fn mute_has_no_fade_where_there_is_no_time_for_one() {
        let none = [("pre_roll", 0.0), ("hang_over", 0.0), ("min_silence", 0.0)];
        let y = muted(&none, &speech(800, &[(300, 500)]));
        for (at, y) in y.iter().enumerate().skip(300).take(200) {
            assert_eq!(*y, ramp(at as i64), "at {at}: of speech nothing fades");
        }
        assert!(y[..300].iter().all(|y| *y == 0.0));
    }

    #[test]
    fn mute_lets_out_the_last_word_of_a_segment_and_nothing_of_it_later() {
        let mut hall = Hall::new(&[("mode", "mute".into())]);
        let last = hall.hear(&speech(500, &[(400, 500)])).audio;
        assert!(last[&(0, 0)].1[344..].iter().zip(344..).all(|(y, at)| *y == ramp(at)));
        let next = hall.hear(&speech(500, &[])).audio;
        assert!(next[&(1, 0)].1 == [0.0; 500]);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let why = |settings: &[(&str, Set)]| {
            let plan = graph(settings).plan(&[Format::stereo(RATE)], Limits::default());
            plan.map(|_| ()).map_err(|PlanError { cause, .. }| cause.to_string())
        };
        assert_eq!(
            why(&[("open", 0.5.into()), ("close", 0.6.into())]).unwrap_err(),
            "`close` of `gate`: it would close at 0.6, above `open` (0.5), and never stay open"
        );
        let short = why(&[("longest", 90.0.into())]).unwrap_err();
        assert!(short.starts_with("`longest` of `gate`: shorter than what"), "{short}");
        assert_eq!(why(&[("open", 0.5.into()), ("close", 0.5.into())]), Ok(()));
    }
}
