//! Binary formats: frames as all of ours, under the fingerprint of the exact set.
//!
//! | object | payload |
//! |---|---|
//! | piece of the key | which part `u8`, which of its pieces `u16`, seed (32 bytes), the bodies' numbers with [`KeyPart::body_bits`] each |
//! | head of the key | the parameter set: ten numbers `u32`, in the order of [`Literal`] |
//! | label | the mask's numbers and the body's, with [`LABEL_BITS`] each |
//! | picture of dark and bright pixels | seed (32 bytes), the bodies' numbers, 24 bits each |
//! | scores | for each the mask's numbers and the body's, `u16` |
//!
//! The head is under the fingerprint of CKKS's set, because it says which exact set follows.
//!
//! Every value of so many bits is a legal one, and the length of every object follows from set and
//! piece. So what is left to be wrong is the length, the bits after the last number, and the frame.

mod signs;

use blindsight_ckks::parameters::Parameters;
use blindsight_ckks::wire::frame::{self, Expected, ObjectKind, WireError, Writer};
use blindsight_ring::bits::{BitsError, pack_u32, pack_u64, packed_len, unpack_u32, unpack_u64};
use blindsight_ring::sampling::Seed;
use thiserror::Error;

use crate::keys::{KeyPiece, SeededPiece};
use crate::label::{LABEL_BITS, LabelCiphertext};
use crate::parameters::{ExactParameters, Literal, ParameterError};

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
    /// A parameter set that is refused.
    #[error("the parameter set of the key for exact answers: {0}")]
    Parameters(#[from] ParameterError),
    /// Another piece than the one that belongs here.
    #[error(
        "this is piece {}.{} of a key for exact answers, but piece {}.{} belongs here",
        found.0, found.1, expected.0, expected.1
    )]
    OtherPiece {
        /// The part and the piece of it that was asked for.
        expected: (u8, u16),
        /// What was found.
        found: (u8, u16),
    },
}

/// What goes before the pieces of a key: which parameter set it is of.
#[derive(Debug)]
pub enum KeyHead {}

impl KeyHead {
    /// The length of every head's bytes.
    pub const BYTES: usize = frame::HEADER_BYTES + Literal::BYTES;

    /// The head of a key as a frame.
    #[must_use]
    pub fn to_bytes(set: &ExactParameters, scheme: &Parameters) -> Vec<u8> {
        let kind = ObjectKind::ExactKeyHead;
        let mut writer = Writer::new(kind, scheme.fingerprint(), Literal::BYTES);
        writer.bytes(&set.literal().to_bytes());
        writer.finish()
    }

    /// Reads a head: the parameter set that it names, which was checked.
    ///
    /// # Errors
    /// When the bytes are no head beside this set of CKKS, or the set that they name is refused.
    pub fn from_bytes(bytes: &[u8], scheme: &Parameters) -> Result<ExactParameters, ReadError> {
        let expected = Expected {
            kind: ObjectKind::ExactKeyHead,
            parameters: scheme.fingerprint(),
            max_payload: Literal::BYTES,
        };
        let mut reader = frame::open(bytes, &expected)?;
        let literal = Literal::from_bytes(reader.array("the parameter set")?);
        reader.finish()?;
        Ok(ExactParameters::new(literal, scheme)?)
    }
}

impl KeyPiece {
    /// The length of the piece's bytes.
    #[must_use]
    pub fn byte_len(self, set: &ExactParameters) -> usize {
        frame::HEADER_BYTES + self.payload_len(set)
    }

    fn payload_len(self, set: &ExactParameters) -> usize {
        1 + 2 + Seed::BYTES + self.packed_len(set)
    }

    fn packed_len(self, set: &ExactParameters) -> usize {
        packed_len(self.numbers(set), self.part().body_bits(set)).expect("pieces fit in memory")
    }

    /// The numbers of its bodies.
    fn numbers(self, set: &ExactParameters) -> usize {
        self.samples(set).len() * self.part().body_len(set)
    }
}

impl SeededPiece {
    /// The piece as a frame.
    ///
    /// # Panics
    /// If its bodies have more bits than the set says, which nothing that makes pieces does.
    #[must_use]
    pub fn to_bytes(&self, set: &ExactParameters) -> Vec<u8> {
        let capacity = self.piece.payload_len(set);
        let mut writer = Writer::new(ObjectKind::ExactKey, set.fingerprint(), capacity);
        writer.u8(self.piece.part() as u8);
        writer.bytes(&self.piece.index().to_le_bytes());
        writer.bytes(self.seed.as_bytes());
        pack_u64(&self.bodies, self.piece.part().body_bits(set), writer.payload_mut())
            .expect("bodies were rounded to their bits");
        writer.finish()
    }

    /// Reads a piece: this one, of this set, or nothing.
    ///
    /// # Errors
    /// When the bytes are no such piece. Nothing is allocated for bytes that are not all there.
    pub fn from_bytes(
        set: &ExactParameters,
        piece: KeyPiece,
        bytes: &[u8],
    ) -> Result<Self, ReadError> {
        // The longest piece's length, so that another piece is reported as such.
        let longest = KeyPiece::all(set).map(|piece| piece.payload_len(set)).max();
        let mut reader =
            frame::open(bytes, &expected(set, ObjectKind::ExactKey, longest.unwrap_or(0)))?;
        let part = reader.u8("the number of the part")?;
        let found = (part, u16::from_le_bytes(reader.array("the number of the piece")?));
        let expected = (piece.part() as u8, piece.index());
        if found != expected {
            return Err(ReadError::OtherPiece { expected, found });
        }
        let seed = Seed::from_bytes(reader.array("the seed")?);
        let packed = reader.bytes("the samples", piece.packed_len(set))?;
        reader.finish()?;
        let mut bodies = vec![0; piece.numbers(set)];
        let bits = piece.part().body_bits(set);
        unpack_u64(packed, bits, 1 << bits, &mut bodies)
            .map_err(|source| ReadError::Numbers { what: "the samples", source })?;
        Ok(Self { piece, seed, bodies })
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
    use crate::keys::KeyPart;
    use crate::keys::tests::{scheme, set};

    fn first(part: KeyPart) -> KeyPiece {
        KeyPiece::of(part, set()).next().unwrap()
    }

    fn seeded(piece: KeyPiece) -> SeededPiece {
        let bits = piece.part().body_bits(set());
        let number = |i: u64| i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - bits);
        let bodies = (0..piece.numbers(set()) as u64).map(number).collect();
        SeededPiece { piece, seed: Seed::from_bytes([9; 32]), bodies }
    }

    fn label() -> LabelCiphertext {
        let mask = (0..set().degree() as u32).map(|i| (i * 77 % 16384) as u16).collect();
        LabelCiphertext { mask, body: 16383 }
    }

    #[test]
    fn what_is_written_is_read() {
        for piece in KeyPiece::all(set()) {
            let bytes = seeded(piece).to_bytes(set());
            assert_eq!(bytes.len(), piece.byte_len(set()));
            assert_eq!(SeededPiece::from_bytes(set(), piece, &bytes), Ok(seeded(piece)));
        }
        let bytes = label().to_bytes(set());
        assert_eq!(bytes.len(), LabelCiphertext::byte_len(set()));
        assert_eq!(LabelCiphertext::from_bytes(set(), &bytes), Ok(label()));
    }

    #[test]
    fn lengths_are_those_of_the_documentation() {
        let lengths = KeyPart::ALL.map(|part| {
            KeyPiece::of(part, set()).map(|piece| piece.byte_len(set())).sum::<usize>()
        });
        assert_eq!(lengths, [22_561_800, 20_566, 196_694, 12_374]);
        assert_eq!(LabelCiphertext::byte_len(set()), 3_637);
    }

    #[test]
    fn heads_name_sets_that_are_sound() {
        let bytes = KeyHead::to_bytes(set(), scheme());
        assert_eq!(bytes.len(), KeyHead::BYTES);
        assert_eq!(KeyHead::from_bytes(&bytes, scheme()), Ok(set().clone()));
        for end in 0..bytes.len() {
            assert!(KeyHead::from_bytes(&bytes[..end], scheme()).is_err(), "{end}");
        }
        let weak = Literal { lwe_log2_error: 44, ..Literal::degree_2048() };
        let kind = ObjectKind::ExactKeyHead;
        let mut writer = Writer::new(kind, scheme().fingerprint(), Literal::BYTES);
        writer.bytes(&weak.to_bytes());
        let error = KeyHead::from_bytes(&writer.finish(), scheme()).unwrap_err();
        let dimension = 918;
        let insecure = ParameterError::Insecure { dimension, log2_error: 44 };
        assert_eq!(error, ReadError::Parameters(insecure));
    }

    #[test]
    fn other_pieces_are_refused() {
        let bytes = seeded(first(KeyPart::Zero)).to_bytes(set());
        let error = SeededPiece::from_bytes(set(), first(KeyPart::Bridge), &bytes).unwrap_err();
        assert_eq!(error, ReadError::OtherPiece { expected: (3, 0), found: (4, 0) });
        let second = KeyPiece::of(KeyPart::Bootstrap, set()).nth(1).unwrap();
        let bytes = seeded(first(KeyPart::Bootstrap)).to_bytes(set());
        let error = SeededPiece::from_bytes(set(), second, &bytes).unwrap_err();
        assert_eq!(error, ReadError::OtherPiece { expected: (1, 1), found: (1, 0) });
    }

    #[test]
    fn keys_of_other_sets_and_schemes_are_refused() {
        let literal = Literal { lwe_dimension: 920, ..Literal::degree_2048() };
        let other = ExactParameters::new(literal, scheme()).unwrap();
        let bytes = seeded(first(KeyPart::Zero)).to_bytes(set());
        let error = SeededPiece::from_bytes(&other, first(KeyPart::Zero), &bytes).unwrap_err();
        assert!(matches!(error, ReadError::Frame(WireError::Parameters { .. })), "{error}");
        let error = LabelCiphertext::from_bytes(&other, &label().to_bytes(set())).unwrap_err();
        assert!(matches!(error, ReadError::Frame(WireError::Parameters { .. })), "{error}");
    }

    #[test]
    fn every_truncation_is_refused_before_memory_is_taken() {
        let bytes = seeded(first(KeyPart::KeySwitch)).to_bytes(set());
        for end in (0..bytes.len()).step_by(101) {
            assert!(
                SeededPiece::from_bytes(set(), first(KeyPart::KeySwitch), &bytes[..end]).is_err()
            );
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
        let zero = seeded(first(KeyPart::Zero)).to_bytes(set())[frame::HEADER_BYTES..].to_vec();
        let short = framed(&zero[..zero.len() - 1], ObjectKind::ExactKey);
        let error = SeededPiece::from_bytes(set(), first(KeyPart::Zero), &short).unwrap_err();
        assert!(matches!(error, ReadError::Frame(WireError::PayloadEnds { .. })), "{error}");
        let long = framed(&[zero.as_slice(), &[0]].concat(), ObjectKind::ExactKey);
        let error = SeededPiece::from_bytes(set(), first(KeyPart::Zero), &long).unwrap_err();
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
