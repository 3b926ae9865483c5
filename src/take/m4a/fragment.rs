//! A fragment: some packets that are complete in themselves, `moof` and `mdat`.

use super::boxes::{HEAD, boxed, versioned, words};
use super::checksum::Checksum;
use super::head::TRACK;
use super::tables::{Packet, Tables};

/// Bytes of a fragment besides its packets, for none of them, and for each.
const AROUND: u64 = 136;
const EACH: u64 = 8;

/// Packets that wait to be written together.
#[derive(Debug, Default)]
pub(super) struct Fragment {
    /// The bytes and the ticks of each.
    packets: Vec<(u32, u32)>,
    bytes: Vec<u8>,
    /// What was built last.
    built: Vec<u8>,
}

impl Fragment {
    pub(super) fn add(&mut self, bytes: &[u8], frames: u32) {
        self.packets.push((bytes.len() as u32, frames));
        self.bytes.extend_from_slice(bytes);
    }

    pub(super) fn packets(&self) -> usize {
        self.packets.len()
    }

    pub(super) fn clear(&mut self) {
        self.packets.clear();
        self.bytes.clear();
    }

    /// The most bytes that it takes in the file.
    pub(super) fn most(&self) -> u64 {
        AROUND + EACH * self.packets.len() as u64 + self.bytes.len() as u64
    }

    /// The bytes of the fragment, with a checksum for its place in the file. `number` counts
    /// fragments from one; `time` is where the first packet begins.
    pub(super) fn build(&mut self, number: u32, time: u64, place: u64) -> &[u8] {
        self.built.clear();
        let Self { packets, bytes, built } = self;
        boxed(built, b"moof", |out| {
            versioned(out, b"mfhd", 0, 0, |out| words(out, &[number]));
            boxed(out, b"traf", |out| traf(out, packets, time));
            // Room for the checksum, in a box that players skip.
            boxed(out, b"free", |out| out.extend([0; 8]));
        });
        let head = built.len();
        boxed(built, b"mdat", |out| out.extend_from_slice(bytes));
        let mut sum = Checksum::at(place);
        sum.add(&built[..head - 8]);
        sum.add(&built[head..]);
        built[head - 8..head].copy_from_slice(&sum.value().to_be_bytes());
        &self.built
    }

    /// Enters what was built into the tables, as it lies in the file.
    pub(super) fn enter(&self, place: u64, tables: &mut Tables) -> std::io::Result<()> {
        let mut at = place + (self.built.len() - self.bytes.len()) as u64;
        for &(bytes, frames) in &self.packets {
            tables.add(Packet { at, bytes, frames }, |_| Ok(()))?;
            at += u64::from(bytes);
        }
        Ok(())
    }
}

/// The inside of a `traf`. Durations are told once where all are the same.
fn traf(out: &mut Vec<u8>, packets: &[(u32, u32)], time: u64) {
    let first = packets.first().map_or(0, |packet| packet.1);
    let same = packets.iter().all(|packet| packet.1 == first);
    // Offsets count from the `moof`; a common duration.
    versioned(out, b"tfhd", 0, 0x02_0008, |out| words(out, &[TRACK, first]));
    versioned(out, b"tfdt", 1, 0, |out| out.extend(time.to_be_bytes()));
    let (flags, each) = if same { (0x201, 4) } else { (0x301, 8) };
    versioned(out, b"trun", 0, flags, |out| {
        let count = packets.len() as u32;
        // To the end of the `moof`: `count`, this offset, the rows, the checksum's box; then
        // the head of the `mdat`. `out` holds all of the `moof` so far.
        let here = out.len() as u32;
        let offset = here + 8 + each * count + 16 + HEAD as u32;
        words(out, &[count, offset]);
        for &(bytes, frames) in packets {
            words(out, &[frames, bytes][usize::from(same)..]);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_takes_no_more_than_it_says() {
        for durations in [[960, 960, 960], [960, 480, 960]] {
            let mut fragment = Fragment::default();
            for (frames, bytes) in durations.iter().zip(1..) {
                fragment.add(&vec![9; bytes * 100], *frames);
            }
            let most = fragment.most();
            let len = fragment.build(1, 0, 0).len() as u64;
            assert!(len <= most && most - len <= 3 * EACH + 8, "{len} {most}");
        }
    }

    #[test]
    fn the_offset_leads_to_the_first_packet() {
        let mut fragment = Fragment::default();
        fragment.add(&[7; 10], 5);
        fragment.add(&[8; 10], 6);
        let built = fragment.build(1, 0, 99).to_vec();
        let trun = built.windows(4).position(|name| name == b"trun").unwrap();
        let offset = u32::from_be_bytes(built[trun + 12..trun + 16].try_into().unwrap());
        assert_eq!(built[offset as usize..][..10], [7; 10]);
    }
}
