//! A graph over a file: the same executor, as fast as it goes, on one thread.

use tympan_backends::file::File;
use tympan_backends::{Backend, BackendError, Buffer, Capture, Notice};
use tympan_core::{Books, Format, Limits, Sink};

use crate::{Graph, GraphError};

/// What became of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Rendered {
    /// The format of the file.
    pub format: Format,
    /// Frames in, and what was mended.
    pub books: Books,
    /// What is odd about the file, as sentences. What could be read was read.
    pub findings: Vec<String>,
}

/// Why a file could not be rendered.
#[derive(Debug)]
#[non_exhaustive]
pub enum RenderError {
    /// The graph does not fit the file.
    Graph(GraphError),
    /// The file could not be read.
    Backend(BackendError),
}

impl std::fmt::Display for RenderError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Graph(e) => e.fmt(f),
            Self::Backend(e) => e.fmt(f),
        }
    }
}

impl std::error::Error for RenderError {}

/// Runs `graph` over all of `file` and puts what comes out into `sink`.
pub fn render(
    graph: &Graph,
    file: &mut File,
    sink: &mut dyn Sink,
) -> Result<Rendered, RenderError> {
    let format = file.format().map_err(RenderError::Backend)?;
    let plan = graph.plan_with(&[format], Limits::default()).map_err(RenderError::Graph)?;
    let mut executor = plan.executor();
    executor.warm();
    let mut piece = Piece(Vec::new());
    while file.step(&mut piece).map_err(RenderError::Backend)?.is_some() {
        executor.push(&piece.0, sink);
    }
    executor.drain(sink);
    Ok(Rendered { format, books: executor.books(), findings: file.report().findings() })
}

/// Keeps one callback's samples.
struct Piece(Vec<f32>);

impl Capture for Piece {
    fn audio(&mut self, buffer: Buffer<'_>) {
        self.0.clear();
        self.0.extend_from_slice(buffer.samples);
    }

    fn notice(&mut self, _: Notice) {
        self.0.clear();
    }
}
