#![no_main]

use tympan_fuzzing::{SCHEDULE, run};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| run(SCHEDULE, bytes));
