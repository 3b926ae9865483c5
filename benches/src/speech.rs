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
