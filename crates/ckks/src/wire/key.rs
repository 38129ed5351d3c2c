//! Evaluation keys as bytes: one frame a key.

use blindsight_ring::sampling::Seed;

use super::frame::{self, Expected, ObjectKind, Writer};
use super::{ReadError, residues, shape};
use crate::evaluation_key::{SeededKey, key_basis};
use crate::keys::KeySpec;
use crate::parameters::Parameters;

impl SeededKey {
    /// The length in bytes of a key of this shape.
    #[must_use]
    pub fn byte_len(set: &Parameters, spec: &KeySpec) -> usize {
        frame::HEADER_BYTES + payload_len(set, spec)
    }

    /// The key as it travels. Its index must be one of [`Parameters::keys`].
    #[must_use]
    pub fn to_bytes(&self, set: &Parameters) -> Vec<u8> {
        let spec = &set.keys()[self.index];
        let capacity = payload_len(set, spec);
        let mut writer = Writer::new(ObjectKind::EvaluationKey, set.fingerprint(), capacity);
        writer.u32(self.index as u32);
        writer.bytes(&shape::bytes(spec));
        writer.bytes(self.seed.as_bytes());
        for row in &self.rows {
            residues::write(&mut writer, row);
        }
        writer.finish()
    }

    /// Reads the key of this index.
    ///
    /// # Errors
    /// When `bytes` are anything else: see [`ReadError`].
    pub fn from_bytes(set: &Parameters, index: usize, bytes: &[u8]) -> Result<Self, ReadError> {
        let keys = set.keys();
        let Some(spec) = keys.get(index) else {
            let count = keys.len();
            return Err(ReadError::NoSuchKey { index, count });
        };
        let lengths = keys.iter().map(|spec| payload_len(set, spec));
        let expected = Expected {
            kind: ObjectKind::EvaluationKey,
            parameters: set.fingerprint(),
            // The limit is that of the largest key, so that another key is reported as such.
            max_payload: lengths.max().unwrap_or(0),
        };
        let mut reader = frame::open(bytes, &expected)?;
        let found = reader.u32("the index of the key")?;
        if usize::try_from(found) != Ok(index) {
            let expected = index;
            return Err(ReadError::KeyIndex { expected, found });
        }
        if !shape::matches(&mut reader, spec)? {
            return Err(ReadError::KeyShape { index });
        }
        let seed = Seed::from_bytes(reader.array("the seed")?);
        let basis = key_basis(set, spec);
        let rows = spec.layout.digits.iter();
        let rows = rows.map(|_| residues::read(&mut reader, &basis, "a row of the key"));
        let rows = rows.collect::<Result<_, _>>()?;
        reader.finish()?;
        Ok(Self { index, seed, rows })
    }
}

fn payload_len(set: &Parameters, spec: &KeySpec) -> usize {
    let rows = spec.layout.digits.len() * residues::byte_len(&key_basis(set, spec));
    4 + shape::bytes(spec).len() + Seed::BYTES + rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation_key::EvaluationKey;
    use crate::keys::KeyKind;
    use crate::wire::frame::WireError;
    use crate::wire::testing::{self, SEED, forged, key, set};

    fn index_of(wanted: impl Fn(&KeySpec) -> bool) -> usize {
        set().keys().iter().position(wanted).unwrap()
    }

    /// The smallest key: one digit, two limbs.
    fn smallest() -> usize {
        index_of(|spec| spec.kind == KeyKind::DenseToSparse)
    }

    fn read(index: usize, bytes: &[u8]) -> Result<SeededKey, ReadError> {
        SeededKey::from_bytes(set(), index, bytes)
    }

    #[test]
    fn round_trip() {
        let two_digits = index_of(|spec| spec.layout.digits.len() == 2);
        let raised = index_of(|spec| spec.layout.raised);
        for index in [smallest(), two_digits, raised] {
            let bytes = key(index).to_bytes(set());
            let spec = &set().keys()[index];
            assert_eq!(bytes.len(), SeededKey::byte_len(set(), spec));
            let back = read(index, &bytes).unwrap();
            assert_eq!((back.index, back.seed), (index, SEED));
            assert_eq!(back.rows.len(), spec.layout.digits.len());
            assert_eq!(back.to_bytes(set()), bytes);
            let expanded = EvaluationKey::expand(set(), back);
            assert_eq!(expanded.byte_len(), EvaluationKey::expanded_byte_len(set(), spec));
        }
    }

    #[test]
    fn other_keys_are_refused() {
        let expected = smallest();
        let found = index_of(|spec| spec.layout.digits.len() == 2);
        let error = read(expected, &key(found).to_bytes(set())).err();
        let found = found as u32;
        assert_eq!(error, Some(ReadError::KeyIndex { expected, found }));
    }

    #[test]
    fn keys_that_do_not_exist_are_refused() {
        let bytes = key(smallest()).to_bytes(set());
        let count = set().keys().len();
        for index in [count, usize::MAX] {
            let error = read(index, &bytes).err();
            assert_eq!(error, Some(ReadError::NoSuchKey { index, count }));
        }
        let found = u32::MAX;
        let expected = smallest();
        let error = read(expected, &forged(&bytes, 0, &found.to_le_bytes())).err();
        assert_eq!(error, Some(ReadError::KeyIndex { expected, found }));
    }

    #[test]
    fn keys_of_another_circuit_are_refused() {
        let index = smallest();
        let bytes = key(index).to_bytes(set());
        let shape_len = shape::bytes(&set().keys()[index]).len();
        for at in 4..4 + shape_len {
            let payload = frame::HEADER_BYTES + at;
            let error = read(index, &forged(&bytes, at, &[bytes[payload] ^ 1])).err();
            assert_eq!(error, Some(ReadError::KeyShape { index }), "byte {at}");
        }
    }

    #[test]
    fn residues_not_below_their_prime_are_refused() {
        let index = smallest();
        let bytes = key(index).to_bytes(set());
        let basis = key_basis(set(), &set().keys()[index]);
        let special = &basis.primes()[1];
        // As many bytes as lie in the last residue alone.
        let ones = vec![0xFF; special.bits() as usize / 8];
        let last = bytes.len() - frame::HEADER_BYTES - ones.len();
        let error = read(index, &forged(&bytes, last, &ones)).unwrap_err();
        let special = special.value();
        assert_eq!(
            error.to_string(),
            format!(
                "limb 1 of a row of the key: packed residue 32767 is not below the modulus {special}"
            )
        );
    }

    #[test]
    fn lying_lengths_are_refused() {
        let index = smallest();
        let bytes = key(index).to_bytes(set());
        let found = (bytes.len() - frame::HEADER_BYTES) as u64;
        let mut longer = bytes.clone();
        longer[39..47].copy_from_slice(&(found + 1).to_le_bytes());
        let error = read(index, &longer).err();
        let cut_off = WireError::Truncated { needed: bytes.len() as u64 + 1, found: bytes.len() };
        assert_eq!(error, Some(cut_off.into()));
        longer[39..47].copy_from_slice(&(1_u64 << 40).to_le_bytes());
        let error = read(index, &longer).err();
        assert!(
            matches!(
                error,
                Some(ReadError::Frame(WireError::TooLong { found: 0x100_0000_0000, .. }))
            ),
            "{error:?}"
        );
    }

    #[test]
    fn damaged_frames_are_refused() {
        let index = smallest();
        let bytes = key(index).to_bytes(set());
        testing::assert_frame_is_checked(&bytes, |b| read(index, b).map(|_| ()));
    }
}
