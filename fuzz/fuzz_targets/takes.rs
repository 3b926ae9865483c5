#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tympan_fuzzing::run("takes", bytes));
