//! The device that a graph is planned for, where there is none at hand.

use tympan::{Format, Graph, GraphError, Plan};

const MAX_CHANNELS: i64 = Format::MAX_CHANNELS as i64;

#[derive(clap::Args)]
pub(crate) struct Device {
    /// Plan for a device of this rate, in Hz
    #[arg(long, value_name = "HZ")]
    #[arg(value_parser = rate)]
    rate: Option<u32>,

    /// Plan for a device with this many channels
    #[arg(long, value_name = "N")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=MAX_CHANNELS))]
    channels: Option<u16>,
}

/// A rate as people write it.
fn rate(text: &str) -> Result<u32, String> {
    let (least, most) = (Format::MIN_RATE, Format::MAX_RATE);
    let rate = text.parse().ok().filter(|rate| (least..=most).contains(rate));
    rate.ok_or_else(|| format!("a rate is a number of Hz from {least} to {most}, such as 48000"))
}

/// What devices mostly are, the most usual first.
const USUAL: [Format; 6] = [
    Format::mono(48_000),
    Format::stereo(48_000),
    Format::mono(44_100),
    Format::stereo(44_100),
    Format::mono(16_000),
    Format::mono(8_000),
];

impl Device {
    /// The plan for this device. When nothing was said about it, for the first of the
    /// usual ones that the graph fits: a graph for telephones is not wrong because it
    /// does not fit a studio.
    pub(crate) fn plan(&self, graph: &Graph) -> Result<(Format, Plan), GraphError> {
        let first = Format::new(
            self.rate.unwrap_or(USUAL[0].rate),
            self.channels.unwrap_or(USUAL[0].channels),
        );
        let error = match graph.plan(first) {
            Ok(plan) => return Ok((first, plan)),
            Err(error) => error,
        };
        let others =
            if self.rate.or(self.channels.map(u32::from)).is_some() { &[] } else { &USUAL[1..] };
        let plan = |format: &Format| Some((*format, graph.plan(*format).ok()?));
        others.iter().find_map(plan).ok_or(error)
    }
}
