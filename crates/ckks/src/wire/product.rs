//! Ciphertexts of several parts as bytes.

use super::ciphertext::{FIELDS_BYTES, open, read_fields, write_fields};
use super::frame::{self, ObjectKind, Writer};
use super::{ExpectedScale, ReadError, residues};
use crate::parameters::Parameters;
use crate::product::ProductCiphertext;

impl ProductCiphertext {
    /// The length in bytes of every ciphertext of so many parts at this level, which must exist.
    #[must_use]
    pub fn byte_len(set: &Parameters, level: usize, parts: usize) -> usize {
        frame::HEADER_BYTES + FIELDS_BYTES + 1 + parts * residues::byte_len(&set.modulus(level))
    }

    /// The ciphertext as it travels, all parts in full.
    #[must_use]
    pub fn to_bytes(&self, set: &Parameters) -> Vec<u8> {
        let capacity = Self::byte_len(set, self.level(), self.parts.len());
        let mut writer = Writer::new(ObjectKind::ProductCiphertext, set.fingerprint(), capacity);
        write_fields(&mut writer, self.level(), self.scale);
        writer.u8(self.parts.len() as u8);
        for part in &self.parts {
            residues::write(&mut writer, part);
        }
        writer.finish()
    }

    /// Reads a ciphertext of `parts` parts at `level` with an expected scale.
    ///
    /// # Errors
    /// When `bytes` are anything else: see [`ReadError`].
    pub fn from_bytes(
        set: &Parameters,
        bytes: &[u8],
        level: usize,
        parts: usize,
        scale: ExpectedScale,
    ) -> Result<Self, ReadError> {
        let longest = Self::byte_len(set, set.chain().len(), Self::MOST_PARTS);
        let longest = longest - frame::HEADER_BYTES;
        let mut reader = open(set, bytes, ObjectKind::ProductCiphertext, longest)?;
        let (basis, scale) = read_fields(set, &mut reader, level, scale)?;
        let found = usize::from(reader.u8("the number of parts")?);
        if found != parts || !(1..=Self::MOST_PARTS).contains(&found) {
            return Err(ReadError::Parts { expected: parts, found });
        }
        let part = |_| residues::read(&mut reader, &basis, "a part");
        let parts = (0..found).map(part).collect::<Result<_, _>>()?;
        reader.finish()?;
        Ok(Self { parts, scale })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::testing::{forged, full, set};

    const SCALE: ExpectedScale = ExpectedScale::Exactly(64.0);

    fn product(parts: usize) -> ProductCiphertext {
        let whole = full(2);
        let part = |k: usize| if k.is_multiple_of(2) { whole.c0.clone() } else { whole.c1.clone() };
        ProductCiphertext { parts: (0..parts).map(part).collect(), scale: 64.0 }
    }

    #[test]
    fn round_trip() {
        for parts in [1, 3, 5, ProductCiphertext::MOST_PARTS] {
            let bytes = product(parts).to_bytes(set());
            assert_eq!(bytes.len(), ProductCiphertext::byte_len(set(), 2, parts));
            let back = ProductCiphertext::from_bytes(set(), &bytes, 2, parts, SCALE).unwrap();
            assert_eq!(back.parts.len(), parts);
            assert_eq!(back.to_bytes(set()), bytes);
        }
    }

    #[test]
    fn other_numbers_of_parts_are_refused() {
        let bytes = product(3).to_bytes(set());
        for expected in [0, 2, 4, 17] {
            let error = ProductCiphertext::from_bytes(set(), &bytes, 2, expected, SCALE).err();
            assert_eq!(error, Some(ReadError::Parts { expected, found: 3 }));
        }
        // A number that lies about the content: too little of it, or too much.
        for found in [0, 2, 4, 16, 255] {
            let bytes = forged(&bytes, FIELDS_BYTES, &[found]);
            let expected = usize::from(found);
            assert!(ProductCiphertext::from_bytes(set(), &bytes, 2, expected, SCALE).is_err());
        }
    }

    #[test]
    fn other_levels_and_scales_are_refused() {
        let bytes = product(3).to_bytes(set());
        let at = |level, scale| ProductCiphertext::from_bytes(set(), &bytes, level, 3, scale).err();
        assert_eq!(at(1, SCALE), Some(ReadError::Level { expected: 1, found: 2 }));
        assert!(matches!(at(0, SCALE), Some(ReadError::NoSuchLevel { .. })));
        assert!(at(2, ExpectedScale::Exactly(65.0)).is_some());
    }
}
