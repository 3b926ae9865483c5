//! The audio and the chain that benches of whole graphs share.

use std::path::Path;

use tympan::backend::wav::WavReader;
use tympan::nodes::Fir;

/// Speech cleaned, detected and encoded, without a gate.
pub const CHAIN: &str = r#"
    [[node]]
    id = "clean"
    kind = "resample"
    rate = 16000

    [[node]]
    kind = "vad"

    [[node]]
    kind = "suppress"
    from = "clean"
    level = "12dB"

    [[node]]
    kind = "opus"

    [[output]]
    name = "speech"
    from = "opus"
"#;

/// A recording of `tests/audio`, mono at 16 kHz.
///
/// # Panics
/// If it is not there.
pub fn recording(name: &str) -> Vec<f32> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../tests/audio/{name}.wav"));
    let mut reader = WavReader::open(path).expect("tests/audio is there");
    let mut samples = vec![0.0; 16_000 * 30];
    let frames = reader.read(&mut samples).expect("it is whole");
    samples.truncate(frames);
    samples
}

/// What was recorded at 16 kHz as a device of 48 kHz would hear it, in whole blocks.
pub fn at_48k(x: &[f32], block: usize) -> Vec<f32> {
    let mut fir = Fir::new(16_000, 48_000).expect("a small table");
    let mut out = vec![0.0; fir.made(x.len())];
    fir.run(x, &mut out);
    out.truncate(out.len() / block * block);
    out
}

/// A minute of an office with five stretches of three seconds in which somebody speaks,
/// 15 dB above it; at 48 kHz, in whole blocks.
pub fn duty(block: usize) -> Vec<f32> {
    let (clean, noisy) = (recording("clean"), recording("office-5db"));
    // The noise of 5 dB alone, 10 dB lower.
    let noise: Vec<f32> = noisy.iter().zip(&clean).map(|(n, c)| (n - c) * 0.316).collect();
    let mut minute: Vec<f32> = noise.iter().cycle().take(60 * 16_000).copied().collect();
    for (i, from) in [1.2, 6.4, 10.2, 13.0, 15.9].into_iter().enumerate() {
        let from = (from * 16_000.0) as usize;
        let at = (i * 12 + 4) * 16_000;
        for (to, x) in minute[at..at + 48_000].iter_mut().zip(&clean[from..]) {
            *to += x;
        }
    }
    at_48k(&minute, block)
}
