//! Every order in which the threads of a pipeline can run.
//!
//! The words that threads say to each other, `src/pipeline/shared.rs`, are compiled here
//! with loom's atomics, and the ways of using them are played through in all orders that
//! the memory model allows. Each model has a twin with one deliberate mistake that must
//! fail, and says how many orders it must have seen at least: a model that tries only one
//! proves nothing.
//!
//! The rings themselves are a library's, which knows no loom.

#[cfg(test)]
mod pipeline;

#[cfg(test)]
mod models;
