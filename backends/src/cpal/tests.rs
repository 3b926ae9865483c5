//! A microphone on a system that does what a test tells it.

mod quiet;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ::cpal::{ErrorKind, SampleFormat};
use tympan_core::Format;
use tympan_core::session::{Code, Event, Order, Platform, Route, RouteReason};

use super::convert::tests::data;
use super::desk::{Choice, Make};
use super::system::{Alarmed, Heard, Input, Offer, Span, Spec, Stream, System};
use super::{Microphone, android, clock};
use crate::{Backend, BackendError, BackendErrorKind, Buffer, Capture, Device, Notice, PortKind};

/// The system, as the test holds it.
#[derive(Clone, Default)]
struct World(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    inputs: Vec<(Input, Format)>,
    chosen: Option<String>,
    playing: Option<(String, Spec, Heard, Alarmed)>,
    /// Streams that were dropped.
    closed: u32,
    /// An open takes until this is false.
    hangs: bool,
    /// An open fails.
    fails: bool,
    /// How far the stream's clock is behind ours.
    slept_ns: u64,
}

impl World {
    fn with(names: &[(&str, Format)]) -> Self {
        let world = Self::default();
        for (name, format) in names {
            world.plug(name, *format);
        }
        world
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn plug(&self, name: &str, format: Format) {
        let (id, name) = (format!("fake:{name}"), name.to_owned());
        let input = Input { id: id.clone(), name, kind: PortKind::Usb, monitor: false };
        let mut state = self.state();
        state.inputs.push((input, format));
        state.chosen.get_or_insert(id);
    }

    /// The input is gone; the system chooses the first that is left.
    fn unplug(&self, name: &str) {
        let mut state = self.state();
        state.inputs.retain(|(input, _)| input.name != name);
        state.chosen = state.inputs.first().map(|(input, _)| input.id.clone());
    }

    fn choose(&self, name: &str) {
        self.state().chosen = Some(format!("fake:{name}"));
    }

    /// A callback of 10 ms with this in every sample; false if nothing plays.
    fn deliver(&self, sample: i16) -> bool {
        let mut state = self.state();
        let now = clock::now_ns() - state.slept_ns;
        let Some((_, spec, heard, _)) = &mut state.playing else { return false };
        let frames = spec.format.rate as usize / 100;
        let mut samples = vec![sample; frames * usize::from(spec.format.channels)];
        heard(&data(&mut samples), now);
        true
    }

    fn alarm(&self, kind: ErrorKind) {
        if let Some((.., alarm)) = &mut self.state().playing {
            alarm(kind.into());
        }
    }

    fn playing(&self) -> Option<String> {
        self.state().playing.as_ref().map(|(id, ..)| id.clone())
    }

    fn make(&self) -> Make {
        let world = self.clone();
        Arc::new(move || Box::new(world.clone()) as Box<dyn System>)
    }

    fn microphone(&self, choice: Choice) -> Microphone {
        Microphone::new(self.make(), choice).unwrap()
    }
}

impl System for World {
    fn inputs(&mut self) -> Result<Vec<Input>, BackendError> {
        Ok(self.state().inputs.iter().map(|(input, _)| input.clone()).collect())
    }

    fn chosen(&mut self) -> Option<String> {
        self.state().chosen.clone()
    }

    fn offer(&mut self, id: &str) -> Result<Offer, BackendError> {
        let state = self.state();
        let Some((_, format)) = state.inputs.iter().find(|(input, _)| input.id == id) else {
            return Err(BackendError::new(BackendErrorKind::NotFound, "it is gone"));
        };
        let (rates, coding) = ((format.rate, format.rate), SampleFormat::I16);
        let usual = Some(Span { rates, channels: format.channels, coding, frames: None });
        Ok(Offer { usual, spans: Vec::new(), callback_ms: 10 })
    }

    fn open(
        &mut self,
        id: &str,
        spec: Spec,
        heard: Heard,
        alarm: Alarmed,
    ) -> Result<Box<dyn Stream>, BackendError> {
        while self.state().hangs {
            std::thread::sleep(Duration::from_millis(5));
        }
        if self.state().fails {
            return Err(BackendError::new(BackendErrorKind::Failed, "it leads nowhere"));
        }
        self.state().playing = Some((id.to_owned(), spec, heard, alarm));
        Ok(Box::new(Playing(self.clone())))
    }
}

struct Playing(World);

impl Stream for Playing {
    fn play(&mut self) -> Result<(), BackendError> {
        Ok(())
    }

    fn now_ns(&self) -> u64 {
        clock::now_ns() - self.0.state().slept_ns
    }
}

impl Drop for Playing {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.playing = None;
        state.closed += 1;
    }
}

/// What a listener has heard.
#[derive(Clone, Default)]
struct Heed(Arc<Mutex<Told>>);

#[derive(Default)]
struct Told {
    /// The format and the first sample of each buffer.
    buffers: Vec<(Format, f32)>,
    notices: Vec<Notice>,
}

impl Heed {
    fn buffers(&self) -> Vec<(Format, f32)> {
        self.0.lock().unwrap().buffers.clone()
    }

    fn notices(&self) -> Vec<Notice> {
        self.0.lock().unwrap().notices.clone()
    }
}

impl Capture for Heed {
    fn audio(&mut self, buffer: Buffer<'_>) {
        self.0.lock().unwrap().buffers.push((buffer.format, buffer.samples[0]));
    }

    fn notice(&mut self, notice: Notice) {
        self.0.lock().unwrap().notices.push(notice);
    }
}

/// The first event that is like this; what comes before it goes by.
fn event<T>(microphone: &mut Microphone, wanted: impl Fn(Event) -> Option<T>) -> T {
    let patience = Instant::now() + Duration::from_secs(20);
    loop {
        match microphone.poll(0) {
            Some(event) => {
                if let Some(found) = wanted(event) {
                    return found;
                }
            }
            None => std::thread::sleep(Duration::from_millis(2)),
        }
        assert!(Instant::now() < patience, "it never came");
    }
}

fn route(event: Event) -> Option<Route> {
    match event {
        Event::RouteChanged(route) => Some(route),
        _ => None,
    }
}

const A: Format = Format::mono(16_000);
const B: Format = Format::stereo(48_000);

/// One that runs, as the session has it.
fn running(world: &World, choice: Choice) -> (Microphone, Heed) {
    let (mut microphone, heed) = (world.microphone(choice), Heed::default());
    microphone.listen(Box::new(heed.clone())).unwrap();
    start(&mut microphone);
    (microphone, heed)
}

fn start(microphone: &mut Microphone) {
    microphone.perform(0, Order::QueryFormat { ticket: 1 });
    let format = event(microphone, |event| match event {
        Event::HardwareFormat { ticket: 1, format } => Some(format),
        _ => None,
    });
    microphone.perform(0, Order::StartIo { ticket: 2, format });
    event(microphone, |event| (event == Event::IoStarted { ticket: 2 }).then_some(()));
}

#[test]
fn what_is_delivered_is_heard_and_beats() {
    let world = World::with(&[("a", A)]);
    let (mut microphone, heed) = running(&world, Choice::System);
    assert!(world.deliver(16_384));
    let beat = event(&mut microphone, |event| match event {
        Event::Heartbeat(beat) => Some(beat),
        _ => None,
    });
    assert_eq!((beat.frames, beat.format, beat.silent), (160, A, false));
    let now = microphone.clock()();
    assert!(beat.host <= now && beat.host + 1000 > now, "{} at {now}", beat.host);
    assert_eq!(heed.buffers(), [(A, 0.5)]);
    assert_eq!(microphone.route().inputs[0].id, "fake:a");

    microphone.perform(0, Order::StopIo);
    // At once, whenever the system gets round to closing it.
    assert_eq!(heed.notices(), [Notice::Break]);
    world.deliver(1);
    assert_eq!(heed.buffers().len(), 1);
    start(&mut microphone);
    assert!(world.deliver(0));
    assert_eq!(heed.buffers().len(), 2);
}

#[test]
fn with_another_input_a_loss_is_a_change_of_route() {
    let world = World::with(&[("a", A), ("b", B)]);
    let (mut microphone, heed) = running(&world, Choice::System);
    world.deliver(1);
    world.unplug("a");
    world.alarm(ErrorKind::DeviceNotAvailable);
    let route = event(&mut microphone, route);
    assert_eq!((route.reason, route.format, route.running), (RouteReason::OldDevice, B, false));
    assert_eq!(world.playing(), None, "what is lost is closed");
    microphone.perform(0, Order::StopIo);
    start(&mut microphone);
    assert_eq!(world.playing().as_deref(), Some("fake:b"));
    world.deliver(1);
    assert_eq!(heed.buffers().last().unwrap().0, B);
}

#[test]
fn without_one_it_waits_for_one() {
    let world = World::with(&[("a", A)]);
    let (mut microphone, _) = running(&world, Choice::System);
    world.unplug("a");
    world.alarm(ErrorKind::HostUnavailable);
    let lost = event(&mut microphone, route);
    assert_eq!((lost.reason, lost.running), (RouteReason::NoSuitableRoute, false));
    microphone.perform(0, Order::StopIo);
    // Nobody asks: it looks by itself.
    world.plug("c", B);
    let found = event(&mut microphone, route);
    assert_eq!((found.reason, found.format), (RouteReason::NewDevice, B));
}

/// The default of ALSA is there and looks well although its server has no microphone.
#[test]
fn an_input_that_leads_nowhere_is_tried_again_when_it_may_lead_somewhere() {
    let world = World::with(&[("a", A)]);
    let mut microphone = world.microphone(Choice::System);
    microphone.listen(Box::new(Heed::default())).unwrap();
    world.state().fails = true;
    microphone.perform(0, Order::StartIo { ticket: 3, format: A });
    event(&mut microphone, |event| {
        matches!(event, Event::IoFailed { ticket: 3, .. }).then_some(())
    });
    microphone.perform(0, Order::StopIo);
    let again = event(&mut microphone, route);
    assert_eq!((again.reason, again.format, again.running), (RouteReason::NewDevice, A, false));
    world.state().fails = false;
    start(&mut microphone);
    assert!(world.deliver(1));
}

#[test]
fn another_choice_of_the_system_is_followed_and_told_once() {
    let world = World::with(&[("a", A), ("b", B)]);
    let (mut microphone, _) = running(&world, Choice::System);
    world.choose("b");
    let found = event(&mut microphone, route);
    assert_eq!((found.reason, found.format, found.running), (RouteReason::NewDevice, B, false));
    assert_eq!(world.playing().as_deref(), Some("fake:a"), "until the session says otherwise");
    std::thread::sleep(Duration::from_millis(1500));
    while let Some(event) = microphone.poll(0) {
        assert_eq!(route(event), None, "it is told once");
    }
}

#[test]
fn who_insists_on_one_has_none_while_it_is_gone() {
    let world = World::with(&[("a", A), ("b", B)]);
    let (mut microphone, _) = running(&world, Choice::Only("b".into()));
    assert_eq!(world.playing().as_deref(), Some("fake:b"));
    world.unplug("b");
    world.alarm(ErrorKind::DeviceNotAvailable);
    assert_eq!(event(&mut microphone, route).reason, RouteReason::NoSuitableRoute);
    microphone.perform(0, Order::StopIo);
    world.plug("b", A);
    assert_eq!(event(&mut microphone, route).format, A);
}

#[test]
fn who_prefers_one_gets_another_meanwhile_and_it_back() {
    let world = World::with(&[("a", A), ("b", B)]);
    let (mut microphone, _) = running(&world, Choice::Prefer("B".into()));
    world.unplug("b");
    world.alarm(ErrorKind::DeviceNotAvailable);
    let lost = event(&mut microphone, route);
    assert_eq!((lost.reason, lost.format, lost.preferred), (RouteReason::OldDevice, A, false));
    microphone.perform(0, Order::StopIo);
    start(&mut microphone);
    world.plug("b", B);
    let back = event(&mut microphone, route);
    assert_eq!((back.running, back.preferred), (true, false));
    microphone.perform(0, Order::PreferInput);
    let ours = event(&mut microphone, route);
    assert_eq!((ours.reason, ours.format, ours.preferred), (RouteReason::Override, B, true));
}

#[test]
fn a_stream_that_is_invalid_is_made_anew_and_a_moved_one_goes_on() {
    let world = World::with(&[("a", A)]);
    let (mut microphone, _) = running(&world, Choice::System);
    world.alarm(ErrorKind::DeviceChanged);
    let moved = event(&mut microphone, route);
    assert!(moved.running && moved.reason == RouteReason::NewDevice);
    // An overrun is no more than a hole, and this refusal is no end.
    world.alarm(ErrorKind::Xrun);
    world.alarm(ErrorKind::RealtimeDenied);
    assert!(world.deliver(1));
    world.alarm(ErrorKind::StreamInvalidated);
    event(&mut microphone, |event| (event == Event::EngineConfigChanged).then_some(()));
    assert_eq!(world.playing(), None);

    let (mut microphone, _) = running(&world, Choice::System);
    world.alarm(ErrorKind::PermissionDenied);
    event(&mut microphone, |event| (event == Event::PermissionRevoked).then_some(()));
}

#[test]
fn sleep_is_noticed_by_the_clock_that_stood_still() {
    let world = World::with(&[("a", A)]);
    let (mut microphone, _) = running(&world, Choice::System);
    world.deliver(1);
    world.state().slept_ns = 3_600_000_000_000;
    let woken = event(&mut microphone, route);
    assert_eq!((woken.reason, woken.running), (RouteReason::Wake, true));
    world.deliver(1);
    world.deliver(1);
    let now = microphone.clock()();
    let host = event(&mut microphone, |event| match event {
        Event::Heartbeat(beat) if beat.host + 2000 > now => Some(beat.host),
        _ => None,
    });
    assert!(host <= microphone.clock()());
}

#[test]
fn a_system_that_hangs_holds_nobody_up() {
    let world = World::with(&[("a", A)]);
    let (mut microphone, heed) = (world.microphone(Choice::System), Heed::default());
    microphone.listen(Box::new(heed.clone())).unwrap();
    world.state().hangs = true;
    microphone.perform(0, Order::StartIo { ticket: 7, format: A });
    let asked = Instant::now();
    microphone.perform(0, Order::StopIo);
    assert!(asked.elapsed() < Duration::from_secs(1), "nobody waits for it");
    std::thread::sleep(super::desk::STUCK + Duration::from_millis(500));
    // The first desk still hangs; another one takes its place.
    let other = World::with(&[("b", B)]);
    microphone.make = other.make();
    start(&mut microphone);
    assert!(other.deliver(1));
    assert_eq!(heed.buffers(), [(B, 1.0 / 32_768.0)]);
    world.state().hangs = false;
}

#[test]
fn as_a_backend_a_loss_is_the_end() {
    let world = World::with(&[("a", A)]);
    let (mut microphone, heed) = (world.microphone(Choice::System), Heed::default());
    assert_eq!(Backend::format(&mut microphone), Ok(A));
    assert_eq!(Backend::name(&microphone), "a");
    microphone.start(Box::new(heed.clone())).unwrap();
    let twice = microphone.start(Box::new(Heed::default())).unwrap_err();
    assert_eq!(twice.kind, BackendErrorKind::Busy);
    world.deliver(1);
    let closed = world.state().closed;
    world.alarm(ErrorKind::DeviceNotAvailable);
    let patience = Instant::now() + Duration::from_secs(20);
    while heed.notices().is_empty() && Instant::now() < patience {
        std::thread::sleep(Duration::from_millis(2));
    }
    assert_eq!(heed.notices(), [Notice::End]);
    assert_eq!(world.state().closed, closed + 1);
    assert!(microphone.stop().is_some(), "the listener comes back all the same");
    assert!(microphone.stop().is_none());
}

#[test]
fn a_stopped_backend_is_closed_and_its_callback_deaf() {
    let world = World::with(&[("a", A)]);
    let (mut microphone, heed) = (world.microphone(Choice::System), Heed::default());
    microphone.start(Box::new(heed.clone())).unwrap();
    assert!(microphone.stop().is_some());
    assert_eq!((world.playing(), world.state().closed), (None, 1));
    microphone.start(Box::new(heed.clone())).unwrap();
    assert!(world.deliver(1));
    drop(microphone);
    assert_eq!(heed.buffers().len(), 1);
}

#[test]
fn a_listener_that_panics_does_not_reach_the_system() {
    struct Bad;
    impl Capture for Bad {
        fn audio(&mut self, _: Buffer<'_>) {
            panic!("a listener of a test that panics");
        }
        fn notice(&mut self, _: Notice) {}
    }
    let world = World::with(&[("a", A)]);
    let mut microphone = world.microphone(Choice::System);
    microphone.start(Box::new(Bad)).unwrap();
    assert!(world.deliver(1));
}

#[test]
fn a_wrong_name_is_told_before_anything_is_opened() {
    let world = World::with(&[("a", A)]);
    let refused = |choice| Microphone::new(world.make(), choice).err().unwrap().message;
    assert_eq!(refused(Choice::Only("x".into())), "there is no input `x`; there is `fake:a` (a)");
    assert!(refused(Choice::Prefer("x".into())).contains("there is `fake:a`"));
    let none = World::default();
    let message = Microphone::new(none.make(), Choice::System).err().unwrap().message;
    assert!(message.starts_with("there is no microphone"), "{message}");
}

#[test]
fn an_app_can_choose_and_leave_the_choice() {
    let world = World::with(&[("a", A), ("b", B)]);
    let (mut microphone, _) = running(&world, Choice::System);
    assert_eq!(microphone.inputs().len(), 2);
    microphone.prefer(Some("B")).unwrap();
    microphone.perform(0, Order::PreferInput);
    let ours = event(&mut microphone, route);
    assert_eq!((ours.reason, ours.format), (RouteReason::Override, B));
    microphone.perform(0, Order::StopIo);
    start(&mut microphone);
    assert_eq!(world.playing().as_deref(), Some("fake:b"));
    assert!(microphone.prefer(Some("x")).is_err());
    microphone.prefer(None).unwrap();
    assert_eq!(event(&mut microphone, route).format, A);
    microphone.perform(0, Order::StopIo);
    start(&mut microphone);
    assert_eq!(world.playing().as_deref(), Some("fake:a"));
}

#[test]
fn what_java_is_told_reaches_the_session() {
    let world = World::with(&[("a", A)]);
    let mut microphone = world.microphone(Choice::System);
    android::client_silenced(true);
    event(&mut microphone, |event| (event == Event::ClientSilenced(true)).then_some(()));
    android::client_silenced(false);
    event(&mut microphone, |event| (event == Event::ClientSilenced(false)).then_some(()));
    let mut activate = |ticket| {
        microphone.perform(0, Order::Activate { ticket, rung: 0 });
        event(&mut microphone, |event| match event {
            Event::Activated { ticket: of } if of == ticket => Some(None),
            Event::ActivateFailed { ticket: of, code } if of == ticket => Some(Some(code)),
            _ => None,
        })
    };
    android::foreground_service(false);
    let refused = activate(1);
    android::foreground_service(true);
    // Other tests' microphones hear it too, and only for this moment.
    assert_eq!(refused, Some(Code::ForegroundService));
    assert_eq!(activate(2), None);
}
