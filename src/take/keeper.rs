//! Whoever keeps the takes: behind an output of the graph, on an ordinary thread.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tympan_backends::BackendError;
use tympan_backends::storage::Storage;
use tympan_core::session::{Event, Gap, Ms};

use super::chunks::News;
use super::open::{OpenTake, Plan};
use super::recover::recover;
use super::{Chunk, Take};
use crate::PcmReader;
use crate::pipeline::Shared;
use crate::recorder::office::{Desk, Work};

/// What a keeper is to do.
#[derive(Clone, Debug)]
pub(crate) enum Order {
    /// Complete what an earlier run left open.
    Recover,
    Open(Plan),
    /// The take never began.
    Discard,
    Gap(Gap),
    Pause {
        at: Ms,
        ms: Ms,
    },
    Flush,
    /// Complete the take, once everything captured is here. With what was said in it.
    Finalise(Option<String>),
}

/// What a keeper says.
pub(crate) enum Answer {
    /// For the session.
    Event(Event),
    /// The take is complete, or as complete as it can be.
    Closed(Option<Take>),
    /// The take that never began is gone.
    Discarded,
    /// A chunk of the take is sealed, and its file is here.
    Chunk(PathBuf, Chunk),
    /// What went wrong, as a sentence.
    Trouble(String),
}

/// How long the graph may take to bring out its last frames, and a gap to be told of.
const LAST_FRAMES_MS: Ms = 2000;
const GAP_TOLD_MS: Ms = 300;

pub(crate) struct Keeper {
    storage: Arc<dyn Storage>,
    recordings: PathBuf,
    reader: PcmReader,
    shared: Arc<Shared>,
    take: Option<OpenTake>,
    /// A block that waits until a gap before it is told, and since when.
    waiting: Option<Ms>,
    next: Option<(tympan_core::Header, Vec<f32>)>,
    /// Since when the take is to be completed, and with which transcript.
    closing: Option<(Ms, Option<String>)>,
}

impl Keeper {
    pub(crate) fn new(
        storage: Arc<dyn Storage>,
        recordings: PathBuf,
        reader: PcmReader,
        shared: Arc<Shared>,
    ) -> Self {
        let (take, waiting, next, closing) = (None, None, None, None);
        Self { storage, recordings, reader, shared, take, waiting, next, closing }
    }

    fn recover(&self, desk: &Desk<Self>) {
        let ours = self.take.as_ref().map(OpenTake::folder);
        let recovered = recover(&*self.storage, &self.recordings, ours);
        desk.answer(Answer::Event(Event::TakesRecovered(recovered)));
    }

    fn open(&mut self, now: Ms, plan: Plan, desk: &Desk<Self>) {
        // What is left of a take that is over is not of this one.
        while self.reader.try_next().is_some() {}
        (self.waiting, self.next) = (None, None);
        let event = match OpenTake::create(&self.storage, &self.recordings, plan, now) {
            Ok(take) => {
                self.take = Some(take);
                Event::TakeOpened
            }
            Err(error) => {
                desk.answer(Answer::Trouble(error.message));
                Event::TakeFailed
            }
        };
        desk.answer(Answer::Event(event));
    }

    /// Writes what is there.
    fn pump(&mut self, now: Ms) -> Result<(), BackendError> {
        let Some(take) = &mut self.take else {
            while self.reader.try_next().is_some() {}
            return Ok(());
        };
        loop {
            if self.waiting.is_some_and(|since| now < since.saturating_add(GAP_TOLD_MS)) {
                return Ok(());
            }
            if let Some((header, samples)) = self.next.take() {
                self.waiting = None;
                take.block(&header, &samples)?;
            }
            let Some(block) = self.reader.try_next() else { return take.keep(now) };
            if take.fills() && take.breaks_off(&block.header) {
                self.waiting = Some(now);
                self.next = Some((block.header, block.samples.to_vec()));
                continue;
            }
            take.block(&block.header, block.samples)?;
        }
    }

    fn on_take(
        &mut self,
        desk: &Desk<Self>,
        work: impl FnOnce(&mut OpenTake) -> Result<(), BackendError>,
    ) {
        let done = self.take.as_mut().map_or(Ok(()), work);
        Self::tell(done, desk);
    }

    /// A write that failed is told once: nothing is written behind it.
    fn tell(done: Result<(), BackendError>, desk: &Desk<Self>) {
        if let Err(error) = done {
            desk.answer(Answer::Trouble(error.message));
            desk.answer(Answer::Event(Event::WriteFailed));
        }
    }

    fn close(&mut self, desk: &Desk<Self>) {
        let text = self.closing.take().and_then(|(_, text)| text);
        let take = self.take.take().and_then(|take| Self::finalise(take, text, desk));
        desk.answer(Answer::Closed(take));
    }

    fn finalise(mut open: OpenTake, text: Option<String>, desk: &Desk<Self>) -> Option<Take> {
        open.end_chunks();
        Self::pass_on(open.news(), open.folder(), desk);
        let failed = open.has_failed();
        let told = |error: BackendError| {
            // That it failed was told when it did.
            if !failed {
                desk.answer(Answer::Trouble(error.message));
            }
        };
        open.finalise(text).map_err(told).ok()
    }

    /// Tells what there is to tell of chunks.
    fn tell_chunks(&mut self, desk: &Desk<Self>) {
        if let Some(take) = &mut self.take {
            Self::pass_on(take.news(), take.folder(), desk);
        }
    }

    fn pass_on(news: Vec<News>, folder: &Path, desk: &Desk<Self>) {
        for news in news {
            desk.answer(match news {
                News::Sealed(chunk) => Answer::Chunk(chunk.path(folder), chunk),
                News::Trouble(sentence) => Answer::Trouble(sentence),
            });
        }
    }
}

impl Work for Keeper {
    type Order = Order;
    type Answer = Answer;

    fn perform(&mut self, now: Ms, order: Order, desk: &Desk<Self>) {
        match order {
            Order::Recover => self.recover(desk),
            Order::Open(plan) => self.open(now, plan, desk),
            Order::Discard => {
                // Nothing is in it; what cannot be removed now, recovery removes.
                let _ = self.take.take().map(OpenTake::discard);
                desk.answer(Answer::Discarded);
            }
            Order::Gap(gap) => {
                self.on_take(desk, |take| take.gap(gap));
                self.waiting = None;
            }
            Order::Pause { at, ms } => {
                self.on_take(desk, |take| {
                    take.pause(at, ms);
                    Ok(())
                });
                self.waiting = None;
            }
            Order::Flush => {
                let pumped = self.pump(now);
                Self::tell(pumped, desk);
                self.on_take(desk, OpenTake::flush);
            }
            // As soon as everything is here, which is seen to next.
            Order::Finalise(text) => self.closing = Some((now, text)),
        }
        self.tell_chunks(desk);
    }

    fn tend(&mut self, now: Ms, desk: &Desk<Self>) -> bool {
        // Asked before the reader is: what came until then is seen.
        let settled = self.shared.is_settled() || self.shared.is_finished();
        if self.closing.is_some() {
            self.waiting = None;
        }
        let pumped = self.pump(now);
        Self::tell(pumped, desk);
        self.tell_chunks(desk);
        let due = |(since, _): &(Ms, _)| settled || now >= since.saturating_add(LAST_FRAMES_MS);
        if self.closing.as_ref().is_some_and(due) {
            self.close(desk);
        }
        self.take.is_some()
    }
}
