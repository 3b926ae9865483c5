//! Pictures: a sound for the eye, a graph as a drawing. SVG, written here, which a browser
//! shows and a report takes.

pub(crate) mod graph;
mod png;
pub(crate) mod sound;
mod spectrum;
pub(crate) mod survey;
mod svg;
