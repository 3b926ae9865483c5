//! Any value for any key of any kind: taken where the kind says so and refused where not,
//! at the start and while it runs; whatever is taken, what comes out is sound.

use std::fmt::Write;

use tympan::core::{Domain, Flow, KindInfo, Param};
use tympan::{Format, Graph, Limits};

use crate::bytes::{Bytes, dice};
use crate::sound::{Ear, samples};

/// What takes ten times as long as the others to make: models, filters, codecs.
const DEAR: [&str; 4] = ["denoise", "opus", "resample", "suppress"];

pub(crate) fn run(bytes: &[u8]) {
    judge(bytes, lawful);
}

/// What says whether a domain has a number: the truth, or what a test plants.
type Law = fn(Domain, f64) -> bool;

fn judge(bytes: &[u8], law: Law) {
    // Of what asks for a dear kind, a part gets it, and the rest the next one.
    let seldom = is_seldom(bytes);
    let mut bytes = Bytes::new(bytes);
    let registry = tympan::registry();
    let kinds: Vec<&KindInfo> = registry.kinds().collect();
    let first = bytes.below(kinds.len());
    let from_first = kinds.iter().cycle().skip(first);
    let mut fit = from_first.filter(|kind| seldom || !DEAR.contains(&kind.name));
    let kind = *fit.next().expect("a kind");
    let mut settings = String::new();
    let mut all_lawful = true;
    for param in kind.params {
        if let Some((value, is_lawful)) = setting(param, &mut bytes, law) {
            let _ = writeln!(settings, "{} = {value}", param.name);
            all_lawful &= is_lawful;
        } else if param.default().is_none() {
            all_lawful = false;
        }
    }
    let text = text(kind, &settings, seldom, &mut bytes);
    match Graph::from_toml(&text, &registry) {
        Ok(graph) => {
            assert!(all_lawful, "this was taken:\n{text}");
            played(&graph, kind, &mut bytes, law);
        }
        // `T02…` and on are about what only the whole graph tells.
        Err(error) => {
            let about_values = matches!(error.code(), "T0102" | "T0103" | "T0104" | "T0105");
            assert!(!(all_lawful && about_values), "this was refused: {error}\n{text}");
        }
    }
}

fn is_seldom(bytes: &[u8]) -> bool {
    dice(bytes).is_multiple_of(16)
}

/// Whether a domain has this number in it.
fn lawful(domain: Domain, x: f64) -> bool {
    match domain {
        Domain::Number { min, max, .. } | Domain::Time { min, max, .. } => (min..=max).contains(&x),
        Domain::Whole { min, max, .. } => {
            x.fract() == 0.0 && (min as f64..=max as f64).contains(&x)
        }
        _ => true,
    }
}

/// A value as TOML has it, and whether it is lawful. None leaves the key out.
fn setting(param: &Param, bytes: &mut Bytes<'_>, law: Law) -> Option<(String, bool)> {
    let choice = bytes.byte();
    if choice.is_multiple_of(4) {
        return None;
    }
    Some(match param.domain {
        Domain::Number { min, max, .. } => {
            let x = number(choice, min, max, bytes);
            (toml(x), law(param.domain, x))
        }
        Domain::Time { min, max, .. } => {
            let x = number(choice, min, max, bytes);
            // A time that is not plain digits is none.
            let ok = x.is_finite() && law(param.domain, x);
            (format!("\"{x}ms\""), ok)
        }
        Domain::Whole { min, max, .. } => {
            let n = match choice >> 2 & 3 {
                0 => min,
                1 => max,
                2 => i64::from(bytes.long() as i32),
                _ => min + i64::from(bytes.word()) % (max - min).max(1),
            };
            (n.to_string(), law(param.domain, n as f64))
        }
        Domain::Flag { .. } => ((choice & 4 == 0).to_string(), true),
        Domain::Choice { of, .. } => match bytes.below(of.len() + 1) {
            n if n < of.len() => (format!("{:?}", of[n]), true),
            _ => ("\"none of them\"".to_owned(), false),
        },
        // A path; what is there is another's affair.
        _ => return None,
    })
}

fn number(choice: u8, min: f64, max: f64, bytes: &mut Bytes<'_>) -> f64 {
    match choice >> 2 & 7 {
        0 => min,
        1 => max,
        2 => bytes.double(),
        3 => max + f64::from(bytes.byte()),
        4 => f64::from(bytes.float()),
        _ => min + (max - min) * f64::from(bytes.word()) / 65_535.0,
    }
}

fn toml(x: f64) -> String {
    if x.is_nan() { "nan".to_owned() } else { format!("{x:?}") }
}

/// The kind between a microphone and an output, with a detector if it wants one.
fn text(kind: &KindInfo, settings: &str, seldom: bool, bytes: &mut Bytes<'_>) -> String {
    let mut text = "[[node]]\nid = \"a\"\nkind = \"mix\"\nchannels = 1\n".to_owned();
    let rate = if bytes.byte() < 64 && seldom { bytes.of(&[16_000, 48_000, 8000]) } else { 0 };
    let mut before = "a";
    if rate > 0 {
        let _ = writeln!(text, "[[node]]\nid = \"b\"\nkind = \"resample\"\nrate = {rate}");
        before = "b";
    }
    let _ = write!(text, "[[node]]\nid = \"x\"\nkind = \"{}\"\n{settings}", kind.name);
    let ports = kind.inputs.iter().map(|port| {
        let from = if port.flow == Flow::Control { "v" } else { before };
        format!("{} = \"{from}\"", port.name)
    });
    let _ = writeln!(text, "from = {{ {} }}", ports.collect::<Vec<_>>().join(", "));
    if kind.inputs.iter().any(|port| port.flow == Flow::Control) {
        let _ = writeln!(
            text,
            "[[node]]\nid = \"v\"\nkind = \"vad\"\nengine = \"energy\"\nfrom = \"{before}\""
        );
    }
    let from = if matches!(kind.output, Flow::Audio | Flow::Packets) { "x" } else { before };
    let _ = writeln!(text, "[[output]]\nname = \"o\"\nfrom = \"{from}\"");
    text
}

/// It runs, and its numbers are set while it does.
fn played(graph: &Graph, kind: &KindInfo, bytes: &mut Bytes<'_>, law: Law) {
    let device = Format::mono(bytes.of(&[16_000, 48_000, 8000, 44_100]));
    let limits = Limits { max_push: 256, ..Limits::default() };
    let Ok(plan) = graph.plan_with(&[device], limits) else { return };
    let mut executor = plan.executor();
    let (mut ear, mut block) = (Ear::default(), Vec::new());
    let live: Vec<&Param> = kind.params.iter().filter(|param| param.live).collect();
    for _ in 0..3 {
        if !live.is_empty() {
            let (param, value) = (bytes.of(&live), bytes.float());
            let set = graph.param(&format!("x.{}", param.name)).expect("it is live").set(value);
            let near = |x: f64| x as f32;
            if let Domain::Number { min, max, .. } | Domain::Time { min, max, .. } = param.domain {
                let inside =
                    law(param.domain, value.into()) || (near(min)..=near(max)).contains(&value);
                assert_eq!(set.is_ok(), inside, "{} = {value}", param.name);
            }
        }
        block.clear();
        samples(bytes, 200, &mut block);
        executor.push(&block, &mut ear);
    }
    executor.drain(&mut ear);
    assert_eq!(ear.panics, 0, "a node panicked");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planted_faults_are_noticed() {
        let mut noticed = 0;
        for kind in 0..20 {
            // Every key at its limit, and whatever lets dear kinds in.
            let bytes = |last: u8| [&[kind][..], &[1; 12], &[0; 50], &[last]].concat();
            let bytes = (0..=255).map(bytes).find(|bytes| is_seldom(bytes)).unwrap();
            judge(&bytes, lawful);
            noticed +=
                usize::from(std::panic::catch_unwind(|| judge(&bytes, |_, _| false)).is_err());
        }
        assert!(noticed > 5, "{noticed}");
    }
}
