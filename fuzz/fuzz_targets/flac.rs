#![no_main]

use tympan_fuzzing::{FLAC, run};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| run(FLAC, bytes));
