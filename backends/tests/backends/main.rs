//! Tests of the backends through their public surface, one module per thing that can
//! go wrong. One binary, because linking is what tests spend their time on.

mod build;
mod ear;
mod file_delivery;
mod mock_device;
mod wav_broken_files;
mod wav_headers_that_lie;
mod wav_judged_by_hound;
mod wav_never_panics;
mod wav_writing;
