//! The cipher: XChaCha20-Poly1305 as a STREAM, from the crates that are made for it.

use std::io;

use super::Key;

/// Bytes that make each stream one of its own.
pub(super) const NONCE: usize = 19;

/// Bytes by which a record is longer than what is in it.
pub(super) const TAG: usize = 16;

#[cfg(feature = "encrypt")]
pub(super) use real::{Cipher, nonce};

#[cfg(feature = "encrypt")]
mod real {
    use aead_stream::{NewStream, StreamBE32, StreamPrimitive};
    use chacha20poly1305::XChaCha20Poly1305;

    use super::{Key, NONCE, io};

    /// Seals or opens the records of one stream, in order. Place and end of a record are
    /// part of its nonce, so that none opens anywhere else.
    pub(in super::super) struct Cipher {
        stream: StreamBE32<XChaCha20Poly1305>,
        next: u32,
    }

    impl Cipher {
        #[allow(clippy::unnecessary_wraps, reason = "a build without the cipher has none")]
        pub(in super::super) fn new(key: &Key, nonce: &[u8; NONCE]) -> io::Result<Self> {
            let stream = StreamBE32::new(key.bytes().into(), nonce.into());
            Ok(Self { stream, next: 0 })
        }

        /// Puts the sealed bytes in the place of the plain ones.
        pub(in super::super) fn seal(
            &mut self,
            last: bool,
            head: &[u8],
            bytes: &mut Vec<u8>,
        ) -> io::Result<()> {
            // A nonce is used once; at ten a second they last for thirteen years.
            let place = self.next;
            self.next = place.checked_add(1).ok_or_else(|| io::Error::other("it is too long"))?;
            let sealed = self.stream.encrypt_in_place(place, last, head, bytes);
            sealed.map_err(|_| io::Error::other("it cannot be sealed"))
        }

        /// Puts the plain bytes in the place of the sealed ones, if they are what was
        /// sealed here.
        pub(in super::super) fn open(
            &mut self,
            last: bool,
            head: &[u8],
            bytes: &mut Vec<u8>,
        ) -> bool {
            let place = self.next;
            self.next = place.wrapping_add(1);
            self.stream.decrypt_in_place(place, last, head, bytes).is_ok()
        }
    }

    /// Chance from the system.
    pub(in super::super) fn nonce() -> io::Result<[u8; NONCE]> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(|error| {
            io::Error::other(format!("the system has no random numbers for it: {error}"))
        })?;
        Ok(nonce)
    }
}

#[cfg(not(feature = "encrypt"))]
pub(super) use none::{Cipher, nonce};

/// What there is of it in a build without the feature: a sentence.
#[cfg(not(feature = "encrypt"))]
mod none {
    use super::{Key, NONCE, io};

    pub(in super::super) enum Cipher {}

    impl Cipher {
        pub(in super::super) fn new(_: &Key, _: &[u8; NONCE]) -> io::Result<Self> {
            Err(io::Error::other(super::super::MISSING))
        }

        pub(in super::super) fn seal(
            &mut self,
            _: bool,
            _: &[u8],
            _: &mut Vec<u8>,
        ) -> io::Result<()> {
            match *self {}
        }

        pub(in super::super) fn open(&mut self, _: bool, _: &[u8], _: &mut Vec<u8>) -> bool {
            match *self {}
        }
    }

    pub(in super::super) fn nonce() -> io::Result<[u8; NONCE]> {
        Err(io::Error::other(super::super::MISSING))
    }
}
