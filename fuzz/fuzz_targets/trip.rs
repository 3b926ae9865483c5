#![no_main]

use tympan_fuzzing::{TRIP, run};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| run(TRIP, bytes));
