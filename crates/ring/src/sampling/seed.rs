//! The public 32 bytes a uniform polynomial is expanded from.

/// A public seed: 32 bytes that stand for uniform polynomials (see
/// [`UniformExpander`](super::UniformExpander)).
///
/// A seed is not secret, but it must be unpredictable and serve one object only: two ciphertexts
/// under the same uniform half reveal the difference of their messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Seed([u8; Seed::BYTES]);

impl Seed {
    /// Length of a seed in bytes.
    pub const BYTES: usize = 32;

    /// The seed made of these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// The bytes of the seed, as they travel.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; Self::BYTES] {
        self.0
    }

    /// The bytes of the seed, borrowed.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_round_trip() {
        let bytes = core::array::from_fn(|i| i as u8);
        let seed = Seed::from_bytes(bytes);
        assert_eq!(seed.to_bytes(), bytes);
        assert_eq!(seed.as_bytes(), &bytes);
    }
}
