//! A voice agent's ears: 24 kHz, 16 bits, in packets of 10 ms, as realtime APIs take them,
//! and an event as soon as the user speaks, so that the agent can stop talking.
//!
//! ```text
//! cargo run --example voice_agent -- talk.wav
//! ```

use std::error::Error;

use tympan::backend::Backend;
use tympan::backend::file::File;
use tympan::{Graph, Pipeline, What};

const GRAPH: &str = r#"
[[node]]
kind = "mix"
channels = 1

[[node]]
id = "wide"
kind = "resample"
rate = 24000

[[node]]
kind = "pcm16"
frame = "10ms"

[[node]]
id = "clean"
kind = "resample"
from = "mix"
rate = 16000

[[node]]
kind = "vad"
hold = "500ms"               # a pause within a sentence does not end the turn

[[output]]
name = "realtime"
from = "pcm16"
"#;

/// What the agent heard.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    pub(crate) packets: u32,
    pub(crate) bytes: usize,
    pub(crate) turns: u32,
}

/// Listens until the microphone is at its end; `send` is the way to the API.
pub(crate) fn run(
    mic: impl Backend + 'static,
    mut send: impl FnMut(&[u8]),
) -> Result<Heard, Box<dyn Error>> {
    let graph = Graph::from_toml(GRAPH, &tympan::registry())?;
    let mut pipeline = Pipeline::builder(&graph).backend(mic).start()?;
    let mut audio = pipeline.packets("realtime").ok_or("an output of the graph")?;
    let mut events = pipeline.events().ok_or("events are taken once")?;
    let mut heard = Heard::default();
    // `next_packet` waits; `poll_ready` is there for those who await.
    while let Some(packet) = audio.next_packet() {
        send(packet.bytes);
        heard.packets += 1;
        heard.bytes += packet.bytes.len();
        while let Some(event) = events.try_next() {
            let t = event.position as f64 / f64::from(event.rate);
            match event.what {
                What::SpeechStart => println!("{t:7.2} s  the user speaks: stop talking"),
                What::SpeechEnd => {
                    heard.turns += 1;
                    println!("{t:7.2} s  the turn is over: answer");
                }
                _ => {}
            }
        }
    }
    Ok(heard)
}

fn main() -> Result<(), Box<dyn Error>> {
    let input = std::env::args().nth(1).ok_or("usage: voice_agent FILE")?;
    println!("{:?}", run(File::open(input)?.realtime(true), |_| {})?);
    Ok(())
}
