#![no_main]

use tympan_fuzzing::{SESSION, run};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| run(SESSION, bytes));
