//! The recorder that apps link, moved by hand in the time of its audio: as fast as it goes,
//! and nothing waits or is dropped.

#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]

use tympan::backend::{Buffer, Capture, Unpaced};
use tympan::core::session::{Ask, Ms, Policy, State, Tell};
use tympan::recorder::{Machine, Options, Recording, Said};
use tympan::take::Take;
use tympan::{Format, Graph};

/// A take of what `next` brings: it fills a buffer with whole frames of this format, and
/// leaves it empty at the end. Whatever the recorder complains of is an error.
pub fn record(
    graph: &Graph,
    format: Format,
    options: Options,
    mut next: impl FnMut(&mut Vec<f32>),
) -> Result<Take, String> {
    let policy = Policy { max_ms: Ms::MAX, ..Policy::default() };
    let made = Machine::new(graph, format, policy, options);
    let (mut machine, ear) = made.map_err(|error| error.to_string())?;
    let mut platform = Unpaced::new(format, ear);
    let mut block = Vec::new();
    let mut asked = 0;
    machine.record(1, Recording::default());
    while asked < 100 {
        let now = platform.now();
        machine.poll(now, &mut platform);
        while let Some(said) = machine.said() {
            match said {
                Said::Tell(Tell::State(State::Stopped)) => {
                    return machine.take().cloned().ok_or_else(|| "there is no take".to_owned());
                }
                Said::Tell(Tell::Error(code) | Tell::Rejected { code, .. }) => {
                    return Err(code.name().to_owned());
                }
                Said::Trouble(sentence) => return Err(sentence),
                Said::Back { breaks, .. } => machine.heard(now, breaks),
                _ => {}
            }
        }
        block.clear();
        next(&mut block);
        if block.is_empty() {
            machine.ask(2, Ask::Stop);
            asked += 1;
        } else {
            platform.audio(Buffer { samples: &block, format, host_ns: 0 });
        }
    }
    Err("it does not stop".to_owned())
}
