//! Any bytes as a graph: refused with a sentence, or planned and run.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tympan::core::Discard;
use tympan::{Format, Graph, Limits};

fuzz_target!(|text: &str| {
    let graph = match Graph::from_toml(text, &tympan::registry()) {
        Ok(graph) => graph,
        Err(error) => {
            assert!(!error.message().is_empty());
            let _ = error.render(true);
            return;
        }
    };
    let limits = Limits { max_push: 256, max_bytes: 1 << 20 };
    let Ok(plan) = graph.plan_with(&[Format::stereo(44_100)], limits) else { return };
    let _ = plan.to_string();
    let mut executor = plan.executor();
    executor.push(&[0.5; 1000], &mut Discard);
    executor.gap(100, &mut Discard);
    executor.drain(&mut Discard);
});
