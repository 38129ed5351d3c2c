//! Evaluation keys as bytes: one frame a key.

use blindsight_ring::sampling::Seed;

use super::frame::{self, Expected, ObjectKind, Writer};
use super::{ReadError, residues};
use crate::evaluation_key::SeededKey;
use crate::keys::KeySpec;
use crate::parameters::Parameters;

impl SeededKey {
    /// The length in bytes of a key of this shape.
    #[must_use]
    pub fn byte_len(set: &Parameters, spec: &KeySpec) -> usize {
        frame::HEADER_BYTES + payload_len(set, spec)
    }

    /// The key as it travels.
    #[must_use]
    pub fn to_bytes(&self, set: &Parameters) -> Vec<u8> {
        let capacity = payload_len(set, &self.spec);
        let mut writer = Writer::new(ObjectKind::EvaluationKey, set.fingerprint(), capacity);
        writer.bytes(&self.spec.to_bytes());
        writer.bytes(self.seed.as_bytes());
        for row in &self.rows {
            residues::write(&mut writer, row);
        }
        writer.finish()
    }

    /// Reads this key.
    ///
    /// # Errors
    /// When `bytes` are anything else: see [`ReadError`].
    pub fn from_bytes(set: &Parameters, spec: &KeySpec, bytes: &[u8]) -> Result<Self, ReadError> {
        let described = spec.to_bytes();
        let expected = Expected {
            kind: ObjectKind::EvaluationKey,
            parameters: set.fingerprint(),
            // Another key may be longer and shall be reported as such; its content is not looked
            // at, so its length takes no memory.
            max_payload: MOST_PAYLOAD,
        };
        let mut reader = frame::open(bytes, &expected)?;
        if reader.bytes("the description of the key", described.len())? != described {
            return Err(ReadError::OtherKey);
        }
        let seed = Seed::from_bytes(reader.array("the seed")?);
        let basis = spec.basis(set);
        let rows = spec.layout().digits.iter();
        let rows = rows.map(|_| residues::read(&mut reader, &basis, "a row of the key"));
        let rows = rows.collect::<Result<_, _>>()?;
        reader.finish()?;
        Ok(Self { spec: spec.clone(), seed, rows })
    }
}

/// A gigabyte: no key of any parameter set comes near.
const MOST_PAYLOAD: usize = 1 << 30;

fn payload_len(set: &Parameters, spec: &KeySpec) -> usize {
    let rows = spec.layout().digits.len() * residues::byte_len(&spec.basis(set));
    spec.to_bytes().len() + Seed::BYTES + rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation_key::EvaluationKey;
    use crate::keys::KeyKind;
    use crate::wire::frame::WireError;
    use crate::wire::testing::{self, SEED, forged, key, keys, set};

    fn find(wanted: impl Fn(&KeySpec) -> bool) -> &'static KeySpec {
        keys().specs().iter().find(|spec| wanted(spec)).unwrap()
    }

    /// The smallest key: one digit, two limbs.
    fn smallest() -> &'static KeySpec {
        find(|spec| spec.kind() == KeyKind::DenseToSparse)
    }

    fn read(spec: &KeySpec, bytes: &[u8]) -> Result<SeededKey, ReadError> {
        SeededKey::from_bytes(set(), spec, bytes)
    }

    #[test]
    fn round_trip() {
        for spec in keys().specs() {
            let bytes = key(spec).to_bytes(set());
            assert_eq!(bytes.len(), SeededKey::byte_len(set(), spec));
            let back = read(spec, &bytes).unwrap();
            assert_eq!((&back.spec, back.seed), (spec, SEED));
            assert_eq!(back.rows.len(), spec.layout().digits.len());
            assert_eq!(back.to_bytes(set()), bytes);
            let expanded = EvaluationKey::expand(set(), back);
            assert_eq!(expanded.byte_len(), EvaluationKey::expanded_byte_len(set(), spec));
        }
    }

    #[test]
    fn other_keys_are_refused() {
        let two_digits = find(|spec| spec.layout().digits.len() == 2);
        let error = read(smallest(), &key(two_digits).to_bytes(set())).err();
        assert_eq!(error, Some(ReadError::OtherKey));
        let bytes = key(smallest()).to_bytes(set());
        for at in 0..smallest().to_bytes().len() {
            let flipped = bytes[frame::HEADER_BYTES + at] ^ 1;
            let error = read(smallest(), &forged(&bytes, at, &[flipped])).err();
            assert_eq!(error, Some(ReadError::OtherKey), "byte {at}");
        }
    }

    #[test]
    fn residues_not_below_their_prime_are_refused() {
        let bytes = key(smallest()).to_bytes(set());
        let basis = smallest().basis(set());
        let special = &basis.primes()[1];
        // As many bytes as lie in the last residue alone.
        let ones = vec![0xFF; special.bits() as usize / 8];
        let last = bytes.len() - frame::HEADER_BYTES - ones.len();
        let error = read(smallest(), &forged(&bytes, last, &ones)).unwrap_err();
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
        let bytes = key(smallest()).to_bytes(set());
        let found = (bytes.len() - frame::HEADER_BYTES) as u64;
        let mut longer = bytes.clone();
        longer[39..47].copy_from_slice(&(found + 1).to_le_bytes());
        let error = read(smallest(), &longer).err();
        let cut_off = WireError::Truncated { needed: bytes.len() as u64 + 1, found: bytes.len() };
        assert_eq!(error, Some(cut_off.into()));
        longer[39..47].copy_from_slice(&(1_u64 << 40).to_le_bytes());
        let error = read(smallest(), &longer).err();
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
        let bytes = key(smallest()).to_bytes(set());
        testing::assert_frame_is_checked(&bytes, |b| read(smallest(), b).map(|_| ()));
    }
}
