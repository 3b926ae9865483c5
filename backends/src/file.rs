//! A file or standard input that behaves like a device.
//!
//! Two ways to hear it. As a [`Backend`], a thread of its own delivers: as fast as the
//! listener has [`room`](Capture::room), because a file can wait, or paced by
//! [`realtime`](File::realtime) like a microphone, which cannot. And without any
//! thread, [`File::run`] and [`File::step`] deliver the same buffers on the caller's,
//! always the same way: for servers, tests and offline work.
//!
//! # Time
//! The time stamp of a buffer is counted, not measured: its first frame's number over
//! the rate. Unpaced it counts from 0, so that a run can be repeated to the bit; paced
//! it counts from the moment of the start on the process's monotonic clock, and every
//! sleep is up to a point on that line, so that lateness never adds up.

mod audio;

use std::fmt;
use std::io::Read;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tympan_core::Format;

use crate::{Backend, BackendError, BackendErrorKind, Buffer, Capture, Notice};
use audio::Audio;

/// Frames of a callback at most, so that a careless number costs no memory.
const LARGEST_CALLBACK: usize = 1 << 16;
/// How long a file waits before it asks for room again.
const WAIT: Duration = Duration::from_millis(1);
/// How often room that is there but too little may stay as it is before it is used.
const PATIENCE: u32 = 5;

/// A file, or a stream of one, as a source: WAV, and with the feature `decode` AAC, ADPCM,
/// AIFF, ALAC, CAF, FLAC, MP1 to MP3, MP4, Matroska and `WebM`, Ogg, PCM, Vorbis; with `opus`
/// Opus too.
///
/// A stop in the middle keeps the place: a later start goes on with the next frame.
/// At the end comes [`Notice::End`], also when reading fails half-way; which of the two
/// it was is in the [`report`](Self::report).
pub struct File {
    name: String,
    format: Format,
    callback: usize,
    realtime: bool,
    promised: Option<u64>,
    report: FileReport,
    state: State,
}

enum State {
    /// `None` only after a thread was lost to a panic of its listener.
    Idle(Option<Box<Player>>),
    Playing {
        stop: Arc<AtomicBool>,
        thread: JoinHandle<(Box<Player>, Box<dyn Capture>)>,
    },
}

/// What became of a [`File`], readable while it plays and after it was given away.
#[derive(Clone, Debug, Default)]
pub struct FileReport {
    shared: Arc<Shared>,
}

/// Touched by the file's thread, which is not a realtime thread, so a lock will do.
#[derive(Debug, Default)]
struct Shared {
    frames: AtomicU64,
    ended: AtomicBool,
    words: Mutex<Words>,
}

#[derive(Debug, Default)]
struct Words {
    error: Option<BackendError>,
    findings: Vec<String>,
}

impl FileReport {
    /// Frames delivered so far.
    pub fn frames(&self) -> u64 {
        self.shared.frames.load(Ordering::Acquire)
    }

    /// Whether the end was reached or reading failed.
    pub fn ended(&self) -> bool {
        self.shared.ended.load(Ordering::Acquire)
    }

    /// Why reading failed half-way, if it did.
    pub fn error(&self) -> Option<BackendError> {
        self.words(|words| words.error.clone())
    }

    /// What was odd about the file, as sentences; complete once it has ended.
    pub fn findings(&self) -> Vec<String> {
        self.words(|words| words.findings.clone())
    }

    fn words<T>(&self, with: impl FnOnce(&mut Words) -> T) -> T {
        // Nothing is ever half-written here, so that a panic elsewhere does not matter.
        with(&mut self.shared.words.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl File {
    /// Opens a file and reads its header.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, BackendError> {
        let name = path.as_ref().display().to_string();
        Ok(Self::new(name, Audio::open(path.as_ref())?))
    }

    /// Reads from a stream, such as standard input, under the name `name`.
    ///
    /// Waits here for the header. While such a stream has nothing to give, `stop` has
    /// to wait for it as well.
    pub fn from_reader(
        name: impl Into<String>,
        reader: impl Read + Send + 'static,
    ) -> Result<Self, BackendError> {
        let name = name.into();
        let reader = Audio::stream(&name, reader)?;
        Ok(Self::new(name, reader))
    }

    fn new(name: String, reader: Audio) -> Self {
        let format = reader.format();
        let report = FileReport::default();
        report.words(|words| words.findings = reader.findings().to_vec());
        Self {
            name,
            format,
            callback: (format.rate / 100) as usize,
            realtime: false,
            promised: reader.frames_promised(),
            state: State::Idle(Some(Box::new(Player::new(reader, report.clone())))),
            report,
        }
    }

    /// Sets the frames of one buffer, 1 to 65536; 10 ms without this. The last buffer
    /// of a file may have fewer, and so may any that finds less room for a while.
    #[must_use]
    pub fn callback(mut self, frames: usize) -> Self {
        self.callback = frames.clamp(1, LARGEST_CALLBACK);
        self
    }

    /// Delivers at the speed of the clock, as a device would: each buffer once its last
    /// frame is due, whether there is room or not.
    #[must_use]
    pub fn realtime(mut self, paced: bool) -> Self {
        self.realtime = paced;
        self
    }

    /// A view of what becomes of this file that outlives giving it away.
    pub fn report(&self) -> FileReport {
        self.report.clone()
    }

    /// How many frames the file's header promises, for a progress bar. There may be
    /// fewer.
    pub fn frames_promised(&self) -> Option<u64> {
        self.promised
    }

    /// Delivers the rest of the file on this thread and returns how many frames that
    /// was. Never paced. A listener without room is waited for, so somebody else must
    /// be making room; who does that on this very thread wants [`step`](Self::step).
    pub fn run(&mut self, capture: &mut dyn Capture) -> Result<u64, BackendError> {
        let callback = self.callback;
        let player = self.idle()?;
        player.count_from_zero();
        let before = player.frames;
        while !player.ended() {
            let room = wait_for_room(capture, callback, || true);
            player.deliver(capture, room);
        }
        player.outcome().map(|()| player.frames - before)
    }

    /// Delivers one buffer, or as much of one as there is room for, on this thread:
    /// `Some(frames)`, or `None` at the end.
    pub fn step(&mut self, capture: &mut dyn Capture) -> Result<Option<usize>, BackendError> {
        let frames = self.callback.min(capture.room());
        let player = self.idle()?;
        player.count_from_zero();
        if frames == 0 && !player.ended() {
            return Ok(Some(0));
        }
        match player.deliver(capture, frames) {
            0 => player.outcome().map(|()| None),
            frames => Ok(Some(frames)),
        }
    }

    fn idle(&mut self) -> Result<&mut Player, BackendError> {
        match &mut self.state {
            State::Idle(Some(player)) => Ok(player),
            State::Idle(None) => Err(gone(&self.name)),
            State::Playing { .. } => Err(busy(&self.name)),
        }
    }
}

impl Backend for File {
    fn name(&self) -> &str {
        &self.name
    }

    fn format(&mut self) -> Result<Format, BackendError> {
        Ok(self.format)
    }

    fn start(&mut self, capture: Box<dyn Capture>) -> Result<(), BackendError> {
        if self.idle()?.ended() {
            return Err(BackendError::new(
                BackendErrorKind::Busy,
                format!("`{}` is at its end; open it again to hear it again", self.name),
            ));
        }
        let State::Idle(Some(mut player)) = std::mem::replace(&mut self.state, State::Idle(None))
        else {
            return Err(gone(&self.name));
        };
        let stop = Arc::new(AtomicBool::new(false));
        let (flag, callback, realtime) = (Arc::clone(&stop), self.callback, self.realtime);
        let body = move || {
            let mut capture = capture;
            if realtime {
                player.play_paced(&mut *capture, callback, &flag);
            } else {
                player.play(&mut *capture, callback, &flag);
            }
            (player, capture)
        };
        let thread = thread::Builder::new().name("tympan-file".to_owned()).spawn(body);
        let thread = thread.map_err(|error| {
            BackendError::new(
                BackendErrorKind::Failed,
                format!("`{}` got no thread to play on: {error}; open it again", self.name),
            )
        })?;
        self.state = State::Playing { stop, thread };
        Ok(())
    }

    fn stop(&mut self) -> Option<Box<dyn Capture>> {
        match std::mem::replace(&mut self.state, State::Idle(None)) {
            State::Playing { stop, thread } => {
                stop.store(true, Ordering::Release);
                thread.thread().unpark();
                // A listener that panicked took the thread and itself with it.
                let (player, capture) = thread.join().ok()?;
                self.state = State::Idle(Some(player));
                Some(capture)
            }
            idle @ State::Idle(_) => {
                self.state = idle;
                None
            }
        }
    }
}

impl Drop for File {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File")
            .field("name", &self.name)
            .field("format", &self.format)
            .field("callback", &self.callback)
            .field("realtime", &self.realtime)
            .field("report", &self.report)
            .finish_non_exhaustive()
    }
}

fn busy(name: &str) -> BackendError {
    BackendError::new(BackendErrorKind::Busy, format!("`{name}` is playing already; stop it first"))
}

fn gone(name: &str) -> BackendError {
    BackendError::new(
        BackendErrorKind::Busy,
        format!("`{name}` was lost when its listener panicked; open it again"),
    )
}

/// The reader with its place, wherever it plays.
struct Player {
    reader: Audio,
    report: FileReport,
    buffer: Vec<f32>,
    frames: u64,
    /// The stamp of frame `origin_frame`, from which all stamps are counted.
    origin_ns: u64,
    origin_frame: u64,
}

impl Player {
    fn new(reader: Audio, report: FileReport) -> Self {
        Self { reader, report, buffer: Vec::new(), frames: 0, origin_ns: 0, origin_frame: 0 }
    }

    fn ended(&self) -> bool {
        self.report.ended()
    }

    /// How it came to its end.
    fn outcome(&self) -> Result<(), BackendError> {
        self.report.error().map_or(Ok(()), Err)
    }

    /// Makes stamps depend on nothing but the frame's number.
    fn count_from_zero(&mut self) {
        (self.origin_ns, self.origin_frame) = (0, 0);
    }

    /// Delivers whenever there is room, until the end or a stop.
    fn play(&mut self, capture: &mut dyn Capture, callback: usize, stop: &AtomicBool) {
        self.count_from_zero();
        let going = || !stop.load(Ordering::Acquire);
        loop {
            let room = wait_for_room(capture, callback, going);
            if room == 0 || self.deliver(capture, room) == 0 {
                return;
            }
        }
    }

    /// Delivers every buffer when its last frame is due, until the end or a stop.
    fn play_paced(&mut self, capture: &mut dyn Capture, callback: usize, stop: &AtomicBool) {
        (self.origin_ns, self.origin_frame) = (host_ns(), self.frames);
        let going = || !stop.load(Ordering::Acquire);
        loop {
            sleep_until(self.stamp(self.frames + callback as u64), going);
            // Read only now, so that a stop while asleep leaves nothing undelivered.
            if !going() || self.deliver(capture, callback) == 0 {
                return;
            }
        }
    }

    /// Reads and delivers up to `frames` at once, and says how many; 0 at the end, which
    /// the listener is told once.
    fn deliver(&mut self, capture: &mut dyn Capture, frames: usize) -> usize {
        if self.ended() {
            return 0;
        }
        let format = self.reader.format();
        let channels = usize::from(format.channels);
        self.buffer.resize(frames * channels, 0.0);
        let read = match self.reader.read(&mut self.buffer) {
            Ok(0) => return self.end(capture, None),
            Err(error) => return self.end(capture, Some(error)),
            Ok(read) => read,
        };
        let host_ns = self.stamp(self.frames);
        self.frames += read as u64;
        // Before the listener hears of them, so that it never knows more than the report.
        self.report.shared.frames.store(self.frames, Ordering::Release);
        let samples = &self.buffer[..read * channels];
        capture.audio(Buffer { samples, format, host_ns });
        read
    }

    fn end(&mut self, capture: &mut dyn Capture, error: Option<BackendError>) -> usize {
        self.report.words(|words| {
            words.error = error;
            words.findings = self.reader.findings().to_vec();
        });
        self.report.shared.ended.store(true, Ordering::Release);
        capture.notice(Notice::End);
        0
    }

    fn stamp(&self, frame: u64) -> u64 {
        let since = u128::from(frame - self.origin_frame) * 1_000_000_000;
        self.origin_ns + (since / u128::from(self.reader.format().rate)) as u64
    }
}

/// Waits until a whole callback fits, or until less than that has not changed for a
/// while: a listener smaller than a callback is served in pieces. 0 means told to stop.
fn wait_for_room(capture: &dyn Capture, callback: usize, going: impl Fn() -> bool) -> usize {
    let (mut last, mut same) = (0, 0);
    while going() {
        let room = capture.room();
        if room >= callback {
            return callback;
        }
        same = if room == last { same + 1 } else { 0 };
        last = room;
        if room > 0 && same >= PATIENCE {
            return room;
        }
        thread::park_timeout(WAIT);
    }
    0
}

/// Sleeps to a point of the clock; a stop wakes it.
fn sleep_until(due_ns: u64, going: impl Fn() -> bool) {
    loop {
        let now = host_ns();
        if now >= due_ns || !going() {
            return;
        }
        thread::park_timeout(Duration::from_nanos(due_ns - now));
    }
}

/// The process's monotonic clock in nanoseconds.
fn host_ns() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_nanos() as u64
}
