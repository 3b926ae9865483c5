//! What a fuzzer made up, as choices. Behind its end everything is zero.

pub(crate) struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    pub(crate) fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    pub(crate) fn word(&mut self) -> u16 {
        u16::from_le_bytes([self.byte(), self.byte()])
    }

    pub(crate) fn long(&mut self) -> u32 {
        u32::from(self.word()) | u32::from(self.word()) << 16
    }

    pub(crate) fn double(&mut self) -> f64 {
        f64::from_bits(u64::from(self.long()) | u64::from(self.long()) << 32)
    }

    /// Any bits.
    pub(crate) fn float(&mut self) -> f32 {
        f32::from_bits(self.long())
    }

    /// A number below this one, which is not 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        let number = if end <= 256 { usize::from(self.byte()) } else { usize::from(self.word()) };
        number % end
    }

    pub(crate) fn of<T: Clone>(&mut self, some: &[T]) -> T {
        some[self.below(some.len())].clone()
    }

    pub(crate) fn take(&mut self, most: usize) -> &'a [u8] {
        let (first, rest) = self.0.split_at(most.min(self.0.len()));
        self.0 = rest;
        first
    }

    pub(crate) fn rest(&mut self) -> &'a [u8] {
        self.take(usize::MAX)
    }
}

/// A number that any byte changes: for what is dear, and done for some inputs only.
pub(crate) fn dice(bytes: &[u8]) -> u32 {
    let turn = |sum: u32, byte: &u8| (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
    bytes.iter().fold(7, turn) >> 8
}

/// Does to a file what disks and tools do: cuts it, zeroes, flips, repeats, adds.
pub(crate) fn damage(file: &mut Vec<u8>, bytes: &mut Bytes<'_>) {
    for _ in 0..bytes.below(4) {
        let at = bytes.below(file.len().max(1));
        let len = bytes.below(512).min(file.len() - at);
        match bytes.below(6) {
            0 => file.truncate(at),
            1 => file[at..at + len].fill(0),
            2 => file[at..].fill(0),
            3 => file.resize(file.len() + len, 0),
            4 => file.extend_from_within(at..at + len),
            _ => file.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= bytes.byte() | 1),
        }
    }
}
