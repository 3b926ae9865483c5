//! A recorder on a phone, and an app that writes down what it is told.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tympan::backend::phone::{Hand, Handset, Setup};
use tympan::recorder::{Builder, RecorderEvent};
use tympan::take::{Container, Take};
use tympan::{Graph, Recorder};

use crate::temp::Temp;

const GRAPH: &str = r#"
    [[node]]
    kind = "mix"
    channels = 1

    [[node]]
    kind = "resample"
    rate = 16000

    [[node]]
    kind = "pcm16"
    frame = "20ms"

    [[output]]
    name = "take"
    from = "resample"

    [[output]]
    name = "packets"
"#;

pub(crate) fn graph() -> Graph {
    Graph::from_toml(GRAPH, &tympan::registry()).unwrap()
}

/// An app with a recorder.
pub(crate) struct App {
    pub(crate) recorder: Recorder,
    pub(crate) hand: Hand,
    told: Arc<Mutex<Vec<RecorderEvent>>>,
    pub(crate) folder: Temp,
}

/// Stops, and leaves a disk the time that it may take: how long a stop waits for one is
/// measured in the phone's time.
pub(crate) fn stop(recorder: &Recorder, hand: &Hand) -> Take {
    hand.speed(1.0);
    let take = recorder.stop().unwrap().expect("there is a take");
    hand.speed(SPEED);
    take
}

/// How much faster than real this phone is: quick enough for a test, slow enough for a
/// loaded machine.
const SPEED: f64 = 10.0;

impl App {
    pub(crate) fn new() -> Self {
        Self::on(&Setup::default(), |builder| builder)
    }

    pub(crate) fn on(setup: &Setup, with: impl FnOnce(Builder) -> Builder) -> Self {
        let folder = Temp::new();
        let (phone, hand) = Handset::new(setup);
        hand.speed(SPEED);
        let builder = Recorder::builder(&graph())
            .device(phone)
            .policy(setup.policy())
            .format(Container::Wav)
            .directory(folder.path())
            .patience(Duration::from_secs(20));
        let recorder = with(builder).build().unwrap();
        let told = Arc::<Mutex<Vec<RecorderEvent>>>::default();
        let diary = told.clone();
        recorder.add_listener(move |event| diary.lock().unwrap().push(event.clone()));
        Self { recorder, hand, told, folder }
    }

    pub(crate) fn stop(&self) -> Take {
        stop(&self.recorder, &self.hand)
    }

    /// Lets so much of the phone's time go by.
    pub(crate) fn pass(&self, ms: u64) {
        self.hand.pass(Duration::from_millis(ms));
    }

    pub(crate) fn told(&self) -> Vec<RecorderEvent> {
        self.told.lock().unwrap().clone()
    }

    /// States and errors, in the words of the public interface.
    pub(crate) fn words(&self) -> Vec<String> {
        let word = |event: &RecorderEvent| match event {
            RecorderEvent::State { state, .. } => Some(state.name().to_owned()),
            RecorderEvent::Error(code) => Some(format!("error:{}", code.name())),
            _ => None,
        };
        self.told().iter().filter_map(word).collect()
    }

    /// Waits, not for ever, until the app was told this.
    pub(crate) fn hears(&self, what: impl Fn(&RecorderEvent) -> bool) {
        for _ in 0..5000 {
            if self.told().iter().any(&what) {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        panic!("it was not told; what was is {:?}", self.told());
    }

    /// Waits, not for ever, until these are the words.
    pub(crate) fn hears_words(&self, words: &[&str]) {
        for _ in 0..5000 {
            if self.words() == words {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(self.words(), words);
    }
}
