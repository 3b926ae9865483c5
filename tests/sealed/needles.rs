//! Finds known plaintext in anything.

use std::collections::HashSet;
use std::path::Path;

use tympan::backend::wav::WavReader;

use crate::kit::WORDS;

/// Bytes of a needle: too many to be met by chance.
const LEN: usize = 16;

/// What is looked for: pieces of a file at every place of a grid, samples in both
/// codings, words.
#[derive(Default)]
pub(crate) struct Needles {
    pieces: HashSet<[u8; LEN]>,
}

impl Needles {
    /// Pieces of this file, which is the plain one.
    pub(crate) fn of(file: &Path) -> Self {
        let mut needles = Self::default();
        needles.add(&std::fs::read(file).unwrap());
        if file.extension().is_some_and(|extension| extension == "wav") {
            needles.samples(file);
        }
        needles
    }

    /// The samples of a file, as 16-bit integers and as float.
    fn samples(&mut self, file: &Path) {
        let mut wav = WavReader::open(file).unwrap();
        let mut samples = vec![0.0; wav.frames_promised().unwrap() as usize];
        wav.read(&mut samples).unwrap();
        let short = |sample: &f32| ((sample * 32_768.0) as i16).to_le_bytes();
        self.add(&samples.iter().flat_map(short).collect::<Vec<_>>());
        self.add(&samples.iter().flat_map(|sample| sample.to_le_bytes()).collect::<Vec<_>>());
    }

    fn add(&mut self, plain: &[u8]) {
        let pieces = plain.chunks_exact(LEN).filter_map(|piece| piece.first_chunk());
        // Zeros and the like are everywhere.
        let varied = |piece: &&[u8; LEN]| piece.iter().collect::<HashSet<_>>().len() >= 8;
        // The heads of files are no secret: our names stand in every journal.
        let secret = |piece: &&[u8; LEN]| !piece.windows(6).any(|six| six == b"tympan");
        self.pieces.extend(pieces.filter(varied).filter(secret));
    }

    pub(crate) fn count(&self) -> usize {
        self.pieces.len() + WORDS.len()
    }

    /// How many of them are found in these bytes, at any place.
    pub(crate) fn hits(&self, hay: &[u8]) -> usize {
        let pieces = hay.windows(LEN).filter_map(|piece| piece.first_chunk());
        let found: HashSet<_> = pieces.filter(|piece| self.pieces.contains(*piece)).collect();
        let said = WORDS.iter().filter(|word| {
            hay.windows(word.len()).any(|piece| piece.eq_ignore_ascii_case(word.as_bytes()))
        });
        found.len() + said.count()
    }
}
