//! The few bytes from which a client's secret key and evaluation keys all follow.

use core::fmt;

use zeroize::{ZeroizeOnDrop, Zeroizing};

use crate::sampling::SecretRng;

/// A client's seed: 32 secret bytes that stand for its secret key and all its evaluation keys (see
/// [`KeyFamily`](crate::KeyFamily)).
///
/// Who knows it can decrypt. It is wiped when dropped, and cannot be copied or printed by accident:
/// [`ClientSeed::expose`] is the only way out.
pub struct ClientSeed(Zeroizing<[u8; ClientSeed::BYTES]>);

impl ClientSeed {
    /// Length of a seed in bytes.
    pub const BYTES: usize = 32;

    /// A fresh seed.
    #[must_use]
    pub fn generate(rng: &mut SecretRng) -> Self {
        let mut bytes = Zeroizing::new([0; Self::BYTES]);
        rng.fill_bytes(bytes.as_mut_slice());
        Self(bytes)
    }

    /// The seed made of these bytes, which must once have come from [`ClientSeed::expose`].
    #[must_use]
    pub fn from_bytes(bytes: Zeroizing<[u8; Self::BYTES]>) -> Self {
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
        let back = ClientSeed::from_bytes(Zeroizing::new(*seed.expose()));
        assert_eq!(back.expose(), seed.expose());
        assert_ne!(ClientSeed::generate(&mut rng(21)).expose(), seed.expose());
        assert_eq!(format!("{seed:?}"), "ClientSeed(..)");
    }
}
