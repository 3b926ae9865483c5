//! The recorder that apps link, on the real iOS backend, as the subject of a script.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use objc2::rc::autoreleasepool;
use tympan::backend::ios::{CallDelegate, Ios};
use tympan::backend::phone::{Disk, Phone, Setup, Status, Subject, TakesSeen};
use tympan::backend::{Backend, Device};
use tympan::core::session::{Event, Ms, Profile, Rung, Tell};
use tympan::recorder::{Machine, Options, Said, Staged};
use tympan::take::Container;
use tympan::{Format, Graph};

use crate::unit::Wire;
use crate::world::{World, with};

/// The recorder on the backend. What became of its takes is read by [`Staged`].
pub struct OnIos {
    graph: Graph,
    setup: Setup,
    profile: Profile,
    folder: PathBuf,
    disk: Disk,
    judge: Staged,
    process: Option<Process>,
    told: Vec<Tell>,
    status: Status,
    discarded: bool,
    /// Given to each device; nobody else may keep it.
    witness: Arc<dyn Fn() + Send + Sync>,
}

/// What a process has. The device goes first.
struct Process {
    device: Ios,
    machine: Machine,
    _delegate: Option<CallDelegate>,
}

/// The profile of an app on such a phone, with a rung for each that the script names.
pub fn ladder(setup: &Setup) -> Profile {
    let profile = if setup.callkit { Profile::CALLKIT } else { Profile::DICTATION };
    let options: [&'static [&'static str]; 3] = [&[], &["mixWithOthers"], &["duckOthers"]];
    let names: Vec<String> = match setup.rungs.as_slice() {
        [] => vec!["plain".to_owned()],
        named => named.to_vec(),
    };
    let rungs: Vec<Rung> = names
        .into_iter()
        .zip(options)
        .map(|(name, options)| Rung { name: name.leak(), options })
        .collect();
    Profile { ladder: rungs.leak(), ..profile }
}

/// What has to be set for each rung of a profile, in the numbers of Apple's headers.
fn wanted(profile: &Profile) -> Vec<(String, String, usize)> {
    let bit = |word: &&str| match *word {
        "mixWithOthers" => 0x1,
        "duckOthers" => 0x2,
        "allowBluetooth" | "allowBluetoothHFP" => 0x4,
        "allowBluetoothA2DP" => 0x20,
        other => panic!("{other}"),
    };
    let capital = |word: &str| {
        let (first, rest) = word.split_at(1);
        first.to_uppercase() + rest
    };
    let bits = |words: &[&str]| words.iter().map(bit).fold(0, |all, bit| all | bit);
    let category = format!("value of AVAudioSessionCategory{}", capital(profile.category));
    let mode = format!("value of AVAudioSessionMode{}", capital(profile.mode));
    let rungs = profile.ladder.iter();
    rungs
        .map(|rung| (category.clone(), mode.clone(), bits(profile.options) | bits(rung.options)))
        .collect()
}

impl OnIos {
    /// One that keeps its takes in this folder, which should be empty.
    pub fn new(graph: &Graph, setup: &Setup, phone: &Phone, folder: &Path) -> Self {
        let profile = ladder(setup);
        with(|world| {
            world.wanted = wanted(&profile);
            world.others.extend(setup.preferred_input.clone());
        });
        Self {
            graph: graph.clone(),
            setup: setup.clone(),
            profile,
            folder: folder.to_owned(),
            disk: phone.disk(),
            judge: Staged::new(graph, setup, phone, folder).expect("the graph is sound"),
            process: None,
            told: Vec::new(),
            status: Status::default(),
            discarded: false,
            witness: Arc::new(|| {}),
        }
    }

    fn machine(&self) -> (Machine, Box<dyn tympan::backend::Capture>) {
        let mut options = Options::new(&self.folder);
        options.storage = Arc::new(self.disk.clone());
        options.format = Container::Wav;
        let format = self.setup.format;
        let format = if format.is_valid() { format } else { Format::mono(48_000) };
        Machine::new(&self.graph, format, self.setup.policy(), options).expect("it was tried")
    }

    fn begin(&mut self) -> Process {
        let mut device = Ios::new(self.profile).expect("all is declared");
        let calls = device.calls();
        // Safety: it is one.
        let delegate = self.setup.callkit.then(|| unsafe { calls.answer(crate::provider()) });
        let (machine, door) = self.machine();
        device.on_news(self.witness.clone());
        device.listen(door).expect("nobody listens yet");
        device.prefer(self.setup.preferred_input.as_deref()).expect("it is there");
        Process { device, machine, _delegate: delegate }
    }

    /// Everything that has been made is gone, and nothing holds on to what it was given.
    pub fn end(&mut self) -> Vec<String> {
        with(|world| world.dead = true);
        self.bury();
        with(|world| std::mem::take(&mut world.offences))
    }

    fn bury(&mut self) {
        autoreleasepool(|_| self.process = None);
        let units = with(|world| world.units.len());
        let held = Arc::strong_count(&self.witness) - 1;
        with(|world| {
            if units > 0 {
                world.offences.push(format!("{units} units were left behind"));
            }
            if held > 0 {
                world.offences.push(format!("{held} handlers outlive their device"));
            }
        });
    }

    fn hear(&mut self, now: Ms) {
        let Some(Process { machine, .. }) = &mut self.process else { return };
        while let Some(said) = machine.said() {
            match said {
                Said::Tell(tell) => self.told.push(tell),
                Said::Back { breaks, .. } => machine.heard(now, breaks),
                _ => {}
            }
        }
        let status = machine.status();
        let elapsed_ms = status.elapsed.as_millis() as Ms;
        self.status = Status { state: status.state, elapsed_ms };
        self.discarded |= machine.has_discarded();
    }

    /// What has happened reaches the app one after the other, and the app acts on each
    /// before it hears of the next.
    fn act(&mut self, now: Ms, phone: &mut Phone) {
        loop {
            let event = World::next(phone);
            let Some(Process { device, machine, .. }) = &mut self.process else { return };
            let last = event.is_none();
            match event {
                Some(Event::Asked { id, ask }) => machine.ask(id, ask),
                Some(event) => crate::announce(event),
                None => {}
            }
            machine.poll(now, device);
            if last && with(|world| world.said.is_empty()) {
                return;
            }
        }
    }
}

impl Subject for OnIos {
    fn drive(&mut self, now: Ms, phone: &mut Phone) {
        let lent: *mut Phone = phone;
        // Safety: it is the same phone, and what is done with the one reference is over
        // before the other is used: one thread plays.
        World::lend(now, phone, || self.act(now, unsafe { &mut *lent }));
        self.hear(now);
    }

    fn told(&mut self) -> Vec<Tell> {
        std::mem::take(&mut self.told)
    }

    fn status(&self) -> Status {
        self.status
    }

    fn kill(&mut self) {
        with(|world| world.dead = true);
        self.bury();
    }

    fn launch(&mut self, now: Ms, phone: &mut Phone) {
        with(|world| {
            world.dead = false;
            world.said.clear();
            world.reset_without_unit = false;
        });
        drop(phone.microphone().stop());
        phone.microphone().start(Box::new(Wire::new())).expect("nobody listens");
        let process = World::lend(now, phone, || self.begin());
        self.process = Some(process);
    }

    fn takes(&self) -> TakesSeen {
        TakesSeen { discarded: self.discarded, ..self.judge.takes() }
    }
}
