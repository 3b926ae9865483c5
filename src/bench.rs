//! What a graph costs on the machine at hand, block by block.
//!
//! A mean says nothing of the block that comes late. So the same sound is played several
//! times, and of each block the shortest time counts: what else the machine did is no cost
//! of the graph, and a block that is dear in every pass is.
//!
//! ```
//! use tympan::bench::Bench;
//! use tympan::{Format, Graph};
//!
//! # let text = "[[node]]\nkind = \"gain\"\n[[output]]\nname = \"voice\"\n";
//! let graph = Graph::from_toml(text, &tympan::registry())?;
//! let sound = vec![0.1; 4_800];
//! let costs = Bench::on(Format::mono(48_000)).run(&graph, &sound, |_pass| {})?;
//! println!("the worst block takes {:.2} % of its time", costs.share(costs.worst()) * 100.0);
//! # Ok::<(), tympan::GraphError>(())
//! ```

use std::time::Instant;

use tympan_core::{Executor, Format, Header, Planar, Sink};

use crate::pipeline::shielded;
use crate::{Event, Graph, GraphError};

/// How a graph is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bench {
    /// What the device delivers.
    pub device: Format,
    /// Frames that it delivers at once.
    pub frames: usize,
    /// How often the sound is played.
    pub passes: u32,
    /// How many run beside each other, in turns on one thread. Each hears the sound from
    /// another place on, as callers do who do not all speak at once.
    pub pipelines: usize,
}

impl Bench {
    /// One pipeline on this device, in blocks of 10 ms, six times.
    pub fn on(device: Format) -> Self {
        Self { device, frames: (device.rate as usize / 100).max(1), passes: 6, pipelines: 1 }
    }

    /// Plays whole blocks of `sound`, interleaved; `pass` is told before each pass which one
    /// it is.
    ///
    /// Pipelines are made anew for each pass, so that all passes are alike.
    pub fn run(
        &self,
        graph: &Graph,
        sound: &[f32],
        mut pass: impl FnMut(u32),
    ) -> Result<Costs, GraphError> {
        let (frames, pipelines) = (self.frames.max(1), self.pipelines.max(1));
        let samples = frames * usize::from(self.device.channels.max(1));
        let blocks: Vec<&[f32]> = sound.chunks_exact(samples).collect();
        let mut shortest = vec![f64::INFINITY; blocks.len() * pipelines];
        for number in 0..self.passes {
            pass(number);
            let mut all = Vec::with_capacity(pipelines);
            for _ in 0..pipelines {
                all.push(self.pipeline(graph)?);
            }
            for (turn, shortest) in shortest.chunks_exact_mut(pipelines).enumerate() {
                for (place, (one, shortest)) in all.iter_mut().zip(shortest).enumerate() {
                    let block = blocks[(turn + place * APART) % blocks.len()];
                    let start = Instant::now();
                    one.push(block, &mut Nowhere);
                    *shortest = shortest.min(start.elapsed().as_secs_f64());
                }
            }
        }
        shortest.sort_by(f64::total_cmp);
        let budget = frames as f64 / f64::from(self.device.rate);
        Ok(Costs { shortest, budget })
    }

    fn pipeline(&self, graph: &Graph) -> Result<Executor, GraphError> {
        let mut executor = graph.plan(self.device)?.executor();
        executor.set_calls(shielded());
        executor.warm();
        Ok(executor)
    }
}

/// Blocks between the places of two pipelines: a prime, so that packets of all lengths fall
/// apart.
const APART: usize = 7;

/// What each block costs, in seconds.
#[derive(Clone, Debug, PartialEq)]
pub struct Costs {
    /// In order.
    shortest: Vec<f64>,
    budget: f64,
}

impl Costs {
    /// How many blocks there were.
    pub fn blocks(&self) -> usize {
        self.shortest.len()
    }

    /// What a block may take before the device has the next one.
    pub fn budget(&self) -> f64 {
        self.budget
    }

    /// A time as a part of the budget.
    pub fn share(&self, seconds: f64) -> f64 {
        seconds / self.budget
    }

    /// What a block takes on average.
    pub fn mean(&self) -> f64 {
        self.shortest.iter().sum::<f64>() / self.shortest.len().max(1) as f64
    }

    /// What this part of all blocks does not take longer than: 0.5 is the median.
    pub fn at(&self, part: f64) -> f64 {
        let count = self.shortest.len();
        let place = (count as f64 * part.clamp(0.0, 1.0)).ceil() as usize;
        self.shortest.get(place.clamp(1, count.max(1)) - 1).copied().unwrap_or(0.0)
    }

    /// What the worst block takes.
    pub fn worst(&self) -> f64 {
        self.at(1.0)
    }
}

/// Where nothing is kept.
struct Nowhere;

impl Sink for Nowhere {
    fn audio(&mut self, _: usize, _: &Header, _: Planar<'_>) {}
    fn packet(&mut self, _: usize, _: &Header, _: &[u8]) {}
    fn event(&mut self, _: Event) {}
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tympan_core::{Build, Built, Input, Kind, Node, Output, Param, Refusal, Spec};

    use super::*;

    /// Passes on, and takes its time once every ten calls.
    struct Slow(u32);

    const NAP: Duration = Duration::from_millis(3);

    impl Kind for Slow {
        const NAME: &'static str = "slow";
        const ABOUT: &'static str = "Takes its time.";
        const PARAMS: &'static [Param] = &[];

        fn build(cx: &Build<'_>) -> Result<Built, Refusal> {
            Spec::audio(cx.input(0)).runs(Self(0))
        }
    }

    impl Node for Slow {
        fn process(&mut self, input: Input<'_>, output: &mut Output<'_>) {
            self.0 += 1;
            if self.0.is_multiple_of(10) {
                std::thread::sleep(NAP);
            }
            output.channel(0).copy_from_slice(input.channel(0, 0));
        }
    }

    fn graph() -> Graph {
        let registry = crate::registry().add::<Slow>();
        let text = "[[node]]\nkind = \"slow\"\n[[output]]\nname = \"out\"\n";
        Graph::from_toml(text, &registry).unwrap()
    }

    #[test]
    fn a_block_that_is_dear_in_every_pass_is_told() {
        let bench = Bench { passes: 2, ..Bench::on(Format::mono(48_000)) };
        let mut passes = Vec::new();
        let costs =
            bench.run(&graph(), &vec![0.0; 480 * 40 + 7], |pass| passes.push(pass)).unwrap();
        assert_eq!((costs.blocks(), passes), (40, vec![0, 1]));
        // Four of them slept, and nobody can sleep less.
        assert!(costs.worst() >= NAP.as_secs_f64() && costs.at(0.925) >= NAP.as_secs_f64());
        assert!(costs.at(0.5) <= costs.mean() && costs.mean() <= costs.worst());
        assert_eq!(costs.budget(), 0.01);
        assert!(costs.share(costs.worst()) >= 0.3);
    }

    #[test]
    fn many_run_beside_each_other() {
        let bench = Bench { passes: 1, pipelines: 3, ..Bench::on(Format::mono(48_000)) };
        let costs = bench.run(&graph(), &vec![0.0; 480 * 10], |_| {}).unwrap();
        assert_eq!(costs.blocks(), 30);
        // Each of the three sleeps once.
        let slow = costs.shortest.iter().filter(|time| **time >= NAP.as_secs_f64()).count();
        assert_eq!(slow, 3);
    }

    #[test]
    fn nothing_costs_nothing() {
        let bench = Bench { passes: 1, ..Bench::on(Format::mono(48_000)) };
        let costs = bench.run(&graph(), &[], |_| {}).unwrap();
        assert_eq!((costs.blocks(), costs.worst(), costs.mean()), (0, 0.0, 0.0));
    }

    #[test]
    fn quantiles_are_those_of_the_times() {
        let costs = Costs { shortest: (1..=10_000).map(f64::from).collect(), budget: 10_000.0 };
        assert_eq!(
            [0.0, 0.5, 0.99, 0.9999, 1.0].map(|p| costs.at(p)),
            [1.0, 5e3, 9900.0, 9999.0, 1e4]
        );
        assert_eq!(costs.share(costs.at(0.5)), 0.5);
    }
}
