//! Any text as a graph: refused with a sentence, or planned and run, and then its outputs
//! are as long as they should be, however the input was cut.

use std::cell::OnceCell;

use tympan::core::Discard;
use tympan::{Format, Graph, GraphError, Limits, Plan, Registry};

use crate::bytes::dice;
use crate::sound::Ear;

const DEVICE: Format = Format::stereo(44_100);

pub(crate) fn run(bytes: &[u8]) {
    thread_local!(static REGISTRY: OnceCell<Registry> = const { OnceCell::new() });
    let text = String::from_utf8_lossy(bytes);
    // What is dear is done for some of the texts only.
    let dice = dice(bytes);
    let read =
        REGISTRY.with(|registry| Graph::from_toml(&text, registry.get_or_init(tympan::registry)));
    match read {
        Err(error) => refused(&error, &text, dice.is_multiple_of(8)),
        Ok(graph) => {
            if let Err(why) = runs(&graph, dice >> 3, |ear| ear) {
                panic!("{why}");
            }
        }
    }
}

/// An error tells which it is, and where.
fn refused(error: &GraphError, text: &str, shown: bool) {
    let code = error.code();
    assert!(code.len() == 5 && code.starts_with('T') && !error.message().is_empty(), "{error:?}");
    if let Some((line, _)) = error.place() {
        assert!(line <= text.split('\n').count(), "{error:?}");
    }
    if shown {
        assert!(error.render(true).contains(code));
    }
}

/// Plans and runs a graph; `spoil` is for what a test plants.
fn runs(graph: &Graph, dice: u32, spoil: fn(Ear) -> Ear) -> Result<(), String> {
    let limits = Limits { max_push: 256, max_bytes: 1 << 20 };
    let plan = || -> Result<Plan, GraphError> {
        let devices = vec![DEVICE; graph.sources().count().max(1)];
        graph.plan_with(&devices, limits)
    };
    let Ok(planned) = plan() else { return Ok(()) };
    assert!(planned.bytes() <= 1 << 20, "{} bytes", planned.bytes());
    if dice.is_multiple_of(8) {
        assert!(planned.to_string().contains("memory"));
    }
    let outputs = planned.outputs().to_vec();
    let whole = spoil(heard(planned, 600));
    if whole.panics > 0 {
        return Err("a node panicked".to_owned());
    }
    for (output, (frames, _)) in outputs.iter().zip(&whole.outputs).filter(|(o, _)| !o.gated) {
        let due = 600.0 * f64::from(output.format.rate) / f64::from(DEVICE.rate);
        if (*frames as f64 - due).abs() > 1.0 {
            return Err(format!("`{}` has {frames} frames and not {due}", output.name));
        }
    }
    if dice.is_multiple_of(4) && graph.sources().count() < 2 {
        let again = plan().map_err(|error| format!("planned once, then {error}"))?;
        if heard(again, 1 + dice as usize % 97).outputs != whole.outputs {
            return Err("it depends on how the input was cut".to_owned());
        }
    }
    Ok(())
}

/// A tenth of it is a tone, the rest is loud and still.
fn heard(plan: Plan, cut: usize) -> Ear {
    let mut executor = plan.executor();
    let sound = |n: usize| if n < 120 { (n as f32 * 0.2).sin() * 0.9 } else { 0.5 };
    let samples: Vec<f32> = (0..2 * 600).map(|n| sound(n / 2)).collect();
    let mut ear = Ear::default();
    ear.outputs.resize(executor.outputs().len(), (0, 0));
    for block in samples.chunks(2 * cut) {
        executor.push(block, &mut ear);
    }
    executor.drain(&mut ear);
    executor.gap(100, &mut Discard);
    executor.drain(&mut Discard);
    ear
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sound::graph;

    #[test]
    fn planted_faults_are_noticed() {
        let graph = graph("[[node]]\nkind = \"mix\"\nchannels = 1\n[[output]]\nname = \"x\"\n");
        assert_eq!(runs(&graph, 0, |ear| ear), Ok(()));
        let short = |mut ear: Ear| {
            ear.outputs[0].0 -= 2;
            ear
        };
        assert!(runs(&graph, 0, short).unwrap_err().contains("frames"));
        let other = |mut ear: Ear| {
            ear.outputs[0].1 ^= 1;
            ear
        };
        assert!(runs(&graph, 0, other).unwrap_err().contains("cut"));
        assert!(runs(&graph, 0, |ear| Ear { panics: 1, ..ear }).is_err());
    }
}
