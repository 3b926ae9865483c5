//! The control side: plans anew when the device changes its format, carries swaps,
//! drops what came back, wakes readers. Everything that may allocate or lock.

use std::fmt;
use std::sync::Arc;

use ringbuf::traits::{Consumer, Producer, Split};
use ringbuf::{HeapCons, HeapProd, HeapRb};
use tympan_core::{Calls, Executor, Format, Limits, OutputInfo};

use crate::pipeline::outlet::Line;
use crate::pipeline::shared::Shared;
use crate::pipeline::shielded;
use crate::{Graph, GraphError};

/// Why a graph was not swapped in.
#[derive(Debug)]
#[non_exhaustive]
pub enum SwapError {
    /// The last one is still on its way; try again in a moment.
    Busy,
    /// It does not fit the device.
    Graph(GraphError),
    /// Its outputs are not those of the running graph.
    Outputs(tympan_core::SwapError),
}

impl fmt::Display for SwapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy => write!(f, "another swap is still on its way; try again in a moment"),
            Self::Graph(e) => e.fmt(f),
            Self::Outputs(e) => e.fmt(f),
        }
    }
}

impl std::error::Error for SwapError {}

pub(crate) struct Control {
    graph: Graph,
    limits: Limits,
    render: Option<Format>,
    outputs: Vec<OutputInfo>,
    lines: Vec<Arc<Line>>,
    shared: Arc<Shared>,
    format: Format,
    /// What every executor calls its nodes by.
    pub(crate) calls: Calls,
    new: HeapProd<Box<Executor>>,
    old: HeapCons<Box<Executor>>,
    /// One went in and none came back yet.
    under_way: bool,
    wish: Option<Format>,
    trouble: Option<GraphError>,
}

/// The worker's ends of the two one-place rings.
type Slots = (HeapCons<Box<Executor>>, HeapProd<Box<Executor>>);

impl Control {
    pub(crate) fn new(
        graph: Graph,
        limits: Limits,
        render: Option<Format>,
        outputs: Vec<OutputInfo>,
        lines: Vec<Arc<Line>>,
        shared: Arc<Shared>,
        format: Format,
    ) -> (Self, Slots) {
        let (new, new_out) = HeapRb::new(1).split();
        let (old_in, old) = HeapRb::new(1).split();
        let control = Self {
            graph,
            limits,
            render,
            outputs,
            lines,
            shared,
            format,
            calls: shielded(),
            new,
            old,
            under_way: false,
            wish: None,
            trouble: None,
        };
        (control, (new_out, old_in))
    }

    pub(crate) fn graph(&self) -> &Graph {
        &self.graph
    }

    pub(crate) fn take_trouble(&mut self) -> Option<GraphError> {
        self.trouble.take()
    }

    /// Does what is to be done. Called whenever the worker or the app asks.
    pub(crate) fn tend(&mut self) {
        self.receive();
        self.wish = self.shared.take_wish().or(self.wish);
        if let Some(format) = self.wish.take_if(|_| !self.under_way) {
            self.format = format;
            if let Err(e) = self.send(&self.graph.clone()) {
                self.trouble = Some(e.into_graph_error());
                self.shared.refuse(format);
            }
        }
        for line in &self.lines {
            line.bell.ring_if_raised();
        }
    }

    /// Drops an executor that came back: the one place where that happens.
    fn receive(&mut self) {
        if let Some(old) = self.old.try_pop() {
            drop(old);
            self.under_way = false;
        }
    }

    pub(crate) fn swap(&mut self, graph: &Graph) -> Result<(), SwapError> {
        self.receive();
        self.send(graph)?;
        self.graph = graph.clone();
        Ok(())
    }

    fn send(&mut self, graph: &Graph) -> Result<(), SwapError> {
        if self.under_way {
            return Err(SwapError::Busy);
        }
        let formats: Vec<Format> = std::iter::once(self.format).chain(self.render).collect();
        let plan = graph.plan_with(&formats, self.limits).map_err(SwapError::Graph)?;
        let mut executor = Box::new(plan.executor());
        executor.can_replace(&self.outputs).map_err(SwapError::Outputs)?;
        executor.set_calls(self.calls);
        self.new.try_push(executor).map_err(|_| SwapError::Busy)?;
        self.under_way = true;
        self.shared.worker.wake();
        Ok(())
    }
}

impl SwapError {
    fn into_graph_error(self) -> GraphError {
        match self {
            Self::Graph(e) => e,
            other => GraphError::new("T0601", other.to_string()).help(
                "give the output a fixed format with `resample` and `mix`, so that any device fits",
            ),
        }
    }
}
