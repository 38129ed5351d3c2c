//! Binary formats: frames as all of ours, under the fingerprint of the exact set.
//!
//! | object | payload |
//! |---|---|
//! | part of the key | which part `u8`, seed (32 bytes), the bodies' numbers with [`KeyPart::body_bits`] each |
//! | label | the mask's numbers and the body's, with [`LABEL_BITS`] each |
//! | picture of dark and bright pixels | seed (32 bytes), the bodies' numbers, 24 bits each |
//! | scores | for each the mask's numbers and the body's, `u16` |
//!
//! Every value of so many bits is a legal one, and the length of every object follows from set and
//! part. So what is left to be wrong is the length, the bits after the last number, and the frame.

mod signs;

use blindsight_ckks::wire::frame::{self, Expected, ObjectKind, WireError, Writer};
use blindsight_ring::bits::{BitsError, pack_u32, pack_u64, packed_len, unpack_u32, unpack_u64};
use blindsight_ring::sampling::Seed;
use thiserror::Error;

use crate::keys::{KeyPart, SeededPart};
use crate::label::{LABEL_BITS, LabelCiphertext};
use crate::parameters::ExactParameters;

/// What is wrong with the bytes of an object.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReadError {
    /// The frame, or the payload's length.
    #[error(transparent)]
    Frame(#[from] WireError),
    /// The numbers.
    #[error("{what}: {source}")]
    Numbers {
        /// Whose.
        what: &'static str,
        /// What is wrong with them.
        source: BitsError,
    },
    /// Another part than the one that belongs here.
    #[error("this is part {found} of a key for exact answers, but part {expected} belongs here")]
    OtherPart {
        /// The part that was asked for.
        expected: u8,
        /// The number that was found.
        found: u8,
    },
}

impl KeyPart {
    /// The length of the part's bytes.
    #[must_use]
    pub fn byte_len(self, set: &ExactParameters) -> usize {
        frame::HEADER_BYTES + self.payload_len(set)
    }

    fn payload_len(self, set: &ExactParameters) -> usize {
        1 + Seed::BYTES + self.packed_len(set)
    }

    fn packed_len(self, set: &ExactParameters) -> usize {
        let numbers = self.samples(set) * self.body_len(set);
        packed_len(numbers, self.body_bits(set)).expect("parts fit in memory")
    }
}

impl SeededPart {
    /// The part as a frame.
    ///
    /// # Panics
    /// If its bodies have more bits than the set says, which nothing that makes parts does.
    #[must_use]
    pub fn to_bytes(&self, set: &ExactParameters) -> Vec<u8> {
        let capacity = self.part.payload_len(set);
        let mut writer = Writer::new(ObjectKind::ExactKey, set.fingerprint(), capacity);
        writer.u8(self.part as u8);
        writer.bytes(self.seed.as_bytes());
        pack_u64(&self.bodies, self.part.body_bits(set), writer.payload_mut())
            .expect("bodies were rounded to their bits");
        writer.finish()
    }

    /// Reads a part: this one, of this set, or nothing.
    ///
    /// # Errors
    /// When the bytes are no such part. Nothing is allocated for bytes that are not all there.
    pub fn from_bytes(
        set: &ExactParameters,
        part: KeyPart,
        bytes: &[u8],
    ) -> Result<Self, ReadError> {
        // The longest part's length, so that another part is reported as such.
        let longest = KeyPart::ALL.into_iter().map(|part| part.payload_len(set)).max();
        let mut reader =
            frame::open(bytes, &expected(set, ObjectKind::ExactKey, longest.unwrap_or(0)))?;
        let found = reader.u8("the number of the part")?;
        if found != part as u8 {
            return Err(ReadError::OtherPart { expected: part as u8, found });
        }
        let seed = Seed::from_bytes(reader.array("the seed")?);
        let packed = reader.bytes("the samples", part.packed_len(set))?;
        reader.finish()?;
        let mut bodies = vec![0; part.samples(set) * part.body_len(set)];
        let bits = part.body_bits(set);
        unpack_u64(packed, bits, 1 << bits, &mut bodies)
            .map_err(|source| ReadError::Numbers { what: "the samples", source })?;
        Ok(Self { part, seed, bodies })
    }
}

impl LabelCiphertext {
    /// The length of every label's bytes.
    #[must_use]
    pub fn byte_len(set: &ExactParameters) -> usize {
        frame::HEADER_BYTES + label_len(set)
    }

    /// The label as a frame.
    ///
    /// # Panics
    /// If a number has more than [`LABEL_BITS`] bits, which nothing that makes labels does.
    #[must_use]
    pub fn to_bytes(&self, set: &ExactParameters) -> Vec<u8> {
        let mut writer = Writer::new(ObjectKind::Label, set.fingerprint(), label_len(set));
        let numbers: Vec<u32> =
            self.mask.iter().chain([&self.body]).map(|&number| number.into()).collect();
        pack_u32(&numbers, LABEL_BITS, writer.payload_mut()).expect("a label was rounded");
        writer.finish()
    }

    /// Reads a label.
    ///
    /// # Errors
    /// When the bytes are none of this set.
    pub fn from_bytes(set: &ExactParameters, bytes: &[u8]) -> Result<Self, ReadError> {
        let mut reader = frame::open(bytes, &expected(set, ObjectKind::Label, label_len(set)))?;
        let packed = reader.bytes("the label", label_len(set))?;
        reader.finish()?;
        let mut numbers = vec![0; set.degree() + 1];
        unpack_u32(packed, LABEL_BITS, 1 << LABEL_BITS, &mut numbers)
            .map_err(|source| ReadError::Numbers { what: "the label", source })?;
        // LABEL_BITS are fewer than 16.
        let mut mask: Vec<u16> = numbers.into_iter().map(|number| number as u16).collect();
        let body = mask.pop().unwrap_or(0);
        Ok(Self { mask, body })
    }
}

fn expected(set: &ExactParameters, kind: ObjectKind, max_payload: usize) -> Expected {
    Expected { kind, parameters: set.fingerprint(), max_payload }
}

fn label_len(set: &ExactParameters) -> usize {
    packed_len(set.degree() + 1, LABEL_BITS).expect("a label fits in memory")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::tests::{scheme, set};
    use crate::parameters::Literal;

    fn part(part: KeyPart) -> SeededPart {
        let count = part.samples(set()) * part.body_len(set());
        let bits = part.body_bits(set());
        let number = |i: u64| i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - bits);
        let bodies = (0..count as u64).map(number).collect();
        SeededPart { part, seed: Seed::from_bytes([9; 32]), bodies }
    }

    fn label() -> LabelCiphertext {
        let mask = (0..set().degree() as u32).map(|i| (i * 77 % 16384) as u16).collect();
        LabelCiphertext { mask, body: 16383 }
    }

    #[test]
    fn what_is_written_is_read() {
        for kind in KeyPart::ALL {
            let bytes = part(kind).to_bytes(set());
            assert_eq!(bytes.len(), kind.byte_len(set()));
            assert_eq!(SeededPart::from_bytes(set(), kind, &bytes), Ok(part(kind)));
        }
        let bytes = label().to_bytes(set());
        assert_eq!(bytes.len(), LabelCiphertext::byte_len(set()));
        assert_eq!(LabelCiphertext::from_bytes(set(), &bytes), Ok(label()));
    }

    #[test]
    fn lengths_are_those_of_the_documentation() {
        let lengths = KeyPart::ALL.map(|part| part.byte_len(set()));
        assert_eq!(lengths, [22_560_852, 20_564, 196_692, 12_372]);
        assert_eq!(LabelCiphertext::byte_len(set()), 3_637);
    }

    #[test]
    fn other_parts_are_refused() {
        let bytes = part(KeyPart::Zero).to_bytes(set());
        let error = SeededPart::from_bytes(set(), KeyPart::Bridge, &bytes).unwrap_err();
        assert_eq!(error, ReadError::OtherPart { expected: 3, found: 4 });
    }

    #[test]
    fn keys_of_other_sets_and_schemes_are_refused() {
        let literal = Literal { lwe_dimension: 920, ..Literal::degree_2048() };
        let other = ExactParameters::new(literal, scheme()).unwrap();
        let bytes = part(KeyPart::Zero).to_bytes(set());
        let error = SeededPart::from_bytes(&other, KeyPart::Zero, &bytes).unwrap_err();
        assert!(matches!(error, ReadError::Frame(WireError::Parameters { .. })), "{error}");
        let error = LabelCiphertext::from_bytes(&other, &label().to_bytes(set())).unwrap_err();
        assert!(matches!(error, ReadError::Frame(WireError::Parameters { .. })), "{error}");
    }

    #[test]
    fn every_truncation_is_refused_before_memory_is_taken() {
        let bytes = part(KeyPart::KeySwitch).to_bytes(set());
        for end in (0..bytes.len()).step_by(101) {
            assert!(SeededPart::from_bytes(set(), KeyPart::KeySwitch, &bytes[..end]).is_err());
        }
        let bytes = label().to_bytes(set());
        for end in 0..bytes.len() {
            assert!(LabelCiphertext::from_bytes(set(), &bytes[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn a_payload_of_another_length_is_refused() {
        // A sound frame around too little, too much, and bits after the last number.
        let framed = |payload: &[u8], kind| {
            let mut writer = Writer::new(kind, set().fingerprint(), payload.len());
            writer.bytes(payload);
            writer.finish()
        };
        let zero = part(KeyPart::Zero).to_bytes(set())[frame::HEADER_BYTES..].to_vec();
        let short = framed(&zero[..zero.len() - 1], ObjectKind::ExactKey);
        let error = SeededPart::from_bytes(set(), KeyPart::Zero, &short).unwrap_err();
        assert!(matches!(error, ReadError::Frame(WireError::PayloadEnds { .. })), "{error}");
        let long = framed(&[zero.as_slice(), &[0]].concat(), ObjectKind::ExactKey);
        let error = SeededPart::from_bytes(set(), KeyPart::Zero, &long).unwrap_err();
        assert_eq!(error, ReadError::Frame(WireError::Unread { left: 1 }));
        let mut padded = label().to_bytes(set())[frame::HEADER_BYTES..].to_vec();
        *padded.last_mut().unwrap() |= 0x80;
        let error = LabelCiphertext::from_bytes(set(), &framed(&padded, ObjectKind::Label));
        let padding = ReadError::Numbers { what: "the label", source: BitsError::Padding };
        assert_eq!(error, Err(padding));
    }

    #[test]
    fn flipped_bits_are_refused() {
        let bytes = label().to_bytes(set());
        for bit in (0..8 * bytes.len()).step_by(13) {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(LabelCiphertext::from_bytes(set(), &damaged).is_err(), "bit {bit}");
        }
    }
}
