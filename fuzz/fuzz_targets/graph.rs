#![no_main]

use tympan_fuzzing::{GRAPH, run};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| run(GRAPH, bytes));
