//! The worker: takes what is in the entry ring, runs the graph over it, puts what
//! comes out into the outlets. A machine without a thread of its own.
//!
//! # Realtime
//! [`run`](Worker::run) allocates, locks, blocks and drops nothing: an executor that
//! was replaced goes back through a one-place ring to the control side, and while
//! that place is taken nothing is replaced.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use ringbuf::traits::{Consumer, Observer, Producer};
use ringbuf::{HeapCons, HeapProd};
use tympan_backends::realtime::FlushToZero;
use tympan_core::{Executor, Format, Reason};

use crate::pipeline::entry::{Exit, Mark, Sign};
use crate::pipeline::outlet::Outlets;
use crate::pipeline::render::RenderExit;
use crate::pipeline::ring;
use crate::pipeline::shared::Shared;

pub(crate) struct Worker {
    pub(crate) exit: Exit,
    /// Frames taken out of the ring so far; marks are counted in them.
    taken: u64,
    mark: Option<Mark>,
    /// The format of what comes out of the ring now.
    format: Format,
    executor: Box<Executor>,
    new: HeapCons<Box<Executor>>,
    old: HeapProd<Box<Executor>>,
    outlets: Outlets,
    render: Option<RenderExit>,
    scratch: Box<[f32]>,
    shared: Arc<Shared>,
}

/// Samples taken out of the ring at once.
const CHUNK: usize = 8192;

impl Worker {
    pub(crate) fn new(
        exit: Exit,
        executor: Box<Executor>,
        (new, old): (HeapCons<Box<Executor>>, HeapProd<Box<Executor>>),
        outlets: Outlets,
        render: Option<RenderExit>,
        shared: Arc<Shared>,
    ) -> Self {
        let format = executor.input(0).unwrap_or(Format::mono(1));
        let scratch = vec![0.0; CHUNK].into();
        Self {
            exit,
            taken: 0,
            mark: None,
            format,
            executor,
            new,
            old,
            outlets,
            render,
            scratch,
            shared,
        }
    }

    pub(crate) fn warm(&mut self) {
        self.executor.warm();
    }

    /// Runs everything that is there. False when nothing more will ever come.
    pub(crate) fn run(&mut self) -> bool {
        let _flush = FlushToZero::set();
        self.take_over();
        // Asked first: what came before is seen.
        let orphaned = self.shared.is_orphaned();
        while !self.shared.is_finished() && self.advance() {}
        if orphaned && !self.shared.is_finished() {
            self.apply(Sign::End);
        }
        self.keep_books();
        if self.outlets.take_news() {
            self.shared.control.wake();
        }
        !self.shared.is_finished()
    }

    /// One mark or one piece of audio. False if there is neither.
    fn advance(&mut self) -> bool {
        // Samples first: every mark before them was written before them, and whoever let a
        // take in had asked for fresh nodes before.
        let samples = self.exit.samples.occupied_len();
        if self.shared.takes_renewal() {
            self.executor.reset();
        }
        self.mark = self.mark.or_else(|| self.exit.marks.try_pop());
        if let Some(mark) = self.mark.take_if(|m| m.at == self.taken) {
            self.apply(mark.what);
            return true;
        }
        if self.executor.input(0) != Some(self.format) && !self.take_over() {
            // The ring holds what comes until an executor for it is here. If there
            // cannot be one, it is counted as dropped, and what follows gets through.
            return self.shared.is_refused(self.format) && self.waste(samples);
        }
        let channels = self.format.channels.max(1) as usize;
        let upto_mark = self.mark.map_or(u64::MAX, |m| m.at - self.taken);
        let frames =
            (samples / channels).min(CHUNK / channels).min(upto_mark.min(1 << 32) as usize);
        if frames == 0 {
            return false;
        }
        if let Some(render) = &mut self.render {
            render.feed(&mut self.executor, &mut self.outlets);
        }
        let Some(block) = self.scratch.get_mut(..frames * channels) else { return false };
        ring::take(&mut self.exit.samples, block);
        self.executor.push(block, &mut self.outlets);
        block.fill(0.0);
        self.taken += frames as u64;
        true
    }

    /// Drops the frames before the next mark.
    fn waste(&mut self, samples: usize) -> bool {
        let channels = self.format.channels.max(1) as usize;
        let upto_mark = self.mark.map_or(u64::MAX, |m| m.at - self.taken);
        let frames = (samples / channels).min(upto_mark.min(1 << 32) as usize);
        ring::wipe(&mut self.exit.samples, frames * channels);
        self.taken += frames as u64;
        self.shared.dropped.add(frames as u64);
        frames > 0
    }

    fn apply(&mut self, sign: Sign) {
        match sign {
            Sign::Time(host_ns) => {
                if let Some(render) = &mut self.render {
                    render.mic_was_at(self.executor.position(), self.format.rate, host_ns);
                }
            }
            Sign::Lost(frames) => self.executor.gap(frames, &mut self.outlets),
            Sign::Break => {
                self.executor.end_segment(Reason::Interruption, &mut self.outlets);
                self.outlets.broken();
                self.shared.broken.add(1);
            }
            Sign::Format(format) => {
                self.executor.end_segment(Reason::Format, &mut self.outlets);
                self.format = format;
                if self.executor.input(0) != Some(format) {
                    self.shared.wish(format);
                }
            }
            Sign::End => {
                self.executor.drain(&mut self.outlets);
                self.outlets.close();
                self.keep_books();
                self.shared.finished.store(true, Ordering::Release);
            }
        }
    }

    /// Puts a waiting executor in the place of the running one, or sends it back if
    /// it is for a format that is not there any more. True if one was put in place.
    fn take_over(&mut self) -> bool {
        if self.old.is_full() {
            return false;
        }
        let Some(mut new) = self.new.try_pop() else { return false };
        let fits = new.input(0) == Some(self.format);
        if fits {
            // Only a library that is new to this thread has anything to do.
            new.warm();
            self.executor.end_segment(Reason::Swap, &mut self.outlets);
            new.take_over(&mut self.executor);
            std::mem::swap(&mut new, &mut self.executor);
        }
        // There was room, and this side alone fills it.
        let returned = self.old.try_push(new).is_ok();
        debug_assert!(returned, "an executor would be dropped on the worker");
        self.shared.control.wake();
        fits
    }

    fn keep_books(&self) {
        let books = self.executor.books();
        self.shared.processed.set(books.pushed + books.filled);
        self.shared.filled.set(books.filled);
        self.shared.mended.set(books.mended);
    }

    /// Something in the engine itself gave way: readers are told that it is over.
    pub(crate) fn fail(&mut self) {
        self.outlets.close();
        self.shared.finished.store(true, Ordering::Release);
        self.shared.control.wake();
    }
}
