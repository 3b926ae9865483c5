//! Whoever keeps the takes: behind an output of the graph, on an ordinary thread.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ringbuf::HeapCons;
use ringbuf::traits::Consumer;
use tympan_backends::BackendError;
use tympan_backends::storage::Storage;
use tympan_core::session::{Event, Gap, Ms};

use super::opened::{News, OpenTake, Plan};
use super::recover::{Recovered, recover, recover_one};
use super::sealed::Key;
use super::syncs::Syncs;
use super::{Chunk, Take};
use crate::PcmReader;
use crate::pipeline::{Pipeline, Shared};
use crate::recorder::office::{Desk, Office, Work};

/// What a keeper is to do.
#[derive(Clone, Debug)]
pub(crate) enum Order {
    /// Complete what an earlier run left open.
    Recover,
    Open(Plan),
    /// So much of it was captured before it was asked for.
    Prewarmed {
        ns: u64,
    },
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
#[expect(clippy::large_enum_variant, reason = "there is one of it at a time")]
pub(crate) enum Answer {
    /// For the session.
    Event(Event),
    /// The take is complete, or as complete as it can be.
    Closed(Option<Take>),
    /// The take could not be completed. The next process will try.
    Unfinished {
        /// The app has heard that something is wrong with it.
        told: bool,
    },
    /// The take that never began is gone.
    Discarded,
    /// A chunk of the take is sealed, and its file is here.
    Chunk(PathBuf, Chunk),
    /// The disk was too slow: silence stands in for so much.
    Dropped { at: Duration, lost: Duration },
    /// What went wrong, as a sentence.
    Trouble(String),
}

/// How long the graph may take to bring out its last frames, and a gap to be told of.
const LAST_FRAMES_MS: Ms = 2000;
const GAP_TOLD_MS: Ms = 300;

pub(crate) struct Keeper {
    storage: Arc<dyn Storage>,
    recordings: PathBuf,
    /// What takes are sealed with.
    key: Option<Key>,
    reader: PcmReader,
    speech: HeapCons<tympan_core::Event>,
    /// Whoever waits for the disk.
    syncs: Office<Syncs>,
    shared: Arc<Shared>,
    take: Option<OpenTake>,
    /// A block that waits until a gap before it is told, and since when.
    waiting: Option<Ms>,
    next: Option<(tympan_core::Header, Vec<f32>)>,
    /// Since when capture has broken off.
    breaking: Option<Ms>,
    /// Since when the take is to be completed, and with which transcript.
    closing: Option<(Ms, Option<String>)>,
}

impl Keeper {
    pub(crate) fn new(
        storage: Arc<dyn Storage>,
        recordings: PathBuf,
        key: Option<Key>,
        pipeline: &mut Pipeline,
        reader: PcmReader,
        syncs: Office<Syncs>,
    ) -> Self {
        let speech = pipeline.speech().expect("there is one keeper");
        let (take, waiting, next, breaking, closing) = (None, None, None, None, None);
        let shared = pipeline.shared();
        Self {
            storage,
            recordings,
            key,
            reader,
            speech,
            syncs,
            shared,
            take,
            waiting,
            next,
            breaking,
            closing,
        }
    }

    fn recover(&self, desk: &Desk<Self>) {
        let ours = self.take.as_ref().map(OpenTake::folder);
        let mut takes = 0;
        let recovered = recover(&*self.storage, &self.recordings, ours, self.key.as_ref());
        // A folder that cannot be read has no takes that could be completed.
        for recovered in recovered.unwrap_or_default() {
            match recovered {
                Recovered::Take(_) => takes += 1,
                Recovered::Empty(_) => {}
                Recovered::Left(folder, error) => desk.answer(Answer::Trouble(format!(
                    "the take in `{}` was left open and cannot be completed now: {error}",
                    folder.display()
                ))),
            }
        }
        desk.answer(Answer::Event(Event::TakesRecovered(takes)));
    }

    fn open(&mut self, plan: Plan, desk: &Desk<Self>) {
        // What is left of a take that is over is not of this one.
        while self.reader.try_next().is_some() {}
        self.speech.clear();
        (self.waiting, self.next) = (None, None);
        let event = match OpenTake::create(&self.storage, &self.recordings, plan) {
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
            let Some(block) = self.reader.try_next() else {
                return take.keep(now, &mut self.syncs);
            };
            if take.fills() && take.breaks_off(&block.header) && !take.awaits_a_mark() {
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

    fn close(&mut self, now: Ms, desk: &Desk<Self>) {
        let text = self.closing.take().and_then(|(_, text)| text);
        let Some(mut take) = self.take.take() else { return desk.answer(Answer::Closed(None)) };
        take.end_chunks();
        take.end_syncs(now, &mut self.syncs);
        Self::pass_on(take.news(), take.folder(), desk);
        let (folder, told) = (take.folder().to_owned(), take.has_failed());
        let finalised = take.finalise(text);
        Self::pass_on(take.news(), &folder, desk);
        let error = match finalised {
            Ok(take) => return desk.answer(Answer::Closed(Some(take))),
            Err(error) => error,
        };
        // Nobody writes it any more.
        drop(take);
        desk.answer(Answer::Trouble(error.message));
        // What the next process would do about it can be tried at once.
        desk.answer(match recover_one(&*self.storage, &folder, self.key.as_ref()) {
            Recovered::Take(take) => Answer::Closed(Some(take)),
            Recovered::Empty(_) => Answer::Closed(None),
            Recovered::Left(..) => Answer::Unfinished { told },
        });
    }

    /// Brings what the graph says of speech.
    fn listen(&mut self) {
        let Some(take) = &mut self.take else {
            self.speech.clear();
            return;
        };
        take.place_early();
        while let Some(event) = self.speech.try_pop() {
            take.speech(event);
        }
    }

    /// Tells what there is to tell of the take.
    fn tell_news(&mut self, desk: &Desk<Self>) {
        if let Some(take) = &mut self.take {
            Self::pass_on(take.news(), take.folder(), desk);
        }
    }

    fn pass_on(news: Vec<News>, folder: &Path, desk: &Desk<Self>) {
        for news in news {
            desk.answer(match news {
                News::Sealed(chunk) => Answer::Chunk(chunk.path(folder), chunk),
                News::Dropped { at, lost } => Answer::Dropped { at, lost },
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
            Order::Open(plan) => self.open(plan, desk),
            Order::Prewarmed { ns } => self.on_take(desk, |take| {
                take.prewarmed(ns);
                Ok(())
            }),
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
                self.on_take(desk, |take| take.pause(at, ms));
                self.waiting = None;
            }
            // As soon as everything from before is here, which is seen to next.
            Order::Flush => self.breaking = Some(now),
            // As soon as everything is here, which is seen to next.
            Order::Finalise(text) => self.closing = Some((now, text)),
        }
        self.tell_news(desk);
    }

    fn tend(&mut self, now: Ms, desk: &Desk<Self>) -> bool {
        // Asked before the reader is: what came until then is seen.
        let settled = self.shared.is_settled() || self.shared.is_finished();
        if self.closing.is_some() {
            self.waiting = None;
        }
        let pumped = self.pump(now);
        Self::tell(pumped, desk);
        self.listen();
        self.tell_news(desk);
        let late = |since: Ms| now >= since.saturating_add(LAST_FRAMES_MS);
        if self.breaking.take_if(|since| settled || late(*since)).is_some() {
            self.on_take(desk, OpenTake::break_off);
        }
        let due = |(since, _): &(Ms, _)| settled || late(*since);
        if self.closing.as_ref().is_some_and(due) {
            self.on_take(desk, OpenTake::place_marks);
            self.close(now, desk);
        }
        self.take.is_some()
    }
}
