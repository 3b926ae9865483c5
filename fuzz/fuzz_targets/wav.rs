//! Any bytes as a WAV file: audio that the bytes can hold, or a sentence.

#![no_main]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use tympan::backend::wav::WavReader;

fuzz_target!(|bytes: &[u8]| {
    let mut reader = match WavReader::new(Cursor::new(bytes.to_vec())) {
        Ok(reader) => reader,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let channels = reader.format().channels as usize;
    let mut buffer = vec![0.0; 512 * channels];
    let mut frames = 0;
    while let Ok(n @ 1..) = reader.read(&mut buffer) {
        frames += n;
        assert!(frames * channels <= bytes.len(), "more samples than bytes");
    }
});
