//! tympan: the capture pipeline for voice apps. From the microphone to clean,
//! voice-gated, encoded speech, without allocating on the audio path and with nothing
//! lost.
//!
//! A [`Graph`] is written in TOML. [`Graph::plan`] shows what it becomes on a device;
//! a [`Pipeline`] runs it on a [`Backend`]; [`render`] runs it over a file.
//!
//! ```
//! use tympan::{Format, Graph};
//!
//! let text = r#"
//!     [[node]]
//!     kind = "mix"
//!     channels = 1
//!
//!     [[node]]
//!     kind = "gain"
//!     db = -6.0
//!
//!     [[output]]
//!     name = "voice"
//! "#;
//! let graph = Graph::from_toml(text, &tympan::registry())?;
//! println!("{}", graph.plan(Format::stereo(48_000))?);
//! # Ok::<(), tympan::GraphError>(())
//! ```

#![forbid(unsafe_code)]

/// The code in the README runs.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub mod bench;
mod error;
mod graph;
mod offline;
mod pipeline;
pub mod recorder;
mod registry;
mod schema;
pub mod take;

pub use error::GraphError;
pub use graph::Graph;
pub use offline::{RenderError, Rendered, render};
pub use pipeline::{
    Block, Builder, Events, OutputTotals, Packet, PacketReader, PcmReader, Pipeline, RenderWriter,
    Runner, StartError, SwapError, Totals,
};
pub use recorder::Recorder;
pub use registry::{Registry, registry};

pub use tympan_backends as backend;
pub use tympan_backends::realtime::Priority;
pub use tympan_backends::{Backend, BackendError};
/// The engine, for those who own their audio thread or write nodes.
pub use tympan_core as core;
pub use tympan_core::{
    Event, Executor, Fault, Format, Header, Limits, Live, OutputInfo, Plan, Planar, Reason, Sink,
    What,
};
/// The built-in kinds, to make a registry of some of them.
pub use tympan_nodes as nodes;
