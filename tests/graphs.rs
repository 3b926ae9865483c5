//! Every graph that ships is planned for every usual device and runs there; what it
//! becomes is a fixture that a person has looked at.

mod kit;

use std::fmt::Write;

use tympan::core::Discard;
use tympan::{Event, Format, Graph, Header, Planar, Sink};

const RATES: [u32; 7] = [8_000, 16_000, 22_050, 24_000, 44_100, 48_000, 96_000];

/// Fails on any sample that is not one.
#[derive(Default)]
struct Judge {
    frames: Vec<u64>,
    packets: Vec<u64>,
}

impl Sink for Judge {
    fn audio(&mut self, output: usize, header: &Header, block: Planar<'_>) {
        self.frames.resize(self.frames.len().max(output + 1), 0);
        self.frames[output] += u64::from(header.frames);
        for channel in 0..block.channels() {
            assert!(block.channel(channel).iter().all(|x| x.abs() <= 1.0));
        }
    }

    fn packet(&mut self, output: usize, header: &Header, _: &[u8]) {
        self.packets.resize(self.packets.len().max(output + 1), 0);
        // What lies before the beginning is an encoder's lead-in.
        let end = header.position + i64::from(header.frames - header.trim);
        self.packets[output] += (end - header.position.max(0)).max(0) as u64;
    }

    fn event(&mut self, _: Event) {}
}

fn graphs() -> impl Iterator<Item = (String, Graph)> {
    kit::shipped().into_iter().map(|path| {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let graph = Graph::from_file(&path, &tympan::registry());
        (name, graph.unwrap_or_else(|e| panic!("{e}")))
    })
}

#[test]
fn every_shipped_graph_runs_on_every_device() {
    for (name, graph) in graphs() {
        for rate in RATES {
            for channels in [1, 2] {
                let device = Format::new(rate, channels);
                let plan = graph.plan(device).unwrap_or_else(|e| panic!("{name}: {e}"));
                let outputs = plan.outputs().to_vec();
                let mut executor = plan.executor();
                let mut judge = Judge::default();
                let samples: Vec<f32> = (0..rate as usize * channels as usize)
                    .map(|i| {
                        [(i as f32 * 0.03).sin(), f32::NAN, 1e9]
                            [usize::from(i % 1000 == 7) * (1 + i % 2)]
                    })
                    .collect();
                for block in samples.chunks(333 * channels as usize) {
                    executor.push(block, &mut judge);
                }
                executor.drain(&mut judge);
                // A second of input is a second of every output that no gate cuts.
                for (i, output) in outputs.iter().enumerate().filter(|(_, o)| !o.gated) {
                    let counts = if output.packet > 0 { &judge.packets } else { &judge.frames };
                    assert_eq!(
                        counts[i],
                        u64::from(output.format.rate),
                        "{name} {device} {}",
                        output.name
                    );
                }
            }
        }
    }
}

#[test]
fn every_shipped_graph_has_its_plan_on_paper() {
    for (name, graph) in graphs() {
        let mut text = String::new();
        for device in [Format::stereo(48_000), Format::mono(44_100), Format::mono(16_000)] {
            let plan = graph.plan(device).unwrap();
            writeln!(text, "{name} on {device}\n\n{plan}\n").unwrap();
        }
        kit::fixture(&format!("plans/{name}.txt"), &text);
    }
}

#[test]
fn a_graph_that_cannot_run_is_noticed() {
    // The same judge and the same loop must be able to fail.
    let text = "[[node]]\nkind = \"highpass\"\nhz = 900\n[[output]]\nname = \"x\"\n";
    let graph = Graph::from_toml(text, &tympan::registry()).unwrap();
    assert!(graph.plan(Format::mono(1_000)).is_err());
    let mut executor = graph.plan(Format::mono(8_000)).unwrap().executor();
    executor.push(&[0.0; 100], &mut Discard);
    let mut judge = Judge::default();
    executor.push(&[0.0; 100], &mut judge);
    assert_ne!(judge.frames, [8_000]);
}
