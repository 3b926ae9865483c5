#![no_main]

use tympan_fuzzing::{OGG, run};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| run(OGG, bytes));
