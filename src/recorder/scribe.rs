//! Whoever brings audio to a transcriber, and takes the text away.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tympan_backends::transcriber::{RATE, Transcriber};
use tympan_core::session::Ms;

use super::BuildError;
use super::office::{Desk, Work};
use crate::pipeline::{Pipeline, Reader, Shared};
use crate::{PacketReader, PcmReader};

/// What a scribe is to do.
#[derive(Clone, Debug)]
pub(crate) enum Order {
    /// A take begins, in this language.
    Start(String),
    /// It is over: the text is wanted.
    Finish,
    /// It never was.
    Forget,
}

/// What a scribe says.
#[derive(Debug)]
pub(crate) enum Answer {
    /// There will be no text, for this reason.
    Unavailable(String),
    Partial(String),
    Final(Option<String>),
}

/// A transcriber and the output that it listens to.
pub(crate) struct Hired {
    pub(crate) transcriber: Box<dyn Transcriber>,
    pub(crate) output: String,
}

impl Hired {
    /// Takes the output's reader.
    pub(super) fn scribe(self, pipeline: &mut Pipeline) -> Result<Scribe, BuildError> {
        let tap = Tap::of(pipeline, &self.output)?;
        let (shared, transcriber) = (pipeline.shared(), self.transcriber);
        Ok(Scribe { transcriber, tap, shared, stage: Stage::Idle, samples: Vec::new() })
    }
}

pub(crate) struct Scribe {
    transcriber: Box<dyn Transcriber>,
    tap: Tap,
    shared: Arc<Shared>,
    stage: Stage,
    samples: Vec<f32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Idle,
    Writing,
    /// The last frames are on their way, since then.
    Ending(Ms),
}

/// How long the graph may take to bring out its last frames.
const LAST_FRAMES_MS: Ms = 2000;

impl Scribe {
    /// Calls the transcriber, whose panic is an answer too.
    fn call<T>(
        &mut self,
        work: impl FnOnce(&mut dyn Transcriber) -> Result<T, String>,
    ) -> Result<T, String> {
        let called = catch_unwind(AssertUnwindSafe(|| work(&mut *self.transcriber)));
        called.unwrap_or_else(|_| Err("the transcriber panicked; there is no transcript".into()))
    }

    fn start(&mut self, language: &str) -> Result<(), String> {
        // What is left of a take that is over is not of this one.
        while self.tap.next(&mut self.samples) {}
        let known = self.call(|transcriber| Ok(transcriber.locales()))?;
        if !known.is_empty() && !known.iter().any(|known| known.eq_ignore_ascii_case(language)) {
            return Err(format!(
                "the transcriber does not know `{language}`; it knows {}",
                known.join(", ")
            ));
        }
        self.call(|transcriber| transcriber.start(language))?;
        self.stage = Stage::Writing;
        Ok(())
    }

    /// Brings what is there, and fetches what is new.
    fn pump(&mut self) -> Result<Option<String>, String> {
        let mut samples = std::mem::take(&mut self.samples);
        let mut fed = Ok(());
        while self.tap.next(&mut samples) {
            if fed.is_ok() && self.stage != Stage::Idle {
                fed = self.call(|transcriber| transcriber.feed(&samples));
            }
        }
        samples.fill(0.0);
        self.samples = samples;
        fed?;
        if self.stage == Stage::Idle {
            return Ok(None);
        }
        self.call(|transcriber| Ok(transcriber.partial()))
    }

    fn give_up(&mut self, why: String, desk: &Desk<Self>) {
        self.stage = Stage::Idle;
        desk.answer(Answer::Unavailable(why));
    }
}

impl Work for Scribe {
    type Order = Order;
    type Answer = Answer;

    fn perform(&mut self, now: Ms, order: Order, desk: &Desk<Self>) {
        match order {
            Order::Start(language) => {
                if let Err(why) = self.start(&language) {
                    self.give_up(why, desk);
                }
            }
            Order::Finish if self.stage == Stage::Writing => self.stage = Stage::Ending(now),
            Order::Finish => desk.answer(Answer::Final(None)),
            Order::Forget => self.stage = Stage::Idle,
        }
    }

    fn tend(&mut self, now: Ms, desk: &Desk<Self>) -> bool {
        // Asked before the reader is: what came until then is seen.
        let settled = self.shared.is_settled() || self.shared.is_finished();
        match self.pump() {
            Ok(Some(text)) => desk.answer(Answer::Partial(text)),
            Ok(None) => {}
            Err(why) => self.give_up(why, desk),
        }
        if let Stage::Ending(since) = self.stage
            && (settled || now >= since.saturating_add(LAST_FRAMES_MS))
        {
            match self.call(|transcriber| transcriber.finish()) {
                Ok(text) => desk.answer(Answer::Final(Some(text))),
                Err(why) => desk.answer(Answer::Unavailable(why)),
            }
            self.stage = Stage::Idle;
        }
        self.stage != Stage::Idle
    }
}

/// An output that carries mono samples at the rate of a transcriber, however it does.
enum Tap {
    Samples(PcmReader),
    /// Packets of 16-bit or float samples.
    Packets(PacketReader),
}

impl Tap {
    fn of(pipeline: &mut Pipeline, output: &str) -> Result<Self, BuildError> {
        let Some(info) = pipeline.outputs().iter().find(|info| info.name == output).cloned() else {
            return Err(BuildError::no_output(output, pipeline));
        };
        let format = info.format;
        let fits = format.rate == RATE && format.channels == 1;
        if !fits || !matches!(info.codec, "" | "pcm16" | "f32le") {
            return Err(BuildError::Output(format!(
                "output `{output}` carries {format}{}{}; a transcriber wants samples of {} Hz \
                 mono, as `pcm16` behind a `resample` makes them",
                if info.codec.is_empty() { "" } else { " as " },
                info.codec,
                RATE
            )));
        }
        let packets = info.packet > 0;
        let taken = || BuildError::Output(format!("output `{output}` has its reader already"));
        let mut reader = pipeline.reader(output, packets).ok_or_else(taken)?;
        Reader::ignore_holds(&mut reader);
        Ok(if packets {
            Self::Packets(PacketReader::new(reader))
        } else {
            Self::Samples(PcmReader::new(reader))
        })
    }

    /// Puts the next samples into `to`, in place of what is there; whether there are any.
    fn next(&mut self, to: &mut Vec<f32>) -> bool {
        to.clear();
        match self {
            Self::Samples(reader) => {
                let Some(block) = reader.try_next() else { return false };
                to.extend_from_slice(block.samples);
            }
            Self::Packets(reader) => {
                let codec = reader.info().codec;
                let Some(packet) = reader.try_next() else { return false };
                unpack(codec, packet.bytes, to);
            }
        }
        true
    }
}

fn unpack(codec: &str, bytes: &[u8], to: &mut Vec<f32>) {
    if codec == "pcm16" {
        let (words, _) = bytes.as_chunks::<2>();
        to.extend(words.iter().map(|word| f32::from(i16::from_le_bytes(*word)) / 32_768.0));
    } else {
        let (words, _) = bytes.as_chunks::<4>();
        to.extend(words.iter().map(|word| f32::from_le_bytes(*word)));
    }
}
