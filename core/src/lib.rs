//! The engine of tympan: a graph of audio nodes, compiled for a device and run
//! without allocating, whatever the callback size.
//!
//! [`Graph`] is what was written, [`Plan`] what it becomes for a device's
//! [`Format`], [`Executor`] what runs. A [`Kind`] describes and builds a [`Node`];
//! everything that leaves goes through a [`Sink`].
//!
//! [`session`] is apart from all that: the machine that keeps a take alive while the
//! platform takes the microphone away and gives it back.
//!
//! The crate knows no threads, files, TOML or platforms, needs `alloc` and nothing
//! else, and has no unsafe code.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod error;
mod event;
mod executor;
mod format;
mod graph;
mod guard;
mod names;
mod node;
mod param;
mod plan;
pub mod session;
mod sink;
mod tape;
mod time;

pub use error::{Cause, Place, PlanError};
pub use event::{Event, Fault, Reason, What};
pub use executor::{Books, Calls, Executor, Fed, OutputInfo, SwapError};
pub use format::Format;
pub use graph::{Graph, NodeDef, OutputDef, SourceDef};
pub use names::nearest;
pub use node::{
    Border, Build, Built, Flow, Frames, Input, Kind, KindInfo, Node, Output, Port, Refusal, Spec,
};
pub use param::{Domain, Live, Param, SettingError, Value};
pub use plan::{Limits, Plan, Row};
pub use sink::{Discard, Header, Planar, Sink};

pub(crate) use param::Settings;
