//! What a handle is, without a pointer: a pipeline whose ends can be used from any
//! thread, because whoever comes second is turned away instead of being let wait.

use std::ffi::{CString, c_int};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use tympan::backend::{Buffer, Capture, Notice};
use tympan::{
    Backend, BackendError, Events, Format, Graph, Header, OutputInfo, PacketReader, PcmReader,
    Pipeline, Totals,
};

use crate::sentence::Failure;
use crate::{BROKEN, BUSY, EMPTY, ENDED, OK, SMALL, WRONG};

/// Where the callback enters: what a pipeline wants to be called with its audio.
type Entry = Arc<Mutex<Option<Box<dyn Capture>>>>;

pub struct Handle {
    entry: Entry,
    outputs: Vec<Output>,
    events: Mutex<Events>,
    pipeline: Mutex<Stage>,
    pub(crate) plan: CString,
    ended: AtomicBool,
    broken: AtomicBool,
}

enum Stage {
    Running(Box<Pipeline>),
    Ended(Totals),
}

/// An output, and the record that did not fit into the caller's buffer.
struct Output {
    info: OutputInfo,
    name: CString,
    codec: CString,
    line: Mutex<Line>,
}

struct Line {
    reader: Reader,
    held: Option<Header>,
    bytes: Vec<u8>,
}

enum Reader {
    Samples(PcmReader),
    Packets(PacketReader),
}

/// The backend of an app that has the device in its own hands.
struct App {
    format: Format,
    entry: Entry,
}

impl Backend for App {
    fn name(&self) -> &'static str {
        "app"
    }

    fn format(&mut self) -> Result<Format, BackendError> {
        Ok(self.format)
    }

    fn start(&mut self, capture: Box<dyn Capture>) -> Result<(), BackendError> {
        *wait_for(&self.entry) = Some(capture);
        Ok(())
    }

    /// The one who waits: a push that is under way is short, and is let finish.
    fn stop(&mut self) -> Option<Box<dyn Capture>> {
        wait_for(&self.entry).take()
    }
}

/// For ordinary threads. What a panic left behind is not used again: the handle is
/// broken by then.
fn wait_for<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Never waits.
fn turn<'a, T>(lock: &'a Mutex<T>, busy: &'static str) -> Result<MutexGuard<'a, T>, Failure> {
    match lock.try_lock() {
        Ok(guard) => Ok(guard),
        Err(TryLockError::WouldBlock) => Err(Failure::new(BUSY, busy)),
        Err(TryLockError::Poisoned(_)) => Err(broken()),
    }
}

pub(crate) fn broken() -> Failure {
    Failure::new(
        BROKEN,
        "the library has panicked in an earlier call, which is a bug of its own; free this \
         handle, and please report what was printed",
    )
}

impl Handle {
    pub(crate) fn start(toml: &str, format: Format) -> Result<Self, Failure> {
        let wrong = |e: &dyn std::fmt::Display| Failure::new(WRONG, e.to_string());
        let graph = Graph::from_toml(toml, &tympan::registry()).map_err(|e| wrong(&e))?;
        if let Some(second) = graph.sources().nth(1) {
            return Err(Failure::new(
                WRONG,
                format!("the source `{second}` would stay silent: C can feed the first one only"),
            ));
        }
        let plan = graph.plan(format).map_err(|e| wrong(&e))?;
        let entry = Entry::default();
        let app = App { format, entry: entry.clone() };
        let builder = Pipeline::builder(&graph).backend(app);
        let mut pipeline = builder.start().map_err(|e| wrong(&e))?;
        let infos = pipeline.outputs().to_vec();
        let outputs = infos.into_iter().filter_map(|info| Output::of(info, &mut pipeline));
        Ok(Self {
            entry,
            outputs: outputs.collect(),
            events: Mutex::new(pipeline.events().ok_or_else(broken)?),
            pipeline: Mutex::new(Stage::Running(Box::new(pipeline))),
            plan: c_text(&plan.to_string()),
            ended: AtomicBool::new(false),
            broken: AtomicBool::new(false),
        })
    }

    /// After a panic nothing is believed any more.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        if self.broken.load(Ordering::Acquire) { Err(broken()) } else { Ok(()) }
    }

    pub(crate) fn is_broken_now(&self) {
        self.broken.store(true, Ordering::Release);
    }

    pub(crate) fn output(&self, name: &str) -> Result<c_int, Failure> {
        if let Some(at) = self.outputs.iter().position(|o| o.info.name == name) {
            return Ok(at as c_int);
        }
        let names = self.outputs.iter().map(|o| o.info.name.as_str());
        let help = match tympan::core::nearest(name, names.clone()) {
            Some(nearest) => format!("did you mean `{nearest}`?"),
            None => format!("there are {}", names.collect::<Vec<_>>().join(", ")),
        };
        Err(Failure::new(WRONG, format!("the graph has no output `{name}`; {help}")))
    }

    fn numbered(&self, output: c_int) -> Result<&Output, Failure> {
        usize::try_from(output).ok().and_then(|at| self.outputs.get(at)).ok_or_else(|| {
            let count = self.outputs.len();
            Failure::new(
                WRONG,
                format!("there is no output {output}: the graph has {count}, counted from 0"),
            )
        })
    }

    /// Name, codec and the rest of an output.
    pub(crate) fn info(&self, output: c_int) -> Result<(&CString, &CString, &OutputInfo), Failure> {
        let output = self.numbered(output)?;
        Ok((&output.name, &output.codec, &output.info))
    }

    fn enter(&self, call: impl FnOnce(&mut dyn Capture)) -> Result<c_int, Failure> {
        let over =
            || Failure::new(ENDED, "this handle has ended: nothing can be pushed after tympan_end");
        match turn(&self.entry, "another thread is pushing: one at a time") {
            // The one who ends was quicker.
            Err(_) if self.ended.load(Ordering::Acquire) => Err(over()),
            Err(e) => Err(e),
            Ok(mut entry) => match entry.as_mut() {
                Some(capture) => {
                    call(&mut **capture);
                    Ok(OK)
                }
                None => Err(over()),
            },
        }
    }

    pub(crate) fn push(
        &self,
        format: Format,
        samples: &[f32],
        host_ns: u64,
    ) -> Result<c_int, Failure> {
        self.enter(|capture| capture.audio(Buffer { samples, format, host_ns }))
    }

    pub(crate) fn notice(&self, notice: Notice) -> Result<c_int, Failure> {
        self.enter(|capture| capture.notice(notice))
    }

    pub(crate) fn room(&self) -> usize {
        let mut room = 0;
        // Whoever may not push has no room.
        let _ = self.enter(|capture| room = capture.room());
        room
    }

    /// Hands the next record to `give`, which returns whether it took it.
    pub(crate) fn pull(
        &self,
        output: c_int,
        give: impl FnOnce(&Header, &[u8]) -> bool,
    ) -> Result<c_int, Failure> {
        let output = self.numbered(output)?;
        let mut line = turn(&output.line, "another thread is pulling from this output")?;
        let Line { reader, held, bytes } = &mut *line;
        if held.is_none() {
            *held = reader.next(bytes);
        }
        let Some(header) = *held else {
            return Ok(if reader.is_finished() { ENDED } else { EMPTY });
        };
        if !give(&header, bytes) {
            let (name, needed) = (&output.info.name, bytes.len());
            return Err(Failure::new(
                SMALL,
                format!("the next record of `{name}` needs {needed} bytes; pull it again"),
            ));
        }
        *held = None;
        // What was captured is not left lying about.
        bytes.fill(0);
        Ok(OK)
    }

    pub(crate) fn event(&self) -> Result<Result<tympan::Event, c_int>, Failure> {
        let mut events = turn(&self.events, "another thread is fetching events")?;
        Ok(match events.try_next() {
            Some(event) => Ok(event),
            None => Err(if events.is_finished() { ENDED } else { EMPTY }),
        })
    }

    pub(crate) fn totals(&self) -> Result<Totals, Failure> {
        Ok(match &*turn(&self.pipeline, "another thread is ending this handle, or counting")? {
            Stage::Running(pipeline) => pipeline.totals(),
            Stage::Ended(totals) => totals.clone(),
        })
    }

    /// Whoever ends waits for whoever is ending already.
    pub(crate) fn end(&self) {
        self.ended.store(true, Ordering::Release);
        let mut stage = wait_for(&self.pipeline);
        if let Stage::Running(_) = *stage {
            let last = std::mem::replace(&mut *stage, Stage::Ended(Totals::default()));
            if let Stage::Running(pipeline) = last {
                *stage = Stage::Ended(pipeline.stop());
            }
        }
    }
}

impl Output {
    fn of(info: OutputInfo, pipeline: &mut Pipeline) -> Option<Self> {
        let reader = if info.codec.is_empty() {
            Reader::Samples(pipeline.pcm(&info.name)?)
        } else {
            Reader::Packets(pipeline.packets(&info.name)?)
        };
        let line = Mutex::new(Line { reader, held: None, bytes: Vec::new() });
        Some(Self { name: c_text(&info.name), codec: c_text(info.codec), info, line })
    }
}

/// Bytes of the largest record, as planned.
pub(crate) fn largest(info: &OutputInfo) -> usize {
    if info.codec.is_empty() {
        info.block * info.format.channels as usize * size_of::<f32>()
    } else {
        info.packet
    }
}

impl Reader {
    /// The next record, its bytes in `bytes`.
    fn next(&mut self, bytes: &mut Vec<u8>) -> Option<Header> {
        bytes.clear();
        match self {
            Self::Samples(reader) => {
                let block = reader.try_next()?;
                bytes.extend(block.samples.iter().flat_map(|x| x.to_ne_bytes()));
                Some(block.header)
            }
            Self::Packets(reader) => {
                let packet = reader.try_next()?;
                bytes.extend_from_slice(packet.bytes);
                Some(packet.header)
            }
        }
    }

    fn is_finished(&self) -> bool {
        match self {
            Self::Samples(reader) => reader.is_finished(),
            Self::Packets(reader) => reader.is_finished(),
        }
    }
}

/// A text for C, which takes a zero for the end.
fn c_text(text: &str) -> CString {
    CString::new(text.replace('\0', "?")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_second_is_turned_away() {
        let graph = "[[output]]\nname = \"all\"\nfrom = \"mic\"\n";
        let device = Format::mono(16_000);
        let handle = Handle::start(graph, device).unwrap();
        let refused = |result: Result<c_int, Failure>, saying: &str| {
            let failure = result.unwrap_err();
            assert_eq!(failure.code, BUSY);
            assert!(failure.sentence.contains(saying), "{failure:?}");
        };
        {
            let _first = handle.entry.lock().unwrap();
            refused(handle.push(device, &[0.0], 0), "pushing");
            assert_eq!(handle.room(), 0);
        }
        {
            let _first = handle.outputs[0].line.lock().unwrap();
            refused(handle.pull(0, |_, _| true), "pulling");
        }
        {
            let _first = handle.events.lock().unwrap();
            refused(handle.event().map(|_| 0), "events");
        }
        assert_eq!(handle.push(device, &[0.0], 0).unwrap(), OK);
        handle.end();
        {
            // The one who ends has it for a moment; whoever pushes then is told the truth.
            let _ending = handle.entry.lock().unwrap();
            assert_eq!(handle.push(device, &[0.0], 0).unwrap_err().code, ENDED);
        }
        handle.end();
        assert_eq!(handle.totals().unwrap().processed, 1);
    }
}
