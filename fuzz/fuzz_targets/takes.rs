#![no_main]

use tympan_fuzzing::{TAKES, run};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| run(TAKES, bytes));
