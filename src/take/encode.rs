//! Encoders of takes: on the keeper's thread, where they may take their time.

use tympan_core::{Event, Executor, Format, Header, OutputInfo, Planar, Sink};

use crate::{Graph, GraphError};

/// What takes the packets.
pub(super) type Packets<'a> = dyn FnMut(&Header, &[u8]) + 'a;

/// Turns samples into packets.
pub(super) trait Encode: Send {
    /// What its packets are.
    fn info(&self) -> &OutputInfo;

    /// Encodes interleaved samples, whole frames.
    fn push(&mut self, samples: &[f32], to: &mut Packets<'_>);

    /// Frames whose packets are out.
    fn covered(&self) -> u64;

    /// Ends the stream: every frame comes out.
    fn end(&mut self, to: &mut Packets<'_>);
}

/// An encoder that is a node, such as `opus`.
pub(super) struct Node {
    executor: Executor,
    covered: u64,
}

impl Node {
    /// The one that this text, a graph with one output, is about.
    pub(super) fn new(text: &str, format: Format) -> Result<Self, GraphError> {
        let graph = Graph::named("take.toml", text, &crate::registry())?;
        let mut executor = graph.plan(format)?.executor();
        executor.warm();
        Ok(Self { executor, covered: 0 })
    }
}

impl Encode for Node {
    fn info(&self) -> &OutputInfo {
        &self.executor.outputs()[0]
    }

    fn push(&mut self, samples: &[f32], to: &mut Packets<'_>) {
        self.executor.push(samples, &mut Out { to, covered: &mut self.covered });
    }

    fn covered(&self) -> u64 {
        self.covered
    }

    fn end(&mut self, to: &mut Packets<'_>) {
        self.executor.drain(&mut Out { to, covered: &mut self.covered });
    }
}

/// Hands packets on.
struct Out<'a, 'b> {
    to: &'a mut Packets<'b>,
    covered: &'a mut u64,
}

impl Sink for Out<'_, '_> {
    fn audio(&mut self, _: usize, _: &Header, _: Planar<'_>) {}

    fn packet(&mut self, _: usize, header: &Header, bytes: &[u8]) {
        let end = header.position + i64::from(header.frames) - i64::from(header.trim);
        *self.covered = (*self.covered).max(end.max(0) as u64);
        (self.to)(header, bytes);
    }

    fn event(&mut self, _: Event) {}
}

#[cfg(feature = "aac")]
pub(super) use aac::Aac;

#[cfg(feature = "aac")]
mod aac {
    use super::{Encode, Format, Header, OutputInfo, Packets};
    use crate::take::aac::{self, AacError, FRAMES};

    /// AAC-LC.
    pub(in crate::take) struct Aac {
        encoder: Option<aac::Aac>,
        info: OutputInfo,
        config: Vec<u8>,
        /// Where the next packet begins, and how many frames were pushed.
        position: i64,
        pushed: u64,
    }

    /// The most bytes of a packet: 6144 bits for each channel.
    const LARGEST: usize = 768 * 2;

    impl Aac {
        pub(in crate::take) fn new(format: Format, bitrate: u32) -> Result<Self, AacError> {
            let encoder = aac::Aac::new(format.rate, format.channels, bitrate)?;
            let delay = encoder.delay();
            let info = OutputInfo {
                name: "take".to_owned(),
                format,
                codec: "aac",
                packet: LARGEST,
                block: FRAMES as usize,
                gated: false,
                delay: f64::from(delay) / f64::from(format.rate),
                wait: f64::from(FRAMES) / f64::from(format.rate),
            };
            let config = encoder.config().to_vec();
            let (position, pushed) = (-i64::from(delay), 0);
            Ok(Self { encoder: Some(encoder), info, config, position, pushed })
        }

        /// What a decoder needs to know.
        pub(in crate::take) fn config(&self) -> &[u8] {
            &self.config
        }

        fn header(position: &mut i64, end: Option<u64>) -> Header {
            let lead = u32::try_from(-*position).unwrap_or(0);
            let next = *position + i64::from(FRAMES);
            let over = end.map_or(0, |end| next - end as i64);
            let first = lead > 0;
            let header = Header {
                position: *position,
                frames: FRAMES,
                lead,
                trim: u32::try_from(over).unwrap_or(0),
                first,
                ..Header::default()
            };
            *position = next;
            header
        }
    }

    impl Encode for Aac {
        fn info(&self) -> &OutputInfo {
            &self.info
        }

        fn push(&mut self, samples: &[f32], to: &mut Packets<'_>) {
            let Some(encoder) = &mut self.encoder else { return };
            let position = &mut self.position;
            let mut packet = |bytes: &[u8], _| to(&Self::header(position, None), bytes);
            // Its errors are about formats, which were refused when it was made.
            if encoder.push(samples, &mut packet).is_err() {
                self.encoder = None;
            }
            self.pushed += (samples.len() / usize::from(self.info.format.channels)) as u64;
        }

        fn covered(&self) -> u64 {
            if self.encoder.is_none() { self.pushed } else { self.position.max(0) as u64 }
        }

        fn end(&mut self, to: &mut Packets<'_>) {
            let Some(encoder) = self.encoder.take() else { return };
            let (position, pushed) = (&mut self.position, self.pushed);
            let mut packet = |bytes: &[u8], _| to(&Self::header(position, Some(pushed)), bytes);
            let _ = encoder.finish(&mut packet);
        }
    }
}
