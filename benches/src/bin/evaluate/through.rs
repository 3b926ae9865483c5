//! Samples through some nodes.

use tympan::{Event, Format, Graph, Header, Planar, Sink, registry};

/// All of `samples` through these nodes, from a device's format to mono.
pub(crate) fn through(nodes: &str, format: Format, samples: &[f32]) -> Result<Vec<f32>, String> {
    let text = format!("[[node]]\n{nodes}\n[[output]]\nname = \"out\"\n");
    let graph = Graph::from_toml(&text, &registry()).map_err(|e| e.to_string())?;
    let mut executor = graph.plan(format).map_err(|e| e.to_string())?.executor();
    let mut kept = Kept(Vec::new());
    samples.chunks(441).for_each(|block| executor.push(block, &mut kept));
    executor.drain(&mut kept);
    Ok(kept.0)
}

/// Keeps the samples of a mono output.
pub(crate) struct Kept(pub(crate) Vec<f32>);

impl Sink for Kept {
    fn audio(&mut self, _: usize, _: &Header, block: Planar<'_>) {
        self.0.extend_from_slice(block.channel(0));
    }

    fn packet(&mut self, _: usize, _: &Header, _: &[u8]) {}

    fn event(&mut self, _: Event) {}
}
