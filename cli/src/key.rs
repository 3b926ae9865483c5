//! The key of sealed takes, from a file.

use std::path::Path;

use tympan::take::Key;

use crate::exit::{Exit, Failure};

/// Reads a key: 32 bytes, or as many as hexadecimal digits.
pub(crate) fn read(path: &Path) -> Result<Key, Failure> {
    let name = path.display();
    let bytes = std::fs::read(path)
        .map_err(|error| Failure::new(Exit::Device, format!("`{name}` cannot be read: {error}")))?;
    let raw = <[u8; 32]>::try_from(bytes.as_slice()).ok();
    raw.or_else(|| hexadecimal(&bytes)).map(Key::new).ok_or_else(|| {
        let message = format!("`{name}` holds no key: that is 32 bytes, or 64 hexadecimal digits");
        Failure::new(Exit::Usage, message)
            .help("`head -c 32 /dev/urandom > key` makes one; who loses it loses the takes")
    })
}

fn hexadecimal(text: &[u8]) -> Option<[u8; 32]> {
    let text = text.trim_ascii();
    let mut key = [0; 32];
    let (pairs, rest) = text.as_chunks::<2>();
    if pairs.len() != key.len() || !rest.is_empty() {
        return None;
    }
    for (byte, pair) in key.iter_mut().zip(pairs) {
        let digit = |c: u8| char::from(c).to_digit(16);
        *byte = (digit(pair[0])? * 16 + digit(pair[1])?) as u8;
    }
    Some(key)
}
