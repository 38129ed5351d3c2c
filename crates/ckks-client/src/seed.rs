//! The few bytes from which a client's secret key and evaluation keys all follow.

use core::fmt;

use zeroize::{ZeroizeOnDrop, Zeroizing};

use crate::sampling::SecretRng;

/// A client's seed: 32 secret bytes that stand for its secret key and all its evaluation keys (see
/// [`KeyFamily`](crate::KeyFamily)).
///
/// Who knows it can decrypt. It is wiped when dropped, and cannot be copied or printed by accident:
/// [`ClientSeed::expose`] is the only way out. It lives on the heap: an array that is moved leaves a
/// copy behind, which nothing wipes.
pub struct ClientSeed(Box<Zeroizing<[u8; ClientSeed::BYTES]>>);

impl ClientSeed {
    /// Length of a seed in bytes.
    pub const BYTES: usize = 32;

    /// A fresh seed.
    #[must_use]
    pub fn generate(rng: &mut SecretRng) -> Self {
        Self::filled(|bytes| rng.fill_bytes(bytes))
    }

    /// The seed made of these bytes, which must once have come from [`ClientSeed::expose`]. They stay
    /// the caller's to wipe.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; Self::BYTES]) -> Self {
        Self::filled(|own| own.copy_from_slice(bytes))
    }

    /// The seed that `fill` writes where it stays.
    pub fn filled(fill: impl FnOnce(&mut [u8; Self::BYTES])) -> Self {
        let mut bytes = Box::new(Zeroizing::new([0; Self::BYTES]));
        fill(&mut bytes);
        Self(bytes)
    }

    /// The bytes in clear, for storage under encryption.
    #[must_use]
    pub fn expose(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

impl fmt::Debug for ClientSeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientSeed(..)")
    }
}

impl ZeroizeOnDrop for ClientSeed {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::rng;

    #[test]
    fn bytes_come_back_and_stay_out_of_logs() {
        let seed = ClientSeed::generate(&mut rng(20));
        let back = ClientSeed::from_bytes(seed.expose());
        assert_eq!(back.expose(), seed.expose());
        assert_ne!(ClientSeed::generate(&mut rng(21)).expose(), seed.expose());
        assert_eq!(format!("{seed:?}"), "ClientSeed(..)");
    }
}
