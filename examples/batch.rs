//! A server's job: many recordings through the graph of the phone, a thread for each core,
//! and what one of them is like stops no other.
//!
//! ```text
//! cargo run --release --example batch -- out talk.wav other.wav
//! ```

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use tympan::backend::file::File;
use tympan::take::OutputFile;
use tympan::{Backend, BackendError, Event, Graph, Header, Planar, Sink};

/// Each output's file.
struct Files {
    open: Vec<OutputFile>,
    interleaved: Vec<f32>,
    failed: Option<BackendError>,
}

impl Sink for Files {
    fn audio(&mut self, output: usize, _: &Header, block: Planar<'_>) {
        self.interleaved.clear();
        for frame in 0..block.frames() {
            let frame = (0..block.channels()).map(|channel| block.channel(channel)[frame]);
            self.interleaved.extend(frame);
        }
        let written = self.open[output].samples(&self.interleaved);
        self.failed = self.failed.take().or(written.err());
    }
    fn packet(&mut self, output: usize, header: &Header, bytes: &[u8]) {
        let written = self.open[output].packet(header, bytes);
        self.failed = self.failed.take().or(written.err());
    }
    fn event(&mut self, _: Event) {}
}

fn one(graph: &Graph, input: &Path, folder: &Path) -> Result<f64, Box<dyn Error>> {
    let mut file = File::open(input)?;
    let plan = graph.plan(file.format()?)?;
    let folder = folder.join(input.file_stem().ok_or("a file has a name")?);
    std::fs::create_dir_all(&folder)?;
    let create = |output: &tympan::OutputInfo| {
        let name = format!("{}.{}", output.name, OutputFile::extension(output));
        OutputFile::create(folder.join(name), output, true)
    };
    let open = plan.outputs().iter().map(create).collect::<Result<_, _>>()?;
    let mut sink = Files { open, interleaved: Vec::new(), failed: None };
    let rendered = tympan::render(graph, &mut file, &mut sink)?;
    sink.open.iter_mut().try_for_each(OutputFile::finish)?;
    sink.failed.map_or(Ok(()), Err)?;
    Ok(rendered.books.pushed as f64 / f64::from(rendered.format.rate))
}

/// What became of each file: its seconds, or why not.
pub(crate) fn run(
    graph: &Graph,
    files: &[PathBuf],
    out: &Path,
) -> Vec<(PathBuf, Result<f64, String>)> {
    let next = AtomicUsize::new(0);
    let work = || {
        let take = || files.get(next.fetch_add(1, Ordering::Relaxed));
        let done = |file: &PathBuf| {
            (file.clone(), one(graph, file, out).map_err(|error| error.to_string()))
        };
        std::iter::from_fn(take).map(done).collect::<Vec<_>>()
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect()
    })
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1).map(PathBuf::from);
    let out = args.next().ok_or("usage: batch FOLDER FILE...")?;
    let graph = Graph::from_file("graphs/levels.toml", &tympan::registry())?;
    for (file, outcome) in run(&graph, &args.collect::<Vec<_>>(), &out) {
        println!("{}: {outcome:?}", file.display());
    }
    Ok(())
}
