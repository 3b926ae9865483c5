//! What an MP4 file is made of: boxes, each a length, a name and a body.

/// Length and name in front of a body.
pub(super) const HEAD: u64 = 8;

/// Appends a box with the body that `fill` appends.
pub(super) fn boxed(out: &mut Vec<u8>, name: &[u8; 4], fill: impl FnOnce(&mut Vec<u8>)) {
    boxed_before(out, name, 0, fill);
}

/// Appends a box of whose body the last `rest` bytes are written by someone else, later.
pub(super) fn boxed_before(
    out: &mut Vec<u8>,
    name: &[u8; 4],
    rest: u32,
    fill: impl FnOnce(&mut Vec<u8>),
) {
    let at = out.len();
    out.extend([0; 4]);
    out.extend(name);
    fill(out);
    let size = (out.len() - at) as u32 + rest;
    out[at..at + 4].copy_from_slice(&size.to_be_bytes());
}

/// Appends a box that begins with a version and flags.
pub(super) fn versioned(
    out: &mut Vec<u8>,
    name: &[u8; 4],
    version: u8,
    flags: u32,
    fill: impl FnOnce(&mut Vec<u8>),
) {
    boxed(out, name, |out| {
        out.extend((u32::from(version) << 24 | flags).to_be_bytes());
        fill(out);
    });
}

/// Appends 32-bit numbers.
pub(super) fn words(out: &mut Vec<u8>, numbers: &[u32]) {
    out.extend(numbers.iter().flat_map(|number| number.to_be_bytes()));
}

/// Appends a time that takes 32 or 64 bits.
pub(super) fn time(out: &mut Vec<u8>, long: bool, value: u64) {
    if long {
        out.extend(value.to_be_bytes());
    } else {
        out.extend((value as u32).to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_counts_itself_what_is_in_it_and_what_is_to_come() {
        let mut out = Vec::new();
        boxed_before(&mut out, b"moov", 5, |out| {
            versioned(out, b"elst", 1, 2, |out| words(out, &[7]));
        });
        assert_eq!(out, b"\0\0\0\x1dmoov\0\0\0\x10elst\x01\0\0\x02\0\0\0\x07");
    }
}
