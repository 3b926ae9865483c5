#![no_main]

use tympan_fuzzing::{PARAMS, run};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| run(PARAMS, bytes));
