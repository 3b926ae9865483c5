//! Whether `denoise` is `nnnoiseless` as it would be called directly: what a judge of
//! sound would say of the one it says of the other.

use nnnoiseless::DenoiseState;
use tympan::Format;

use crate::figure::Figure;
use crate::recordings::{Labelled, ours};
use crate::through::through;

const FRAME: usize = DenoiseState::FRAME_SIZE;
const RATE: u32 = 48_000;

pub(crate) fn evaluate() -> Result<Vec<Figure>, String> {
    println!("| recording | largest difference | noise taken away, dB | directly, dB |");
    println!("|---|---|---|---|");
    let (mut far, mut less) = (0.0f64, 0.0f64);
    for Labelled { name, samples, speech } in ours()? {
        let samples = through("kind = \"resample\"\nrate = 48000", Format::mono(16_000), &samples)?;
        let node = through("kind = \"denoise\"", Format::mono(RATE), &samples)?;
        let direct = directly(&samples);
        let difference = |(a, b): (&f32, &f32)| f64::from((a - b).abs());
        let apart = node.iter().zip(&direct).map(difference).fold(0.0, f64::max);
        // In labelled pauses, not too near to speech.
        let pause = |i: &usize| {
            let t = *i as f64 / f64::from(RATE);
            speech.iter().all(|s| t < s.from - 0.3 || t > s.to + 0.3)
        };
        let pauses: Vec<usize> = (0..samples.len()).filter(pause).collect();
        let power = |x: &[f32]| pauses.iter().map(|&i| f64::from(x[i]).powi(2)).sum::<f64>();
        let taken = |x: &[f32]| 10.0 * (power(&samples) / power(x)).log10();
        let (by_node, by_crate) = (taken(&node), taken(&direct));
        println!("| {name} | {apart:e} | {by_node:.2} | {by_crate:.2} |");
        far = far.max(apart);
        less = less.max((by_node - by_crate).abs());
    }
    println!("\nNo difference in a sample is none in PESQ and STOI.");
    Ok(vec![
        Figure::at_most(
            0.0,
            "largest difference of a sample from nnnoiseless called directly",
            far,
        ),
        Figure::at_most(0.01, "difference in the noise taken away", less).unit(" dB"),
    ])
}

/// The crate as its own example calls it; what it puts out is a frame late.
fn directly(samples: &[f32]) -> Vec<f32> {
    let mut state = DenoiseState::new();
    let mut out = Vec::new();
    for frame in samples.chunks(FRAME).chain([&[0.0; FRAME][..]]) {
        let (mut scaled, mut clean) = ([0.0; FRAME], [0.0; FRAME]);
        scaled.iter_mut().zip(frame).for_each(|(to, x)| *to = x * 32768.0);
        state.process_frame(&mut clean, &scaled);
        // Within full scale, as everything that leaves a graph is.
        out.extend(clean.map(|y| (y / 32768.0).clamp(-1.0, 1.0)));
    }
    out.drain(..FRAME);
    out.truncate(samples.len());
    out
}
