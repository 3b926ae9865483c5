#![no_main]

use tympan_fuzzing::{STORM, run};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| run(STORM, bytes));
