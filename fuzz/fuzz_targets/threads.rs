#![no_main]

use tympan_fuzzing::{THREADS, run};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| run(THREADS, bytes));
