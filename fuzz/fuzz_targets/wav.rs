#![no_main]

use tympan_fuzzing::{WAV, run};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| run(WAV, bytes));
