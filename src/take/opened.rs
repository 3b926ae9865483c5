//! A take that is being written.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use tympan_backends::storage::{Medium, Protection, Storage};
use tympan_backends::{BackendError, BackendErrorKind};
use tympan_core::session::{Gap, GapPolicy, Ms};
use tympan_core::{Event, Format, Header, What};

use super::chunks::{Chunk, Chunker, Chunks};
use super::journal::{self, Journal};
use super::levels::Meter;
use super::part::{self, Writing};
use super::progress::Progress;
use super::sealed::Key;
use super::sidecar::{self, Stretch, Take};
use super::syncs::{self, Syncs};
use super::timeline::{Place, Timeline};
use super::{Container, date, duration, in_rate};
use crate::recorder::office::Office;

/// What the names of open takes end with.
pub(super) const OPEN: &str = ".open";

/// Room that is kept for what makes a take complete, for when the disk is full.
const RESERVE: (&str, usize) = ("reserve", 64 * 1024);

/// How a take is to be.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) container: Container,
    pub(crate) gaps: GapPolicy,
    /// Whether it is kept as chunks too, and how.
    pub(crate) chunks: Option<Chunks>,
    /// When its files can be used on a phone that is locked.
    pub(crate) protection: Option<Protection>,
    /// The audio that comes.
    pub(crate) format: Format,
    /// What it is made with, for the journal.
    pub(crate) made_with: [(&'static str, Option<String>); 3],
    /// What it is sealed with.
    pub(crate) key: Option<Key>,
}

/// What there is to tell of a take that is being written.
pub(super) enum News {
    Sealed(Chunk),
    /// Silence stands in for what was lost.
    Dropped {
        at: Duration,
        lost: Duration,
    },
    /// As a sentence.
    Trouble(String),
}

/// What the session tells of a place behind `at` ms of captured audio.
#[derive(Clone, Copy)]
struct Mark {
    event: &'static str,
    at: Ms,
    ms: Ms,
    cause: &'static str,
}

/// One take, from its first frame to its last.
pub(super) struct OpenTake {
    storage: Arc<dyn Storage>,
    plan: Plan,
    folder: PathBuf,
    journal: Journal,
    sidecar: Box<dyn Medium>,
    writing: Writing,
    /// Frames in the files before that one, how many of them are filling, and how long
    /// those files are: none of one that could not be ended.
    before: u64,
    filled: u64,
    ended: Vec<Option<u64>>,
    chunker: Option<Chunker>,
    /// Not of a take that is sealed: it would be told in plain.
    levels: Option<Meter>,
    timeline: Timeline,
    /// What was told of places that the audio has not passed: the graph brings it later.
    marks: VecDeque<Mark>,
    /// Events of the graph that are of a segment of which nothing has come yet.
    early: Vec<Event>,
    speaking: bool,
    /// The segment that is written, and where its next frame belongs.
    segment: Option<(u32, i64)>,
    news: Vec<News>,
    /// A write failed: what comes now is lost.
    failed: bool,
}

impl OpenTake {
    /// Makes a folder for a take that begins now, with its journal and its empty audio.
    pub(super) fn create(
        storage: &Arc<dyn Storage>,
        recordings: &Path,
        plan: Plan,
    ) -> Result<Self, BackendError> {
        let failed = |path: &Path, error: &io::Error| {
            BackendError::not_created(&path.display().to_string(), error)
        };
        let (folder, started) =
            new_folder(&**storage, recordings).map_err(|error| failed(recordings, &error))?;
        let file = part::name(&plan, 0);
        let begin = || {
            if let Some(protection) = plan.protection {
                // For all that is made in it.
                storage.protect(&folder, protection)?;
            }
            let mut journal = Journal::create(&**storage, &folder.join(journal::NAME))?;
            journal.line("open", described(&plan, &file, &started))?;
            journal.sync()?;
            storage.create(&folder.join(RESERVE.0))?.write_all(&vec![0; RESERVE.1])?;
            let sidecar = storage.create(&folder.join(sidecar::NAME))?;
            Ok((journal, sidecar))
        };
        let begun = begin().map_err(|error| failed(&folder, &error));
        let begun = begun.and_then(|(journal, sidecar)| {
            let writing = Writing::create(&**storage, &folder, &file, &plan)?;
            let named = storage.sync_folder(recordings);
            named.map_err(|error| failed(recordings, &error))?;
            Ok((journal, sidecar, writing))
        });
        let (journal, sidecar, writing) = match begun {
            Ok(begun) => begun,
            Err(error) => {
                // Nothing is in it; if it cannot be removed either, recovery does it.
                let _ = storage.remove(&folder);
                return Err(error);
            }
        };
        let (format, rate) = (plan.format, writing.rate());
        let chunker =
            plan.chunks.map(|plan| Chunker::new(storage, folder.clone(), plan, format, rate));
        Ok(Self {
            storage: storage.clone(),
            folder,
            journal,
            sidecar,
            writing,
            before: 0,
            filled: 0,
            ended: Vec::new(),
            chunker,
            levels: plan.key.is_none().then(|| Meter::new(format, rate)),
            timeline: Timeline::new(format.rate),
            marks: VecDeque::new(),
            early: Vec::new(),
            speaking: false,
            segment: None,
            news: Vec::new(),
            failed: false,
            plan,
        })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether silence stands in for gaps.
    pub(super) fn fills(&self) -> bool {
        self.plan.gaps == GapPolicy::FillSilence
    }

    /// Whether this block begins a segment that is not the first.
    pub(super) fn breaks_off(&self, header: &Header) -> bool {
        self.segment.is_some_and(|(segment, _)| segment != header.segment)
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failed
    }

    /// Frames in front of the next one, at the rate of what comes.
    fn frames(&self) -> u64 {
        self.before + self.writing.position()
    }

    /// Frames of what comes as frames of the file, which may play at another rate.
    fn in_file(&self, frames: u64) -> u64 {
        self.timeline.in_file(frames, self.writing.rate())
    }

    /// Does what a disk may refuse. Once it has, nothing is written any more.
    fn attempt<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, BackendError>,
    ) -> Result<T, BackendError> {
        let done = work(self);
        self.failed |= done.is_err();
        done
    }

    /// A line of the journal. The audio is what matters: where this fails, the next write
    /// will, and the line is written when there is room.
    fn tell(&mut self, event: &str, fields: Value) {
        let _ = self.journal.line(event, fields);
    }

    /// Writes a block. After a failure nothing is written any more.
    pub(super) fn block(&mut self, header: &Header, samples: &[f32]) -> Result<(), BackendError> {
        if self.failed || samples.is_empty() {
            return Ok(());
        }
        match self.segment {
            Some((segment, next)) if segment == header.segment => {
                self.stand_in(u64::try_from(header.position - next).unwrap_or(0))?;
            }
            _ => self.begin_segment(header)?,
        }
        self.segment = Some((header.segment, header.position + i64::from(header.frames)));
        self.samples(samples)?;
        self.place_passed()
    }

    /// What a slow disk lost keeps its place.
    fn stand_in(&mut self, lost: u64) -> Result<(), BackendError> {
        if lost == 0 {
            return Ok(());
        }
        let at = self.in_file(self.frames());
        self.silence(lost)?;
        let drop = Stretch { at, frames: self.in_file(self.frames()) - at };
        self.tell("drop", json!({ "at": drop.at, "frames": drop.frames }));
        let time = |frames| duration(frames, self.writing.rate());
        self.news.push(News::Dropped { at: time(drop.at), lost: time(drop.frames) });
        Ok(())
    }

    fn begin_segment(&mut self, header: &Header) -> Result<(), BackendError> {
        if self.fills() {
            self.place_marks()?;
        }
        self.border()?;
        let at = self.frames();
        self.timeline.begins(header.segment, header.position, at);
        let line = json!({ "at": self.in_file(at), "filled": self.in_file(self.filling()) });
        self.tell("segment", line);
        if let Some(chunker) = &mut self.chunker {
            chunker.segment();
        }
        Ok(())
    }

    /// Frames so far that are silence with which encoders were pushed out.
    fn filling(&self) -> u64 {
        self.filled + self.writing.filled()
    }

    /// Capture breaks off here: nothing of before is to wait in an encoder. Where the take
    /// ends here, there is no need: ending it brings everything out.
    ///
    /// The silence that pushed it out is in the take, so it is in chunks.
    fn border(&mut self) -> Result<(), BackendError> {
        let filled = self.writing.filled();
        self.attempt(|take| take.writing.border())?;
        let filled = (self.writing.filled() - filled) as usize;
        self.timeline.stands_beside(filled as u64);
        self.hear(&vec![0.0; filled * usize::from(self.plan.format.channels)]);
        if let Some(chunker) = &mut self.chunker {
            chunker.border();
        }
        Ok(())
    }

    fn samples(&mut self, samples: &[f32]) -> Result<(), BackendError> {
        self.attempt(|take| take.writing.samples(samples))?;
        self.hear(samples);
        // A record says how far the take plays behind it, so it is not to fill up before.
        if self.plan.key.is_some() { self.flush_if_due() } else { Ok(()) }
    }

    /// What is in the audio is in all that is made beside it.
    fn hear(&mut self, samples: &[f32]) {
        if let Some(levels) = &mut self.levels {
            let journal = &mut self.journal;
            levels.hear(samples, |line| drop(journal.line("levels", line)));
        }
        if let Some(chunker) = &mut self.chunker {
            chunker.samples(samples, &mut self.journal);
        }
    }

    fn silence(&mut self, mut frames: u64) -> Result<(), BackendError> {
        let channels = usize::from(self.plan.format.channels);
        let piece = vec![0.0; 1024 * channels];
        while frames > 0 {
            let some = frames.min(1024);
            self.samples(&piece[..some as usize * channels])?;
            frames -= some;
        }
        Ok(())
    }

    /// Hands what is due to the system, and to the disk.
    pub(super) fn keep(&mut self, now: Ms, syncs: &mut Office<Syncs>) -> Result<(), BackendError> {
        if self.failed {
            return Ok(());
        }
        self.flush_if_due()?;
        match self.sync_if_due(now, syncs) {
            Ok(()) => Ok(()),
            Err(error) => self.attempt(|take| take.go_on(error)),
        }
    }

    /// An error is one of a sync.
    fn sync_if_due(&mut self, now: Ms, syncs: &mut Office<Syncs>) -> Result<(), BackendError> {
        self.hear_of_sync(now, syncs)?;
        if !self.writing.is_sync_due(now) {
            return Ok(());
        }
        if let Some(syncer) = self.writing.sync(now)? {
            let file = Some(self.writing.path().to_owned());
            syncs.order(now, syncs::Order { syncer, file });
        }
        self.hear_of_sync(now, syncs)
    }

    /// Takes in how a sync went that is waited for elsewhere.
    fn hear_of_sync(&mut self, now: Ms, syncs: &mut Office<Syncs>) -> Result<(), BackendError> {
        while let Some(syncs::Answer { file, synced }) = syncs.answer() {
            // That of a take before, or of a file that was ended meanwhile, is too late.
            if file == self.writing.path()
                && self.writing.is_syncing()
                && let Some(syncer) = self.writing.synced(now, synced)?
            {
                syncs.order(now, syncs::Order { syncer, file: None });
            }
        }
        Ok(())
    }

    /// Waits for a sync that is under way, but not for ever: what it has to say of the file
    /// it says only once, and here there is nothing more to go on with.
    pub(super) fn end_syncs(&mut self, now: Ms, syncs: &mut Office<Syncs>) {
        for _ in 0..LAST_SYNC_MS {
            if let Err(error) = self.hear_of_sync(now, syncs) {
                self.end_in_doubt(&error);
                return;
            }
            if !self.writing.is_syncing() {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        let message = format!("the disk of `{}` does not answer", self.folder.display());
        self.end_in_doubt(&BackendError::new(BackendErrorKind::Failed, message));
    }

    /// The disk did not confirm what was written last, and asking once more would prove
    /// nothing. What comes goes to a new file, and this one is ended.
    fn go_on(&mut self, error: BackendError) -> Result<(), BackendError> {
        if self.writing.safe() == 0 && !self.ended.is_empty() {
            // It has confirmed nothing since the last time.
            return Err(error);
        }
        self.border()?;
        let suspect = self.doubt();
        let file = part::name(&self.plan, self.ended.len() + 1);
        let (at, filled) = (self.in_file(self.frames()), self.in_file(self.filling()));
        self.tell("part", json!({ "file": file, "at": at, "filled": filled }));
        let new = Writing::create(&*self.storage, &self.folder, &file, &self.plan);
        let new = new.inspect_err(|_| {
            // Nothing is in it.
            let _ = self.storage.remove(&self.folder.join(&file));
        })?;
        self.before += self.writing.position();
        self.filled += self.writing.filled();
        let mut old = std::mem::replace(&mut self.writing, new);
        let ended = old.finish().and_then(|frames| old.seal(frames, &[]).map(|()| frames));
        let _ = old.confirm();
        self.ended.push(ended.ok());
        if let Some((segment, next)) = self.segment {
            self.timeline.begins(segment, next, self.before);
        }
        self.news.push(News::Trouble(format!(
            "{}; the take goes on in `{file}`, and the last {} ms before it would not survive a \
             power cut for certain",
            error.message,
            suspect.frames * 1000 / u64::from(self.writing.rate().max(1))
        )));
        Ok(())
    }

    /// Writes down what the disk has not confirmed.
    fn doubt(&mut self) -> Stretch {
        let at = self.in_file(self.before + self.writing.safe());
        let suspect = Stretch { at, frames: self.in_file(self.frames()) - at };
        self.tell("suspect", json!({ "at": suspect.at, "frames": suspect.frames }));
        suspect
    }

    /// Capture has broken off, and may never go on.
    pub(super) fn break_off(&mut self) -> Result<(), BackendError> {
        if self.failed {
            return Ok(());
        }
        self.border()?;
        self.flush()
    }

    fn flush_if_due(&mut self) -> Result<(), BackendError> {
        if self.writing.is_flush_due() { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), BackendError> {
        self.attempt(|take| take.writing.flush())?;
        if let Some(chunker) = &mut self.chunker {
            chunker.flush();
        }
        Ok(())
    }

    /// The take begins with so much that was captured before it was asked for.
    pub(super) fn prewarmed(&mut self, ns: u64) {
        let frames = in_rate(ns, 1_000_000_000, self.plan.format.rate);
        self.timeline.stands_beside(frames);
        let frames = self.in_file(frames);
        self.tell("prewarmed", json!({ "frames": frames }));
    }

    /// Something is missing. It has its place once the audio is there.
    pub(super) fn gap(&mut self, gap: Gap) -> Result<(), BackendError> {
        let (at, ms, cause) = (gap.at, gap.ms(), gap.cause.name());
        self.told(Mark { event: "gap", at, ms, cause })
    }

    /// The user paused behind `at` ms of audio.
    pub(super) fn pause(&mut self, at: Ms, ms: Ms) -> Result<(), BackendError> {
        self.told(Mark { event: "pause", at, ms, cause: "user" })
    }

    fn told(&mut self, mark: Mark) -> Result<(), BackendError> {
        self.marks.push_back(mark);
        self.place_passed()
    }

    /// Whether something is told of a place where the audio is not yet.
    pub(super) fn awaits_a_mark(&self) -> bool {
        !self.marks.is_empty()
    }

    /// Places what the audio has passed.
    fn place_passed(&mut self) -> Result<(), BackendError> {
        while let Some(mark) = self.marks.front().copied()
            && self.timeline.has_passed(mark.at, self.frames())
        {
            self.marks.pop_front();
            self.place(mark)?;
        }
        Ok(())
    }

    /// Nothing more is to come before a border, or the end: what was told is of it.
    pub(super) fn place_marks(&mut self) -> Result<(), BackendError> {
        while let Some(mark) = self.marks.pop_front() {
            self.place(mark)?;
        }
        Ok(())
    }

    /// Writes it down, and puts silence there if that is wanted.
    fn place(&mut self, Mark { event, at, ms, cause }: Mark) -> Result<(), BackendError> {
        let at = self.in_file(self.timeline.of_captured(at, self.frames()));
        self.tell(event, json!({ "at": at, "ms": ms, "cause": cause }));
        if let Some(chunker) = &mut self.chunker {
            chunker.missing(&sidecar::Missing { at, ms, cause: cause.to_owned() });
        }
        if event != "gap" || !self.fills() {
            return Ok(());
        }
        let frames = self.timeline.frames_of(ms);
        self.timeline.stands_beside(frames);
        self.silence(frames)
    }

    /// Somebody began to speak, or ceased, says the graph.
    pub(super) fn speech(&mut self, event: Event) {
        if self.plan.key.is_some() {
            // Not in plain, as little as levels.
            return;
        }
        let starts = event.what == What::SpeechStart;
        match self.timeline.of_event(&event) {
            Place::At(at) if starts != self.speaking => {
                self.speaking = starts;
                let at = self.in_file(at);
                self.tell(if starts { "speech_start" } else { "speech_end" }, json!({ "at": at }));
            }
            Place::Later if self.early.len() < EARLY => self.early.push(event),
            _ => {}
        }
    }

    /// Events that came before their segment are placed, if it is there now.
    pub(super) fn place_early(&mut self) {
        for event in std::mem::take(&mut self.early) {
            self.speech(event);
        }
    }

    /// Seals the last chunk. To be done before the take is completed, so that it takes none
    /// of the room that is kept for that.
    pub(super) fn end_chunks(&mut self) {
        if let Some(chunker) = &mut self.chunker {
            chunker.border();
        }
    }

    /// What there is to tell.
    pub(super) fn news(&mut self) -> Vec<News> {
        let mut news = self.chunker.as_mut().map(Chunker::news).unwrap_or_default();
        news.append(&mut self.news);
        news
    }

    /// Ends the take: its audio is complete, its folder gets its name.
    pub(super) fn finalise(&mut self, transcript: Option<String>) -> Result<Take, BackendError> {
        // If the room is not to be had, it may not be needed.
        let _ = give_room(&*self.storage, &self.folder);
        let last = self.writing.finish();
        let last = last.inspect_err(|_| _ = self.doubt())?;
        if let Some(line) = self.levels.as_mut().and_then(Meter::end) {
            self.tell("levels", line);
        }
        let unsealed = |error: &io::Error| named_not(&self.folder, error);
        let entries = self.journal.entries().map_err(|error| unsealed(&error))?;
        let told = Take::told(&closed(&self.folder), &entries);
        let mut take = told.ok_or_else(|| unsealed(&io::ErrorKind::InvalidData.into()))?;
        let lengths = self.ended.iter().copied().chain([Some(last)]).collect::<Option<Vec<u64>>>();
        // One of its files could not be ended: recovery can.
        let lengths = lengths.ok_or_else(|| unsealed(&io::ErrorKind::WriteZero.into()))?;
        for (part, length) in take.more.iter_mut().zip(&lengths[1..]) {
            part.frames = *length;
        }
        // The last one may be one that could not be made.
        take.more.retain(|part| part.frames > 0);
        take.filled = self.in_file(self.filling());
        take.end_at(lengths.iter().sum());
        take.transcript = transcript;
        take.chunks = self.chunker.take().map(Chunker::sealed).unwrap_or_default();
        self.writing.seal(last, take.to_json().to_string().as_bytes())?;
        if let Some(suspect) = self.confirm() {
            take.suspect.retain(|known| known.at != suspect.at);
            take.suspect.push(suspect);
        }
        let closed = json!({ "time": date::text(SystemTime::now()), "frames": take.frames });
        self.tell("closed", closed);
        let _ = self.journal.sync();
        // All of it is safe now, and not before.
        for path in take.paths() {
            let file = path.file_name().unwrap_or_default().to_string_lossy();
            let _ = Progress::remove(&*self.storage, &self.folder, &file);
        }
        let named = complete(&*self.storage, &self.folder, &mut *self.sidecar, &take);
        named.map_err(|error| named_not(&self.folder, &error))?;
        Ok(take)
    }

    /// Has the end of the audio go to the disk, and says so if it does not.
    fn confirm(&mut self) -> Option<Stretch> {
        let error = self.writing.confirm().err()?;
        Some(self.end_in_doubt(&error))
    }

    fn end_in_doubt(&mut self, error: &BackendError) -> Stretch {
        let suspect = self.doubt();
        self.news.push(News::Trouble(format!(
            "{}; the end of the take would not survive a power cut for certain",
            error.message
        )));
        suspect
    }

    /// Removes a take that never began.
    pub(super) fn discard(self) -> io::Result<()> {
        self.storage.remove(&self.folder)
    }
}

/// How long the end of a take waits for a sync.
const LAST_SYNC_MS: u32 = 5000;

/// Events of a segment of which nothing has come are no more than this.
const EARLY: usize = 64;

/// The first line of a journal.
fn described(plan: &Plan, file: &str, started: &str) -> Value {
    let mut line = json!({
        "v": 1,
        "tympan": env!("CARGO_PKG_VERSION"),
        "started": started,
        "file": file,
        "container": plan.container.name(),
        "rate": plan.format.rate,
        "channels": plan.format.channels,
        "sealed": plan.key.is_some(),
    });
    for (key, value) in &plan.made_with {
        line[*key] = json!(value);
    }
    line
}

/// Frees what was kept for the end.
pub(super) fn give_room(storage: &dyn Storage, folder: &Path) -> io::Result<()> {
    match storage.remove(&folder.join(RESERVE.0)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Gives a take whose audio is complete its sidecar and its name.
pub(super) fn complete(
    storage: &dyn Storage,
    folder: &Path,
    sidecar: &mut dyn Medium,
    take: &Take,
) -> io::Result<()> {
    take.write(sidecar)?;
    storage.sync_folder(folder)?;
    storage.rename(folder, &take.folder)?;
    take.folder.parent().map_or(Ok(()), |recordings| storage.sync_folder(recordings))
}

/// The name of a take's folder once it is complete.
pub(super) fn closed(folder: &Path) -> PathBuf {
    let name = folder.to_string_lossy();
    PathBuf::from(name.strip_suffix(OPEN).unwrap_or(&name))
}

/// A folder that is new, named after the moment, and that moment.
fn new_folder(storage: &dyn Storage, recordings: &Path) -> io::Result<(PathBuf, String)> {
    let mut time = SystemTime::now();
    storage.create_folder(recordings)?;
    let taken = storage.list(recordings)?;
    // Two takes of one millisecond are told apart by the next one.
    loop {
        let name = date::name(time);
        let folder = recordings.join(format!("{name}{OPEN}"));
        if !taken.contains(&name) && storage.create_folder(&folder)? {
            return Ok((folder, date::text(time)));
        }
        time += std::time::Duration::from_millis(1);
    }
}

fn named_not(folder: &Path, error: &io::Error) -> BackendError {
    let message = format!(
        "the take in `{}` could not be completed: {error}; its audio is safe, and is completed \
         at the next start",
        folder.display()
    );
    BackendError::new(tympan_backends::BackendErrorKind::Failed, message)
}
