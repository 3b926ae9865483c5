//! Somebody else owns the audio thread: a plugin host, a game engine, a platform's callback.
//! The graph runs inside of it. No thread is started, nothing is allocated in the callback,
//! and none of this needs `std`.
//!
//! ```text
//! cargo run --example own_callback
//! ```

use std::error::Error;

use tympan::{Event, Executor, Format, Graph, Header, Planar, Reason, Sink, What};

const GRAPH: &str = r#"
[[node]]
kind = "mix"
channels = 1

[[node]]
kind = "level"
every = "100ms"

[[node]]
kind = "pcm16"
frame = "20ms"

[[output]]
name = "packets"
"#;

/// What the host hands back to its callback: all that lives on the audio thread.
pub(crate) struct Unit {
    executor: Executor,
    out: Out,
    warm: bool,
}

/// Takes what comes out, still on the audio thread. A real one writes into a ring.
#[derive(Default)]
pub(crate) struct Out {
    pub(crate) packets: u32,
    pub(crate) bytes: usize,
    pub(crate) loudest: f32,
}

impl Sink for Out {
    fn audio(&mut self, _: usize, _: &Header, _: Planar<'_>) {}
    fn packet(&mut self, _: usize, _: &Header, bytes: &[u8]) {
        // A stream may end with an empty record.
        self.packets += u32::from(!bytes.is_empty());
        self.bytes += bytes.len();
    }
    fn event(&mut self, event: Event) {
        if let What::Level { peak, .. } = event.what {
            self.loudest = self.loudest.max(peak);
        }
    }
}

/// The host calls this with as many frames as it likes, interleaved.
pub(crate) fn callback(unit: &mut Unit, samples: &[f32]) {
    if !std::mem::replace(&mut unit.warm, true) {
        unit.executor.warm(); // once, because some libraries keep things per thread
    }
    unit.executor.push(samples, &mut unit.out);
}

pub(crate) fn run() -> Result<Out, Box<dyn Error>> {
    let graph = Graph::from_toml(GRAPH, &tympan::registry())?;
    let executor = graph.plan(Format::stereo(48_000))?.executor();
    let mut unit = Unit { executor, out: Out::default(), warm: false };
    let sound: Vec<f32> = (0..96_000).map(|i| (i as f32 * 0.01).sin() * 0.5).collect();
    // Callbacks of odd sizes give the same packets as even ones.
    sound.chunks(2 * 333).for_each(|block| callback(&mut unit, block));
    // The host says that it stops: what is still inside comes out, to the frame.
    unit.executor.end_segment(Reason::Stop, &mut unit.out);
    Ok(unit.out)
}

fn main() -> Result<(), Box<dyn Error>> {
    let Out { packets, bytes, loudest } = run()?;
    println!("{packets} packets, {bytes} bytes, peak {loudest:.2}");
    Ok(())
}
