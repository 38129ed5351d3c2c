//! The head of a set of evaluation keys.

use super::frame::{self, Expected, ObjectKind, Writer};
use super::{ReadError, shape};
use crate::evaluation_key::SeededKey;
use crate::keys::KeySpec;
use crate::parameters::Parameters;

/// What a client sends before its evaluation keys: which keys follow, in order, and how long each
/// is.
///
/// A parameter set leaves nothing to choose, so there is one manifest for each, and a server knows
/// it beforehand. It travels all the same: a client whose circuit differs from the server's is
/// refused here, before it uploads the keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySetManifest {
    entries: Vec<KeyEntry>,
}

/// One key of a set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyEntry {
    /// What the key is and how it is shaped. Its index is that of the entry.
    pub spec: KeySpec,
    /// The length of its frame in bytes, header included.
    pub byte_len: u64,
}

impl KeySetManifest {
    /// The manifest of a parameter set.
    #[must_use]
    pub fn new(set: &Parameters) -> Self {
        let entries = set.keys().iter().map(|spec| KeyEntry {
            spec: spec.clone(),
            byte_len: SeededKey::byte_len(set, spec) as u64,
        });
        Self { entries: entries.collect() }
    }

    /// The keys, in the order of their indices.
    #[must_use]
    pub fn entries(&self) -> &[KeyEntry] {
        &self.entries
    }

    /// The bytes of all keys together, without the manifest.
    #[must_use]
    pub fn total_byte_len(&self) -> u64 {
        self.entries.iter().map(|entry| entry.byte_len).sum()
    }

    /// The manifest as it travels.
    #[must_use]
    pub fn to_bytes(&self, set: &Parameters) -> Vec<u8> {
        let capacity = self.payload_len();
        let mut writer = Writer::new(ObjectKind::EvaluationKeySet, set.fingerprint(), capacity);
        writer.u32(self.entries.len() as u32);
        for entry in &self.entries {
            writer.bytes(&shape::bytes(&entry.spec));
            writer.u64(entry.byte_len);
        }
        writer.finish()
    }

    /// Reads the manifest of this parameter set.
    ///
    /// # Errors
    /// When `bytes` are not that: see [`ReadError`].
    pub fn from_bytes(set: &Parameters, bytes: &[u8]) -> Result<Self, ReadError> {
        let manifest = Self::new(set);
        let expected = Expected {
            kind: ObjectKind::EvaluationKeySet,
            parameters: set.fingerprint(),
            max_payload: manifest.payload_len(),
        };
        let mut reader = frame::open(bytes, &expected)?;
        let found = reader.u32("the number of keys")?;
        let expected = manifest.entries.len();
        if usize::try_from(found) != Ok(expected) {
            return Err(ReadError::KeyCount { expected, found });
        }
        for (index, entry) in manifest.entries.iter().enumerate() {
            if !shape::matches(&mut reader, &entry.spec)? {
                return Err(ReadError::KeyShape { index });
            }
            let found = reader.u64("the length of a key")?;
            let expected = entry.byte_len;
            if found != expected {
                return Err(ReadError::KeyLength { index, expected, found });
            }
        }
        reader.finish()?;
        Ok(manifest)
    }

    fn payload_len(&self) -> usize {
        let entry = |entry: &KeyEntry| shape::bytes(&entry.spec).len() + size_of::<u64>();
        size_of::<u32>() + self.entries.iter().map(entry).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::testing::{self, forged, key, set};

    fn read(bytes: &[u8]) -> Result<KeySetManifest, ReadError> {
        KeySetManifest::from_bytes(set(), bytes)
    }

    #[test]
    fn round_trip() {
        let manifest = KeySetManifest::new(set());
        assert_eq!(manifest.entries().len(), set().keys().len());
        let bytes = manifest.to_bytes(set());
        let back = read(&bytes).unwrap();
        assert_eq!(back, manifest);
        assert_eq!(back.to_bytes(set()), bytes);
    }

    #[test]
    fn lengths_are_those_of_the_keys() {
        let manifest = KeySetManifest::new(set());
        let last = set().keys().len() - 1;
        let actual = key(last).to_bytes(set()).len() as u64;
        assert_eq!(manifest.entries()[last].byte_len, actual);
        let total = manifest.total_byte_len();
        assert!((40_000_000..200_000_000).contains(&total), "{total}");
    }

    #[test]
    fn other_sets_are_refused() {
        let bytes = KeySetManifest::new(set()).to_bytes(set());
        let expected = set().keys().len();
        for found in [0, expected as u32 + 1, u32::MAX] {
            let error = read(&forged(&bytes, 0, &found.to_le_bytes())).err();
            assert_eq!(error, Some(ReadError::KeyCount { expected, found }));
        }
        let error = read(&forged(&bytes, 4, &[9])).err();
        assert_eq!(error, Some(ReadError::KeyShape { index: 0 }));

        let length_at = 4 + shape::bytes(&set().keys()[0]).len();
        let error = read(&forged(&bytes, length_at, &u64::MAX.to_le_bytes())).err();
        let expected = KeySetManifest::new(set()).entries()[0].byte_len;
        let wrong_length = ReadError::KeyLength { index: 0, expected, found: u64::MAX };
        assert_eq!(error, Some(wrong_length));
    }

    #[test]
    fn damaged_frames_are_refused() {
        let bytes = KeySetManifest::new(set()).to_bytes(set());
        testing::assert_frame_is_checked(&bytes, |b| read(b).map(|_| ()));
    }
}
