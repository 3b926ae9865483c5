#![no_main]

use tympan_fuzzing::{SAMPLES, run};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| run(SAMPLES, bytes));
