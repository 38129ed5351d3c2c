//! The envelope of every binary object that travels, and the strict reading and writing of what
//! is inside.
//!
//! A frame is a header and a payload, nothing between or after. All numbers are little-endian.
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 4 | the letters `BSGT` |
//! | 4 | 2 | format version |
//! | 6 | 1 | object kind |
//! | 7 | 32 | fingerprint of the parameter set |
//! | 39 | 8 | length of the payload in bytes |
//! | 47 | 4 | CRC-32 (IEEE 802.3) of the 47 bytes before it, then the payload |
//! | 51 | | payload |
//!
//! The checksum finds accidents, a flipped bit among packed coefficients for one. It proves
//! nothing about who wrote the frame: a reader still checks every value of the payload.

mod error;
mod header;
mod reader;
mod writer;

use core::fmt;

pub use error::WireError;
pub use header::{HEADER_BYTES, Header};
pub use reader::Reader;
pub use writer::Writer;

/// The format version this crate writes, and the only one it reads.
pub const VERSION: u16 = 2;

/// What the payload of a frame is. The numbers are part of the format and never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum ObjectKind {
    /// A ciphertext with both its polynomials.
    Ciphertext = 1,
    /// A fresh ciphertext whose uniform polynomial is given by a seed.
    SeededCiphertext = 2,
    /// One evaluation key.
    EvaluationKey = 3,
    /// The head of a set of evaluation keys: which keys follow, each in a frame of its own.
    EvaluationKeySet = 4,
    /// The encrypted answer to one request.
    Response = 5,
    /// A secret key as its owner stores it. No reader of this crate accepts one: who uploads it by
    /// mistake is told so.
    SecretKey = 6,
    /// A ciphertext of several parts.
    ProductCiphertext = 7,
    /// A piece of the key for exact answers.
    ExactKey = 16,
    /// An encrypted label.
    Label = 17,
    /// A picture of dark and bright pixels, encrypted for a network of signs.
    BinaryPicture = 18,
    /// The head of the key for exact answers.
    ExactKeyHead = 19,
    /// The encrypted scores of a network of signs.
    ExactScores = 20,
}

impl ObjectKind {
    const ALL: [Self; 12] = [
        Self::Ciphertext,
        Self::SeededCiphertext,
        Self::EvaluationKey,
        Self::EvaluationKeySet,
        Self::Response,
        Self::SecretKey,
        Self::ProductCiphertext,
        Self::ExactKey,
        Self::Label,
        Self::ExactKeyHead,
        Self::BinaryPicture,
        Self::ExactScores,
    ];
}

impl fmt::Display for ObjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ciphertext => "a ciphertext",
            Self::SeededCiphertext => "a seeded ciphertext",
            Self::EvaluationKey => "an evaluation key",
            Self::EvaluationKeySet => "the head of a set of evaluation keys",
            Self::Response => "an encrypted response",
            Self::SecretKey => "a secret key",
            Self::ProductCiphertext => "a ciphertext of several parts",
            Self::ExactKey => "a piece of the key for exact answers",
            Self::Label => "an encrypted label",
            Self::ExactKeyHead => "the head of the key for exact answers",
            Self::BinaryPicture => "an encrypted picture of dark and bright pixels",
            Self::ExactScores => "encrypted scores of a network of signs",
        })
    }
}

/// 32 bytes that identify a parameter set: objects of different sets never mix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ParameterFingerprint(pub [u8; 32]);

impl fmt::Display for ParameterFingerprint {
    /// The first eight bytes in hexadecimal: enough for a person to compare.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0[..8].iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// What a reader is prepared to accept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected {
    /// The only kind of object.
    pub kind: ObjectKind,
    /// The only parameter set.
    pub parameters: ParameterFingerprint,
    /// The longest payload, in bytes.
    pub max_payload: usize,
}

/// Opens the one frame that `bytes` must consist of and returns the reader of its payload.
///
/// # Errors
///
/// The errors of [`open_first`], and [`WireError::Trailing`] if bytes follow the frame.
pub fn open<'a>(bytes: &'a [u8], expected: &Expected) -> Result<Reader<'a>, WireError> {
    let (header, payload, rest) = split(bytes, expected)?;
    if !rest.is_empty() {
        return Err(WireError::Trailing { left: rest.len() });
    }
    header.verify(payload)
}

/// Opens the frame at the front of `bytes` and returns the reader of its payload, and the bytes
/// after it. For frames one after another, as in a set of evaluation keys.
///
/// # Errors
///
/// The errors of [`Header::parse`] and [`Header::check`], [`WireError::Truncated`] if the payload
/// is not there in full, [`WireError::Checksum`] if the frame is damaged.
pub fn open_first<'a>(
    bytes: &'a [u8],
    expected: &Expected,
) -> Result<(Reader<'a>, &'a [u8]), WireError> {
    let (header, payload, rest) = split(bytes, expected)?;
    Ok((header.verify(payload)?, rest))
}

/// A header that is as expected, its payload, and what follows.
fn split<'a>(
    bytes: &'a [u8],
    expected: &Expected,
) -> Result<(Header, &'a [u8], &'a [u8]), WireError> {
    let header = Header::parse(bytes)?;
    let length = header.check(expected)?;
    let Some((payload, rest)) = bytes[HEADER_BYTES..].split_at_checked(length) else {
        return Err(WireError::Truncated {
            needed: (HEADER_BYTES as u64).saturating_add(header.payload_length()),
            found: bytes.len(),
        });
    };
    Ok((header, payload, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;

    use super::*;

    const CHECKSUM_AT: usize = 47;
    const PARAMETERS: ParameterFingerprint = ParameterFingerprint([0xA5; 32]);
    const EXPECTED: Expected =
        Expected { kind: ObjectKind::Ciphertext, parameters: PARAMETERS, max_payload: 100 };

    fn example() -> Vec<u8> {
        let mut writer = Writer::new(ObjectKind::Ciphertext, PARAMETERS, 30);
        writer.u8(1);
        writer.u16(0x0203);
        writer.u32(7);
        writer.u64(0x0405_0607_0809_0A0B);
        writer.f64(-0.5);
        writer.bytes(b"abc");
        writer.payload_mut().push(9);
        writer.finish()
    }

    /// A frame with one header field replaced and the checksum made to fit again.
    fn forged(at: usize, field: &[u8]) -> Vec<u8> {
        let mut frame = example();
        frame[at..at + field.len()].copy_from_slice(field);
        let sum = crc32fast::hash(&[&frame[..CHECKSUM_AT], &frame[HEADER_BYTES..]].concat());
        frame[CHECKSUM_AT..HEADER_BYTES].copy_from_slice(&sum.to_le_bytes());
        frame
    }

    fn refusal(frame: &[u8]) -> WireError {
        open(frame, &EXPECTED).unwrap_err()
    }

    #[test]
    fn what_is_written_is_read() {
        let frame = example();
        let mut reader = open(&frame, &EXPECTED).unwrap();
        assert_eq!(reader.u8("a"), Ok(1));
        assert_eq!(reader.u16("b"), Ok(0x0203));
        assert_eq!(reader.count("c", 7), Ok(7));
        assert_eq!(reader.u64("d"), Ok(0x0405_0607_0809_0A0B));
        assert_eq!(reader.f64("e"), Ok(-0.5));
        assert_eq!(reader.array("f"), Ok(*b"ab"));
        assert_eq!(reader.bytes("g", 2), Ok(&b"c\x09"[..]));
        assert_eq!(reader.finish(), Ok(()));
    }

    #[test]
    fn bytes_of_version_2_stay_what_they_are() {
        let mut writer = Writer::new(ObjectKind::EvaluationKey, PARAMETERS, 0);
        writer.u32(0x0102_0304);
        let mut expected = b"BSGT\x02\x00\x03".to_vec();
        expected.extend([0xA5; 32]);
        expected.extend([4, 0, 0, 0, 0, 0, 0, 0]);
        expected.extend([164, 183, 203, 252]);
        expected.extend([4, 3, 2, 1]);
        assert_eq!(writer.finish(), expected);
    }

    #[test]
    fn frames_one_after_another() {
        let mut frames = example();
        frames.extend(example());
        let (_, rest) = open_first(&frames, &EXPECTED).unwrap();
        assert_eq!(rest, example());
        assert_eq!(refusal(&frames), WireError::Trailing { left: rest.len() });
    }

    #[test]
    fn header_can_be_read_alone() {
        let header = Header::parse(&example()[..HEADER_BYTES]).unwrap();
        assert_eq!(header.kind(), ObjectKind::Ciphertext);
        assert_eq!(header.parameters(), PARAMETERS);
        assert_eq!(header.check(&EXPECTED), Ok(27));
    }

    #[test]
    fn every_kind_round_trips() {
        for kind in ObjectKind::ALL {
            let frame = Writer::new(kind, PARAMETERS, 0).finish();
            assert_eq!(frame.len(), HEADER_BYTES);
            assert!(open(&frame, &Expected { kind, ..EXPECTED }).is_ok());
        }
    }

    #[test]
    fn foreign_data_are_refused() {
        assert_eq!(refusal(b"\x89PNG"), WireError::NotBlindsight);
        assert_eq!(refusal(b"BX"), WireError::NotBlindsight);
        assert_eq!(refusal(&forged(3, b"t")), WireError::NotBlindsight);
    }

    #[test]
    fn unknown_versions_are_refused() {
        for found in [0_u16, 1, 3, 0x0100, u16::MAX] {
            let error = refusal(&forged(4, &found.to_le_bytes()));
            assert_eq!(error, WireError::Version { found });
        }
    }

    #[test]
    fn unknown_and_unexpected_kinds_are_refused() {
        for found in (0..=u8::MAX).filter(|n| ObjectKind::ALL.iter().all(|kind| *kind as u8 != *n))
        {
            assert_eq!(refusal(&forged(6, &[found])), WireError::UnknownKind { found });
        }
        let error = refusal(&forged(6, &[3]));
        let (expected, found) = (ObjectKind::Ciphertext, ObjectKind::EvaluationKey);
        assert_eq!(error, WireError::Kind { expected, found });
        assert_eq!(error.to_string(), "expected a ciphertext, but this is an evaluation key");
    }

    #[test]
    fn other_parameter_sets_are_refused() {
        let error = refusal(&forged(38, &[0xA4]));
        let mut found = PARAMETERS;
        found.0[31] = 0xA4;
        let expected = PARAMETERS;
        assert_eq!(error, WireError::Parameters { expected, found });
        let error = refusal(&forged(7, &[0]));
        assert_eq!(
            error.to_string(),
            "the object was made for parameter set 00a5a5a5a5a5a5a5, \
             but a5a5a5a5a5a5a5a5 is in use here"
        );
    }

    #[test]
    fn lying_lengths_are_refused() {
        let with_length = |length: u64| refusal(&forged(39, &length.to_le_bytes()));
        assert_eq!(with_length(26), WireError::Trailing { left: 1 });
        assert_eq!(with_length(28), WireError::Truncated { needed: 79, found: 78 });
        for found in [101, 1 << 32, u64::MAX] {
            assert_eq!(with_length(found), WireError::TooLong { most: 100, found });
        }
    }

    #[test]
    fn every_truncation_is_refused() {
        let frame = example();
        for found in 0..frame.len() {
            // Until the header is there in full, nothing is known of the payload.
            let needed = if found < HEADER_BYTES { 51 } else { 78 };
            let error = refusal(&frame[..found]);
            assert_eq!(error, WireError::Truncated { needed, found });
        }
    }

    #[test]
    fn trailing_bytes_are_refused() {
        let mut frame = example();
        frame.push(0);
        assert_eq!(refusal(&frame), WireError::Trailing { left: 1 });
    }

    #[test]
    fn every_flipped_bit_is_refused() {
        let frame = example();
        for bit in 0..8 * frame.len() {
            let mut damaged = frame.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let error = refusal(&damaged);
            if bit >= 8 * CHECKSUM_AT {
                assert_eq!(error, WireError::Checksum, "bit {bit}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(1), ..Default::default() })]

        #[test]
        fn any_payload_round_trips(payload: Vec<u8>) {
            let mut writer = Writer::new(ObjectKind::Ciphertext, PARAMETERS, 0);
            writer.bytes(&payload);
            let frame = writer.finish();
            let mut reader = open(&frame, &EXPECTED).unwrap();
            prop_assert_eq!(reader.bytes("all", payload.len()), Ok(&payload[..]));
            prop_assert_eq!(reader.finish(), Ok(()));
        }

        #[test]
        fn no_bytes_cause_a_panic(at in 0..=HEADER_BYTES, noise: Vec<u8>) {
            let mut bytes = example();
            bytes.truncate(at);
            bytes.extend(noise);
            let _ = open(&bytes, &EXPECTED);
        }
    }
}
