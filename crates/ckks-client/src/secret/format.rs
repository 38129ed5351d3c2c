//! The secret key as its owner stores it.
//!
//! A frame of kind [`ObjectKind::SecretKey`]: the coefficients of `s`, then those of `s'`, two bits
//! each, 0, 1 and 2 standing for -1, 0 and 1. The bytes are the secret in clear: who stores them
//! encrypts them first.

use blindsight_ckks::parameters::Parameters;
use blindsight_ckks::wire::frame::{self, Expected, HEADER_BYTES, ObjectKind, WireError, Writer};
use blindsight_ring::bits::{BitsError, pack_u32, packed_len, unpack_u32};
use thiserror::Error;
use zeroize::Zeroizing;

use super::SecretKey;

/// Why bytes are not a secret key. Nothing here tells what the bytes hold.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SecretKeyError {
    /// The frame is wrong.
    #[error(transparent)]
    Frame(#[from] WireError),
    /// A pair of bits that stands for no coefficient.
    #[error("the secret key has a coefficient that is not -1, 0 or 1")]
    Coefficient,
    /// The sparse secret has more or fewer nonzero coefficients than the parameter set says.
    #[error("the sparse secret does not have the weight of the parameter set")]
    Weight,
}

impl SecretKey {
    /// The length in bytes of every secret key of a parameter set.
    #[must_use]
    pub fn byte_len(set: &Parameters) -> usize {
        HEADER_BYTES + 2 * half_len(set)
    }

    /// The secret key in clear, for storage under encryption. The result wipes itself.
    ///
    /// # Panics
    /// If the secret key belongs to another parameter set.
    #[must_use]
    pub fn to_bytes(&self, set: &Parameters) -> Zeroizing<Vec<u8>> {
        self.assert_belongs_to(set);
        // The capacity is exact, so that no reallocation leaves a copy behind.
        let mut writer = Writer::new(ObjectKind::SecretKey, set.fingerprint(), 2 * half_len(set));
        for half in [&self.dense, &self.sparse] {
            let fields: Zeroizing<Vec<u32>> =
                Zeroizing::new(half.iter().map(|&c| (c + 1) as u32).collect());
            pack_u32(&fields, FIELD_BITS, writer.payload_mut())
                .expect("a ternary coefficient fits in two bits");
        }
        Zeroizing::new(writer.finish())
    }

    /// Reads a secret key of this parameter set.
    ///
    /// # Errors
    /// When `bytes` are anything else: see [`SecretKeyError`].
    pub fn from_bytes(set: &Parameters, bytes: &[u8]) -> Result<Self, SecretKeyError> {
        let expected = Expected {
            kind: ObjectKind::SecretKey,
            parameters: set.fingerprint(),
            max_payload: 2 * half_len(set),
        };
        let mut reader = frame::open(bytes, &expected)?;
        let dense = unpack(set, reader.bytes("the secret", half_len(set))?)?;
        let sparse = unpack(set, reader.bytes("the sparse secret", half_len(set))?)?;
        reader.finish()?;
        let weight: u32 = sparse.iter().map(|c| u32::from(c.unsigned_abs())).sum();
        if weight as usize != set.literal().sparse_weight {
            return Err(SecretKeyError::Weight);
        }
        Ok(Self { parameters: set.fingerprint(), dense, sparse })
    }
}

const FIELD_BITS: u32 = 2;

fn unpack(set: &Parameters, bytes: &[u8]) -> Result<Zeroizing<Vec<i8>>, SecretKeyError> {
    let mut fields = Zeroizing::new(vec![0; set.degree()]);
    // The error would tell where the wrong field stands; with exact lengths it can be nothing else.
    unpack_u32(bytes, FIELD_BITS, 3, &mut fields)
        .map_err(|_: BitsError| SecretKeyError::Coefficient)?;
    Ok(Zeroizing::new(fields.iter().map(|&field| field as i8 - 1).collect()))
}

fn half_len(set: &Parameters) -> usize {
    packed_len(set.degree(), FIELD_BITS).expect("two bits a coefficient fit in memory")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{reseal, rng, set};

    fn bytes() -> Zeroizing<Vec<u8>> {
        SecretKey::generate(set(), &mut rng(3)).to_bytes(set())
    }

    fn refusal(bytes: &[u8]) -> SecretKeyError {
        SecretKey::from_bytes(set(), bytes).unwrap_err()
    }

    #[test]
    fn round_trip() {
        let key = SecretKey::generate(set(), &mut rng(3));
        let bytes = key.to_bytes(set());
        assert_eq!(bytes.len(), SecretKey::byte_len(set()));
        let back = SecretKey::from_bytes(set(), &bytes).unwrap();
        assert_eq!(back.dense(), key.dense());
        assert_eq!(back.sparse(), key.sparse());
        assert_eq!(back.to_bytes(set()), bytes);
    }

    #[test]
    fn writing_leaves_no_copy_behind() {
        // A vector that had to grow would have left the old one unwiped.
        let bytes = bytes();
        assert_eq!(bytes.capacity(), bytes.len());
    }

    #[test]
    fn wrong_coefficients_are_refused() {
        let mut bytes = bytes();
        for at in [HEADER_BYTES, bytes.len() - 1] {
            let before = bytes[at];
            bytes[at] |= 0b11;
            assert_eq!(refusal(&reseal(&bytes)), SecretKeyError::Coefficient);
            bytes[at] = before;
        }
    }

    #[test]
    fn wrong_weights_are_refused() {
        let bytes = bytes();
        let sparse_at = HEADER_BYTES + set().degree() / 4;
        // Four zeros, and a byte of which that is not true.
        let empty = 0b01_01_01_01;
        let zeros = bytes[sparse_at..].iter().position(|&b| b == empty).unwrap();
        let others = bytes[sparse_at..].iter().position(|&b| b != empty).unwrap();
        for (at, value) in [(zeros, 0b01_01_01_10), (others, empty)] {
            let mut changed = bytes.to_vec();
            changed[sparse_at + at] = value;
            assert_eq!(refusal(&reseal(&changed)), SecretKeyError::Weight);
        }
    }

    #[test]
    fn damaged_frames_are_refused() {
        let bytes = bytes();
        for length in [0, 10, HEADER_BYTES, bytes.len() - 1] {
            assert!(matches!(
                refusal(&bytes[..length]),
                SecretKeyError::Frame(WireError::Truncated { .. })
            ));
        }
        for at in (0..bytes.len()).step_by(97) {
            let mut changed = bytes.to_vec();
            changed[at] ^= 1;
            assert!(matches!(refusal(&changed), SecretKeyError::Frame(_)), "{at}");
        }
        let mut foreign = bytes.to_vec();
        foreign[10] ^= 1;
        let error = refusal(&reseal(&foreign));
        assert!(matches!(error, SecretKeyError::Frame(WireError::Parameters { .. })));
        let longer = [bytes.as_slice(), &[0]].concat();
        let trailing = WireError::Trailing { left: 1 };
        assert_eq!(refusal(&longer), SecretKeyError::Frame(trailing));
    }
}
