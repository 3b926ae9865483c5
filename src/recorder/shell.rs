//! The thread around a machine, and the calls of an app.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tympan_backends::{BackendError, Device, Permission, Port, Ports};
use tympan_core::session::{Ask, ErrorCode, Ms, Tell};
use tympan_core::{Format, Live};

use super::listeners::{Board, Listeners};
use super::machine::{Hire, Machine, Said, Threads};
use super::office::{Office, Work};
use super::{BuildError, Builder, ListenerId, RecorderError, RecorderEvent, Recording, Status};
use crate::pipeline::{Events, Reader, Sleeper};
use crate::take::Take;
use crate::{Graph, PacketReader, PcmReader};

/// Records takes. See the [module](super).
///
/// It can be used from any thread; clones are the same recorder. Every call returns in
/// bounded time, at the latest when the [patience](Builder::patience) is over. When the
/// last clone is dropped, a take that runs is completed.
#[derive(Clone)]
pub struct Recorder(Arc<Inner>);

struct Inner {
    shell: Arc<Shell>,
    patience: Duration,
    board: Board,
    readers: Mutex<Readers>,
    thread: Option<JoinHandle<()>>,
}

/// What the app takes out of the graph.
struct Readers {
    outputs: HashMap<String, Reader>,
    events: Option<Events>,
    params: HashMap<String, Live>,
}

/// What the app's threads and the recorder's share.
#[derive(Default)]
struct Shell {
    requests: Mutex<Vec<(u32, Request)>>,
    status: Mutex<Status>,
    /// What somebody waits for, and what was answered.
    replies: Mutex<HashMap<u32, Option<Reply>>>,
    answered: Condvar,
    thread: Sleeper,
    last: AtomicU32,
}

/// What the app wants.
enum Request {
    Ask(Ask),
    Record(Recording),
    Permission,
    PermissionNow,
    Settings,
    Route,
    Inputs,
    Prefer(Option<String>),
    Mute(bool),
    Ready,
    /// An event of this number of breaks was heard by all listeners.
    Heard(u64),
    Take,
    Close,
}

/// What it gets.
enum Reply {
    Done(bool),
    Refused(ErrorCode, Option<String>),
    Permission(Permission),
    Take(Option<Box<Take>>),
    Ports(Ports),
    Inputs(Vec<Port>),
    Chosen(Result<(), BackendError>),
}

impl Shell {
    fn post(&self, id: u32, request: Request) {
        lock(&self.requests).push((id, request));
        self.thread.wake();
    }

    fn reply(&self, id: u32, reply: Reply) {
        // Who has lost patience is not there any more.
        if let Some(place) = lock(&self.replies).get_mut(&id) {
            *place = Some(reply);
            self.answered.notify_all();
        }
    }

    /// Asks, and waits for the answer.
    fn ask(&self, request: Request, patience: Duration) -> Option<Reply> {
        let id = self.number();
        lock(&self.replies).insert(id, None);
        self.post(id, request);
        let until = Instant::now() + patience;
        let mut replies = lock(&self.replies);
        while let Some(None) = replies.get(&id) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let waited = self.answered.wait_timeout(replies, left);
            replies = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        replies.remove(&id).flatten()
    }

    fn number(&self) -> u32 {
        // The last one is the machine's own.
        self.last.fetch_add(1, Ordering::Relaxed) & (u32::MAX >> 1)
    }

    fn status(&self) -> Status {
        *lock(&self.status)
    }
}

impl Recorder {
    /// A recorder for `graph`, to be filled in.
    pub fn builder(graph: &Graph) -> Builder {
        Builder::new(graph)
    }

    /// Begins a take. Returns when its first audio is there.
    pub fn start(&self) -> Result<Status, RecorderError> {
        self.start_with(Recording::default())
    }

    /// Begins a take that is to be like this.
    pub fn start_with(&self, recording: Recording) -> Result<Status, RecorderError> {
        let started = self.done(Request::Record(recording));
        if matches!(&started, Err(error) if error.message == SLOW) {
            // It is wanted no longer; what has begun of it is undone.
            self.0.shell.post(self.0.shell.number(), Request::Ask(Ask::Stop));
        }
        started
    }

    /// Captures nothing more for now. The take stays open.
    pub fn pause(&self) -> Result<Status, RecorderError> {
        self.done(Request::Ask(Ask::Pause))
    }

    /// Goes on with the take. Returns when audio is there again.
    pub fn resume(&self) -> Result<Status, RecorderError> {
        self.done(Request::Ask(Ask::Resume))
    }

    /// Ends the take, and returns it once it is complete. None if it holds nothing: its
    /// start was still under way, or it could not be completed, which was told.
    pub fn stop(&self) -> Result<Option<Take>, RecorderError> {
        self.done(Request::Ask(Ask::Stop))?;
        Ok(self.take())
    }

    /// The take that was completed last.
    pub fn take(&self) -> Option<Take> {
        match self.0.shell.ask(Request::Take, self.0.patience) {
            Some(Reply::Take(take)) => take.map(|take| *take),
            _ => None,
        }
    }

    /// How it is. Never waits.
    pub fn status(&self) -> Status {
        self.0.shell.status()
    }

    /// Opens the microphone without a take, so that a start is immediate.
    pub fn prewarm(&self) -> Result<Status, RecorderError> {
        self.done(Request::Ask(Ask::Prewarm))
    }

    /// Closes a microphone that was opened without a take.
    pub fn release(&self) -> Result<Status, RecorderError> {
        self.done(Request::Ask(Ask::Release))
    }

    /// Whether the microphone may be used, as far as is known without asking.
    pub fn permission(&self) -> Permission {
        match self.0.shell.ask(Request::PermissionNow, self.0.patience) {
            Some(Reply::Permission(permission)) => permission,
            _ => Permission::Undetermined,
        }
    }

    /// Asks whether the microphone may be used, and the user if need be.
    pub fn request_permission(&self) -> Permission {
        match self.0.shell.ask(Request::Permission, self.0.patience) {
            Some(Reply::Permission(permission)) => permission,
            _ => Permission::Undetermined,
        }
    }

    /// Shows the system's settings, the only way back from a denial; whether there is
    /// such a place.
    pub fn open_settings(&self) -> bool {
        matches!(self.0.shell.ask(Request::Settings, self.0.patience), Some(Reply::Done(true)))
    }

    /// Where audio comes from and goes to now.
    pub fn route(&self) -> Ports {
        match self.0.shell.ask(Request::Route, self.0.patience) {
            Some(Reply::Ports(ports)) => ports,
            _ => Ports::default(),
        }
    }

    /// The inputs that can be chosen.
    pub fn inputs(&self) -> Vec<Port> {
        match self.0.shell.ask(Request::Inputs, self.0.patience) {
            Some(Reply::Inputs(inputs)) => inputs,
            _ => Vec::new(),
        }
    }

    /// Insists on this input, by its id; none leaves the choice to the system.
    pub fn choose_input(&self, input: Option<&str>) -> Result<(), BackendError> {
        let request = Request::Prefer(input.map(str::to_owned));
        match self.0.shell.ask(request, self.0.patience) {
            Some(Reply::Chosen(chosen)) => chosen,
            _ => Err(BackendError::new(tympan_backends::BackendErrorKind::Busy, SLOW)),
        }
    }

    /// From here on silence is captured, or no longer. The take and its time go on.
    pub fn mute(&self, muted: bool) {
        self.0.shell.post(self.0.shell.number(), Request::Mute(muted));
    }

    /// The app can send again: readers get what was [held](Builder::hold) for them since
    /// the last break.
    pub fn ready(&self) {
        self.0.shell.post(self.0.shell.number(), Request::Ready);
    }

    /// Has every event told to `listener`, in order, on a thread of the recorder's own.
    /// It may be slow and may panic; only listeners wait for it.
    pub fn add_listener(
        &self,
        listener: impl FnMut(&RecorderEvent) + Send + 'static,
    ) -> ListenerId {
        self.0.board.add(Box::new(listener))
    }

    /// Whether there was such a listener. It is not called any more when this returns;
    /// from within a listener too.
    pub fn remove_listener(&self, id: ListenerId) -> bool {
        self.0.board.remove(id)
    }

    /// The reader of an output that carries samples. It can be taken once.
    pub fn pcm(&self, output: &str) -> Option<PcmReader> {
        self.reader(output, false).map(PcmReader::new)
    }

    /// The reader of an output that carries packets. It can be taken once.
    pub fn packets(&self, output: &str) -> Option<PacketReader> {
        self.reader(output, true).map(PacketReader::new)
    }

    fn reader(&self, output: &str, packets: bool) -> Option<Reader> {
        let outputs = &mut lock(&self.0.readers).outputs;
        let fits = outputs.get(output).is_some_and(|reader| (reader.info().packet > 0) == packets);
        if fits { outputs.remove(output) } else { None }
    }

    /// The reader of the graph's events. It can be taken once.
    pub fn events(&self) -> Option<Events> {
        lock(&self.0.readers).events.take()
    }

    /// A parameter that can be changed while the graph runs, as `node.key`.
    pub fn param(&self, name: &str) -> Option<Live> {
        lock(&self.0.readers).params.get(name).cloned()
    }

    fn done(&self, request: Request) -> Result<Status, RecorderError> {
        let status = self.status();
        match self.0.shell.ask(request, self.0.patience) {
            Some(Reply::Refused(code, why)) => {
                let mut error = RecorderError::new(code, self.status());
                if let Some(why) = why {
                    error.message = format!("{}: {why}", error.message);
                }
                Err(error)
            }
            Some(_) => Ok(self.status()),
            None => {
                let mut error = RecorderError::new(ErrorCode::SessionInterrupted, status);
                SLOW.clone_into(&mut error.message);
                Err(error)
            }
        }
    }

    /// Has a machine run on a thread of its own.
    pub(super) fn start_thread(
        mut device: Box<dyn Device>,
        patience: Duration,
        make: impl FnOnce(
            Format,
            &Hire<'_>,
        ) -> Result<(Machine, Box<dyn tympan_backends::Capture>), BuildError>,
    ) -> Result<Self, BuildError> {
        let shell = Arc::<Shell>::default();
        let waking = shell.clone();
        let call: Arc<dyn Fn() + Send + Sync> = Arc::new(move || waking.thread.wake());
        device.on_news(call.clone());
        let threads = Threads { clock: device.clock(), call };
        let (mut machine, door) = make(device.format(), &Hire::Away(&threads))?;
        device.listen(door).map_err(BuildError::Device)?;
        let listeners = Listeners::new()?;
        let board = listeners.board();
        let readers = Mutex::new(Readers::of(&mut machine));
        let warnings = device.warnings().to_vec();
        let control = Control {
            device,
            machine,
            shell: shell.clone(),
            board: board.clone(),
            warnings,
            trouble: None,
            closing: None,
            _listeners: listeners,
        };
        let thread = std::thread::Builder::new()
            .name("tympan-session".into())
            .spawn(move || control.run())?;
        let thread = Some(thread);
        Ok(Self(Arc::new(Inner { shell, patience, board, readers, thread })))
    }
}

/// What an app hears that has waited too long.
const SLOW: &str = "the system has not answered in time; it may be asking its user";

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder").field("status", &self.status()).finish_non_exhaustive()
    }
}

/// A take that runs is completed.
impl Drop for Inner {
    fn drop(&mut self) {
        self.shell.post(0, Request::Close);
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != std::thread::current().id()
        {
            let _ = thread.join();
        }
    }
}

impl Readers {
    fn of(machine: &mut Machine) -> Self {
        let pipeline = machine.pipeline();
        let infos = pipeline.outputs().to_vec();
        let each = |info: tympan_core::OutputInfo| {
            Some((info.name.clone(), pipeline.reader(&info.name, info.packet > 0)?))
        };
        let outputs = infos.into_iter().filter_map(each).collect();
        let params = pipeline.params();
        Self { outputs, events: pipeline.events(), params }
    }
}

impl Threads {
    pub(super) fn office<W: Work>(&self, work: W, name: &str) -> std::io::Result<Office<W>> {
        let (clock, call) = (self.clock.clone(), self.call.clone());
        Office::away(work, name, move || clock(), move || call())
    }
}

/// What runs on the recorder's thread.
struct Control {
    /// Goes first: with it goes what it called, and the graph comes to its end.
    device: Box<dyn Device>,
    machine: Machine,
    shell: Arc<Shell>,
    board: Board,
    /// What the device warns of, to be told with the first take: by then there are listeners.
    warnings: Vec<String>,
    /// Why something did not work, until somebody is refused because of it.
    trouble: Option<String>,
    /// Nobody wants anything any more, and since when.
    closing: Option<Ms>,
    _listeners: Listeners,
}

/// How long a take that runs may take to be completed when the recorder goes.
const FAREWELL_MS: Ms = 10_000;

impl Control {
    fn run(mut self) {
        self.shell.thread.sleeps_here();
        let clock = self.device.clock();
        loop {
            let now = clock();
            let requests = std::mem::take(&mut *lock(&self.shell.requests));
            for (id, request) in requests {
                self.serve(now, id, request);
            }
            self.machine.poll(now, &mut *self.device);
            if let Some(group) = self.device.workgroup() {
                self.machine.pipeline().regroup(group);
            }
            *lock(&self.shell.status) = self.machine.status();
            while let Some(said) = self.machine.said() {
                self.pass_on(said);
            }
            let over = |since: Ms| now >= since.saturating_add(FAREWELL_MS);
            if self.closing.is_some_and(|since| self.machine.is_at_rest() || over(since)) {
                return;
            }
            if lock(&self.shell.requests).is_empty() {
                self.device.wait(self.machine.next_deadline());
            }
        }
    }

    fn serve(&mut self, now: Ms, id: u32, request: Request) {
        let reply = match request {
            Request::Ask(ask) => return self.machine.ask(id, ask),
            Request::Record(recording) => {
                for warning in std::mem::take(&mut self.warnings) {
                    self.board.post(RecorderEvent::Trouble(warning));
                }
                return self.machine.record(id, recording);
            }
            Request::Permission => return self.machine.request_permission(id),
            Request::PermissionNow => Reply::Permission(self.device.permission()),
            Request::Settings => Reply::Done(self.device.open_settings()),
            Request::Route => Reply::Ports(self.device.route()),
            Request::Inputs => Reply::Inputs(self.device.inputs()),
            Request::Prefer(input) => {
                let chosen = self.device.prefer(input.as_deref());
                if chosen.is_ok() {
                    // Under a number of its own, whose answer nobody waits for.
                    let number = self.shell.number();
                    self.machine.ask(number, Ask::PreferInput(input.is_some()));
                }
                Reply::Chosen(chosen)
            }
            Request::Mute(muted) => return self.machine.mute(muted),
            Request::Ready => return self.machine.ready(),
            Request::Heard(breaks) => return self.machine.heard(now, breaks),
            Request::Take => Reply::Take(self.machine.take().cloned().map(Box::new)),
            Request::Close => {
                self.closing = Some(now);
                self.machine.ask(id, Ask::Release);
                return self.machine.ask(id, Ask::Stop);
            }
        };
        self.shell.reply(id, reply);
    }

    fn pass_on(&mut self, said: Said) {
        let event = match said {
            Said::Tell(Tell::State(state)) => {
                RecorderEvent::State { state, elapsed: self.machine.status().elapsed }
            }
            Said::Tell(Tell::Error(code)) => RecorderEvent::Error(code),
            Said::Tell(Tell::Diagnosis(what)) => RecorderEvent::Diagnosis(what),
            Said::Tell(Tell::Resolved { id, done }) => {
                return self.shell.reply(id, Reply::Done(done));
            }
            Said::Tell(Tell::Rejected { id, code }) => {
                let why = self.trouble.take().filter(|_| code == ErrorCode::FileError);
                return self.shell.reply(id, Reply::Refused(code, why));
            }
            Said::Permission { ids, granted } => {
                let permission = if granted { Permission::Granted } else { Permission::Denied };
                for id in ids {
                    self.shell.reply(id, Reply::Permission(permission));
                }
                return;
            }
            Said::Back { ms, breaks } => {
                let event = RecorderEvent::Back { missing: Duration::from_millis(ms) };
                let shell = self.shell.clone();
                return self.board.post_then(event, move || shell.post(0, Request::Heard(breaks)));
            }
            Said::Microphone { open } => RecorderEvent::Microphone { open },
            Said::Chunk { path, chunk } => RecorderEvent::Chunk { path, chunk },
            Said::Dropped { at, lost } => RecorderEvent::Dropped { at, lost },
            Said::Partial(text) => RecorderEvent::Partial(text),
            Said::Trouble(sentence) => {
                self.trouble = Some(sentence.clone());
                RecorderEvent::Trouble(sentence)
            }
            // Tells to come.
            Said::Tell(_) => return,
        };
        self.board.post(event);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
