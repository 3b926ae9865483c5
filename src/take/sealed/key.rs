//! The key that an app hands in.

use std::fmt;
use std::hint::black_box;

/// What takes are sealed with: 32 bytes that nobody can guess, from the platform's store
/// of keys. Who loses it loses the takes.
///
/// It is never written anywhere, its `Debug` tells nothing, and each copy wipes itself
/// when it goes. The bytes it was made of are the caller's to wipe.
#[derive(Clone)]
pub struct Key([u8; 32]);

impl Key {
    /// A key of these bytes. A password is none: derive a key from it first.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    #[cfg(feature = "encrypt")]
    pub(super) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        self.0.fill(0);
        // Somebody looks at it, as far as the compiler knows: so the zeros are written.
        black_box(&self.0);
    }
}
