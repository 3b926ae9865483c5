//! No block or packet covers more than the plan says, whatever a gate lets out at once.
mod kit;

use kit::{Detect, Gate, Pack, graph, node, output, ramp};
use tympan_core::{Event, Format, Header, Limits, Planar, Sink};

#[derive(Default)]
struct Largest {
    block: usize,
    packet: usize,
}
impl Sink for Largest {
    fn audio(&mut self, _: usize, _: &Header, block: Planar<'_>) {
        self.block = self.block.max(block.frames());
    }
    fn packet(&mut self, _: usize, header: &Header, _: &[u8]) {
        self.packet = self.packet.max(header.frames as usize);
    }
    fn event(&mut self, _: Event) {}
}

/// The largest block and packet, and what the plan promised.
fn largest(period: i64, max_push: u32) -> ([usize; 2], [usize; 2]) {
    let mut g = graph([
        node::<Detect>("voice", &[("rate", 1000), ("period", period)], &["mic"]),
        node::<Gate>("gate", &[("back", 16_000)], &["mic", "voice"]),
        node::<Pack>("pack", &[("frames", 320), ("delay", 104)], &["gate"]),
    ]);
    g.output(output("pcm", "gate")).output(output("packets", "pack"));
    let limits = Limits { max_push, ..Limits::default() };
    let plan = g.plan(&[Format::mono(16_000)], limits).unwrap();
    let promised = [0, 1].map(|o| plan.outputs()[o].block);
    let mut e = plan.executor();
    let mut seen = Largest::default();
    for block in ramp(0, 60_000).chunks(max_push as usize) {
        e.push(block, &mut seen);
    }
    ([seen.block, seen.packet], promised)
}

#[test]
fn a_gate_that_catches_up_puts_out_no_larger_blocks_than_planned() {
    for max_push in [64, 480, 1024, 4096] {
        for period in [40, 300, 1000, 20_000] {
            let (seen, promised) = largest(period, max_push);
            assert!(
                seen[0] > 0 && seen[0] <= promised[0],
                "push {max_push}: {seen:?} {promised:?}"
            );
            assert_eq!(seen[1], promised[1]);
        }
    }
}
