//! Ciphertexts as bytes.

use blindsight_ring::Basis;
use blindsight_ring::sampling::Seed;

use super::frame::{self, Expected, ObjectKind, Reader, Writer};
use super::{ExpectedScale, ReadError, residues};
use crate::ciphertext::{Ciphertext, SeededCiphertext};
use crate::parameters::Parameters;

impl SeededCiphertext {
    /// The length in bytes of every seeded ciphertext at this level, which must exist.
    #[must_use]
    pub fn byte_len(set: &Parameters, level: usize) -> usize {
        frame::HEADER_BYTES + FIELDS_BYTES + Seed::BYTES + residues::byte_len(&set.modulus(level))
    }

    /// The ciphertext as it travels.
    #[must_use]
    pub fn to_bytes(&self, set: &Parameters) -> Vec<u8> {
        let level = self.c0.basis().len();
        let capacity = Self::byte_len(set, level);
        let mut writer = Writer::new(ObjectKind::SeededCiphertext, set.fingerprint(), capacity);
        write_fields(&mut writer, level, self.scale);
        writer.bytes(self.seed.as_bytes());
        residues::write(&mut writer, &self.c0);
        writer.finish()
    }

    /// Reads a seeded ciphertext at `level` with an expected scale.
    ///
    /// # Errors
    /// When `bytes` are anything else: see [`ReadError`].
    pub fn from_bytes(
        set: &Parameters,
        bytes: &[u8],
        level: usize,
        scale: ExpectedScale,
    ) -> Result<Self, ReadError> {
        let longest = Self::byte_len(set, set.chain().len()) - frame::HEADER_BYTES;
        let mut reader = open(set, bytes, ObjectKind::SeededCiphertext, longest)?;
        let (basis, scale) = read_fields(set, &mut reader, level, scale)?;
        let seed = Seed::from_bytes(reader.array("the seed")?);
        let c0 = residues::read(&mut reader, &basis, "the ciphertext")?;
        reader.finish()?;
        Ok(Self { c0, seed, scale })
    }
}

impl Ciphertext {
    /// The length in bytes of every ciphertext at this level, which must exist.
    #[must_use]
    pub fn byte_len(set: &Parameters, level: usize) -> usize {
        frame::HEADER_BYTES + FIELDS_BYTES + 2 * residues::byte_len(&set.modulus(level))
    }

    /// The ciphertext as it travels, both polynomials in full.
    #[must_use]
    pub fn to_bytes(&self, set: &Parameters) -> Vec<u8> {
        let capacity = Self::byte_len(set, self.level());
        let mut writer = Writer::new(ObjectKind::Ciphertext, set.fingerprint(), capacity);
        write_fields(&mut writer, self.level(), self.scale);
        residues::write(&mut writer, &self.c0);
        residues::write(&mut writer, &self.c1);
        writer.finish()
    }

    /// Reads a ciphertext at `level` with an expected scale.
    ///
    /// # Errors
    /// When `bytes` are anything else: see [`ReadError`].
    pub fn from_bytes(
        set: &Parameters,
        bytes: &[u8],
        level: usize,
        scale: ExpectedScale,
    ) -> Result<Self, ReadError> {
        let longest = Self::byte_len(set, set.chain().len()) - frame::HEADER_BYTES;
        let mut reader = open(set, bytes, ObjectKind::Ciphertext, longest)?;
        let (basis, scale) = read_fields(set, &mut reader, level, scale)?;
        let c0 = residues::read(&mut reader, &basis, "c0")?;
        let c1 = residues::read(&mut reader, &basis, "c1")?;
        reader.finish()?;
        Ok(Self { c0, c1, scale })
    }
}

/// Level and scale.
pub(super) const FIELDS_BYTES: usize = 2 + 8;

/// The limit is that of the highest level, so that a wrong level is reported as such.
pub(super) fn open<'a>(
    set: &Parameters,
    bytes: &'a [u8],
    kind: ObjectKind,
    max_payload: usize,
) -> Result<Reader<'a>, ReadError> {
    let expected = Expected { kind, parameters: set.fingerprint(), max_payload };
    Ok(frame::open(bytes, &expected)?)
}

pub(super) fn write_fields(writer: &mut Writer, level: usize, scale: f64) {
    writer.u16(level as u16);
    writer.f64(scale);
}

pub(super) fn read_fields(
    set: &Parameters,
    reader: &mut Reader<'_>,
    expected: usize,
    scale: ExpectedScale,
) -> Result<(Basis, f64), ReadError> {
    let most = set.chain().len();
    if !(1..=most).contains(&expected) {
        let level = expected;
        return Err(ReadError::NoSuchLevel { level, most });
    }
    let found = usize::from(reader.u16("the level")?);
    if found != expected {
        return Err(ReadError::Level { expected, found });
    }
    let scale = scale.check(reader.f64("the scale")?)?;
    Ok((set.modulus(expected), scale))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::frame::WireError;
    use crate::wire::testing::{self, SEED, forged, full, seeded, set};

    const SCALE: ExpectedScale = ExpectedScale::Exactly(testing::SCALE);

    fn read(bytes: &[u8]) -> Result<SeededCiphertext, ReadError> {
        SeededCiphertext::from_bytes(set(), bytes, 1, SCALE)
    }

    #[test]
    fn seeded_round_trip() {
        for level in [1, 3, set().chain().len()] {
            let bytes = seeded(level).to_bytes(set());
            assert_eq!(bytes.len(), SeededCiphertext::byte_len(set(), level));
            let back = SeededCiphertext::from_bytes(set(), &bytes, level, SCALE).unwrap();
            assert_eq!(back.seed, SEED);
            assert_eq!(back.scale, testing::SCALE);
            assert_eq!(back.to_bytes(set()), bytes);
        }
    }

    #[test]
    fn full_round_trip() {
        for level in [1, 2] {
            let bytes = full(level).to_bytes(set());
            assert_eq!(bytes.len(), Ciphertext::byte_len(set(), level));
            let back = Ciphertext::from_bytes(set(), &bytes, level, SCALE).unwrap();
            assert_eq!(back.c1.limbs()[0].get(5), full(level).c1.limbs()[0].get(5));
            assert_eq!(back.to_bytes(set()), bytes);
        }
    }

    #[test]
    fn other_levels_are_refused() {
        for (sent, expected) in [(2, 1), (1, 2)] {
            let seeded = seeded(sent).to_bytes(set());
            let full = full(sent).to_bytes(set());
            let found = sent;
            let error = Some(ReadError::Level { expected, found });
            let read = SeededCiphertext::from_bytes(set(), &seeded, expected, SCALE);
            assert_eq!(read.err(), error);
            let read = Ciphertext::from_bytes(set(), &full, expected, SCALE);
            assert_eq!(read.err(), error);
        }
        let bytes = seeded(1).to_bytes(set());
        let most = set().chain().len();
        for level in [0, most + 1, usize::MAX] {
            let error = SeededCiphertext::from_bytes(set(), &bytes, level, SCALE).err();
            assert_eq!(error, Some(ReadError::NoSuchLevel { level, most }));
        }
    }

    #[test]
    fn a_level_that_lies_about_the_content_is_refused() {
        // Says level 2 and has the residues of level 1.
        let bytes = forged(&seeded(1).to_bytes(set()), 0, &2_u16.to_le_bytes());
        let error = SeededCiphertext::from_bytes(set(), &bytes, 2, SCALE).err();
        let ends = ReadError::Frame(WireError::PayloadEnds {
            what: "the ciphertext",
            needed: residues::byte_len(&set().modulus(2)),
            left: residues::byte_len(&set().modulus(1)),
        });
        assert_eq!(error, Some(ends));
        let bytes = forged(&seeded(2).to_bytes(set()), 0, &1_u16.to_le_bytes());
        let left = residues::byte_len(&set().modulus(2)) - residues::byte_len(&set().modulus(1));
        let unread = ReadError::Frame(WireError::Unread { left });
        assert_eq!(read(&bytes).err(), Some(unread));
    }

    #[test]
    fn other_scales_are_refused() {
        let bytes = seeded(1).to_bytes(set());
        for found in [testing::SCALE * (1.0 + 2e-9), 0.0, -testing::SCALE] {
            let error = read(&forged(&bytes, 2, &found.to_le_bytes())).err();
            let expected = SCALE;
            assert_eq!(error, Some(ReadError::Scale { expected, found }));
        }
        let error = read(&forged(&bytes, 2, &f64::NAN.to_le_bytes())).err();
        let what = "the scale";
        assert_eq!(error, Some(ReadError::Frame(WireError::NotFinite { what })));
    }

    #[test]
    fn residues_not_below_their_prime_are_refused() {
        let residues_at = FIELDS_BYTES + Seed::BYTES;
        let bytes = forged(&seeded(1).to_bytes(set()), residues_at, &[0xFF; 4]);
        let error = read(&bytes).err();
        assert!(matches!(error, Some(ReadError::Residues { limb: 0, .. })), "{error:?}");

        let last = full(1).to_bytes(set()).len() - frame::HEADER_BYTES - 3;
        let bytes = forged(&full(1).to_bytes(set()), last, &[0xFF; 3]);
        let error = Ciphertext::from_bytes(set(), &bytes, 1, SCALE).unwrap_err();
        let q = set().chain().primes()[0].value();
        assert_eq!(
            error.to_string(),
            format!("limb 0 of c1: packed residue 32767 is not below the modulus {q}")
        );
    }

    #[test]
    fn damaged_frames_are_refused() {
        testing::assert_frame_is_checked(&seeded(1).to_bytes(set()), |b| read(b).map(|_| ()));
        testing::assert_frame_is_checked(&full(1).to_bytes(set()), |b| {
            Ciphertext::from_bytes(set(), b, 1, SCALE).map(|_| ())
        });
    }
}
