//! The head of a set of evaluation keys.

use super::frame::{self, Expected, ObjectKind, Writer};
use super::{ReadError, shape};
use crate::evaluation_key::SeededKey;
use crate::keys::{KeyList, KeySpec};
use crate::parameters::Parameters;

/// What a client sends before its evaluation keys: which keys follow, in order, and how long each
/// is. A server finds out here, before the keys are uploaded, whether they are of use to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySetManifest {
    entries: Vec<KeyEntry>,
}

/// One key of a set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyEntry {
    /// What the key is.
    pub spec: KeySpec,
    /// The length of its frame in bytes, header included.
    pub byte_len: u64,
}

impl KeySetManifest {
    /// The manifest of a list of keys.
    #[must_use]
    pub fn new(set: &Parameters, keys: &KeyList) -> Self {
        let entries = keys.specs().iter().map(|spec| KeyEntry {
            spec: spec.clone(),
            byte_len: SeededKey::byte_len(set, spec) as u64,
        });
        Self { entries: entries.collect() }
    }

    /// The keys, in order.
    #[must_use]
    pub fn entries(&self) -> &[KeyEntry] {
        &self.entries
    }

    /// The list of the keys.
    #[must_use]
    pub fn into_list(self) -> KeyList {
        let specs = self.entries.into_iter().map(|entry| entry.spec).collect();
        // It was made of a list.
        KeyList::new(specs).unwrap_or_default()
    }

    /// The bytes of all keys together, without the manifest.
    #[must_use]
    pub fn total_byte_len(&self) -> u64 {
        self.entries.iter().map(|entry| entry.byte_len).sum()
    }

    /// The manifest as it travels.
    #[must_use]
    pub fn to_bytes(&self, set: &Parameters) -> Vec<u8> {
        let capacity = 4 + self.entries.len() * (MOST_ENTRY_BYTES);
        let mut writer = Writer::new(ObjectKind::EvaluationKeySet, set.fingerprint(), capacity);
        writer.u32(self.entries.len() as u32);
        for entry in &self.entries {
            writer.bytes(&entry.spec.to_bytes());
            writer.u64(entry.byte_len);
        }
        writer.finish()
    }

    /// Reads a manifest of any list of keys that this parameter set may have.
    ///
    /// # Errors
    /// When `bytes` are not that, a key may not exist, or the keys do not stand in their order: see
    /// [`ReadError`].
    pub fn from_bytes(set: &Parameters, bytes: &[u8]) -> Result<Self, ReadError> {
        let expected = Expected {
            kind: ObjectKind::EvaluationKeySet,
            parameters: set.fingerprint(),
            max_payload: 4 + KeyList::MOST * MOST_ENTRY_BYTES,
        };
        let mut reader = frame::open(bytes, &expected)?;
        let count = reader.count("the number of keys", KeyList::MOST as u32)?;
        let mut specs = Vec::with_capacity(count);
        let mut lengths = Vec::with_capacity(count);
        for _ in 0..count {
            specs.push(shape::read(set, &mut reader)?);
            lengths.push(reader.u64("the length of a key")?);
        }
        reader.finish()?;
        let manifest = Self::new(set, &KeyList::new(specs.clone())?);
        for (index, (entry, (spec, found))) in
            manifest.entries.iter().zip(specs.iter().zip(lengths)).enumerate()
        {
            if entry.spec != *spec {
                return Err(ReadError::KeyOrder { index });
            }
            let expected = entry.byte_len;
            if found != expected {
                return Err(ReadError::KeyLength { index, expected, found });
            }
        }
        Ok(manifest)
    }
}

/// The description of a key with the most digits, and its length.
const MOST_ENTRY_BYTES: usize = 11 + 2 * crate::keys::KeyLayout::MOST_DIGITS + 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{KeyError, KeyKind};
    use crate::wire::testing::{self, forged, key, keys, set};

    fn manifest() -> KeySetManifest {
        KeySetManifest::new(set(), keys())
    }

    fn read(bytes: &[u8]) -> Result<KeySetManifest, ReadError> {
        KeySetManifest::from_bytes(set(), bytes)
    }

    #[test]
    fn round_trip() {
        for keys in [keys(), &KeyList::default()] {
            let manifest = KeySetManifest::new(set(), keys);
            let bytes = manifest.to_bytes(set());
            let back = read(&bytes).unwrap();
            assert_eq!(back, manifest);
            assert_eq!(back.to_bytes(set()), bytes);
        }
    }

    #[test]
    fn lengths_are_those_of_the_keys() {
        for entry in manifest().entries() {
            let actual = key(&entry.spec).to_bytes(set()).len() as u64;
            assert_eq!(entry.byte_len, actual);
        }
    }

    #[test]
    fn lying_manifests_are_refused() {
        let bytes = manifest().to_bytes(set());
        for found in [KeyList::MOST as u32 + 1, u32::MAX] {
            assert!(read(&forged(&bytes, 0, &found.to_le_bytes())).is_err());
        }
        assert!(read(&forged(&bytes, 0, &1_u32.to_le_bytes())).is_err(), "keys are left over");
        let error = read(&forged(&bytes, 4, &[9])).err();
        assert!(matches!(error, Some(ReadError::KeyKind { number: 9, .. })), "{error:?}");
        let first = manifest().entries()[0].clone();
        let length_at = 4 + first.spec.to_bytes().len();
        let error = read(&forged(&bytes, length_at, &u64::MAX.to_le_bytes())).err();
        let expected = first.byte_len;
        let wrong_length = ReadError::KeyLength { index: 0, expected, found: u64::MAX };
        assert_eq!(error, Some(wrong_length));
    }

    #[test]
    fn the_order_is_part_of_the_form() {
        let of = |order: [usize; 2]| {
            let entries = order.map(|i| manifest().entries()[i].clone()).to_vec();
            read(&KeySetManifest { entries }.to_bytes(set())).map(drop)
        };
        assert_eq!(of([0, 1]), Ok(()));
        assert_eq!(of([1, 0]), Err(ReadError::KeyOrder { index: 0 }));
        assert_eq!(of([1, 1]), Err(ReadError::Key(KeyError::Repeated)));
    }

    #[test]
    fn keys_that_may_not_exist_are_refused() {
        let manifest = manifest();
        let sparse = |e: &&KeyEntry| e.spec.kind() == KeyKind::DenseToSparse;
        let entry = manifest.entries().iter().find(sparse).unwrap();
        let bytes = KeySetManifest { entries: vec![entry.clone()] }.to_bytes(set());
        // Level 2 and one digit up to it: a key under the sparse secret at a larger modulus.
        let raised = forged(&bytes, 4 + 7, &[2, 0, 1, 0, 2, 0]);
        assert_eq!(read(&raised), Err(ReadError::Key(KeyError::SparseLevel { level: 2 })));
    }

    #[test]
    fn damaged_frames_are_refused() {
        let bytes = manifest().to_bytes(set());
        testing::assert_frame_is_checked(&bytes, |b| read(b).map(|_| ()));
    }
}
