#![no_main]

use tympan_fuzzing::{MP4, run};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| run(MP4, bytes));
