//! A node of one's own: a soft clipper, described once, used from TOML like any other, with
//! checks, a schema and a place in the plan. `examples/custom-node` is one as a crate.
//!
//! ```text
//! cargo run --example custom_node
//! ```

use std::error::Error;

use tympan::core::{Build, Built, Input, Kind, Live, Node, Output, Param, Refusal, Spec};
use tympan::{Event, Format, Graph, Header, Planar, Sink};

/// Rounds off what is loud.
pub(crate) struct Soft(Live);

impl Kind for Soft {
    const NAME: &'static str = "soft";
    const ABOUT: &'static str = "Rounds off what is loud.";
    const PARAMS: &'static [Param] = &[Param::number("drive", 0.0, 24.0, 6.0)
        .unit("dB")
        .live()
        .about("how much louder it is before it is rounded")];

    fn build(cx: &Build<'_>) -> Result<Built, Refusal> {
        Spec::audio(cx.input(0)).runs(Self(cx.live("drive")))
    }
}

impl Node for Soft {
    fn process(&mut self, input: Input<'_>, output: &mut Output<'_>) {
        let drive = 10.0_f32.powf(self.0.get() / 20.0);
        for channel in 0..output.channels() {
            for (out, x) in output.channel(channel).iter_mut().zip(input.channel(0, channel)) {
                let x = x * drive;
                *out = x / (1.0 + x.abs());
            }
        }
    }
}

const GRAPH: &str = r#"
[[node]]
kind = "soft"
drive = 12.0

[[output]]
name = "voice"
"#;

/// Keeps what comes out.
#[derive(Default)]
pub(crate) struct Kept(pub(crate) Vec<f32>);

impl Sink for Kept {
    fn audio(&mut self, _: usize, _: &Header, block: Planar<'_>) {
        self.0.extend_from_slice(block.channel(0));
    }
    fn packet(&mut self, _: usize, _: &Header, _: &[u8]) {}
    fn event(&mut self, _: Event) {}
}

pub(crate) fn run() -> Result<Kept, Box<dyn Error>> {
    let registry = tympan::registry().add::<Soft>(); // the one line
    let graph = Graph::from_toml(GRAPH, &registry)?;
    let plan = graph.plan(Format::mono(16_000))?;
    println!("{plan}");
    let (mut executor, mut kept) = (plan.executor(), Kept::default());
    executor.push(&[0.0, 0.25, 1.0, -1.0], &mut kept);
    graph.param("soft.drive").ok_or("it is live")?.set(0.0)?; // while it runs
    executor.push(&[1.0], &mut kept);
    Ok(kept)
}

fn main() -> Result<(), Box<dyn Error>> {
    println!("{:?}", run()?.0);
    Ok(())
}
