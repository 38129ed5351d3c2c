//! The rows of key sets and of their bundles.

use std::fmt;

use blindsight_ckks::parameters::Parameters;
use blindsight_contract::KeyBundle;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::Result;
use crate::caller::Caller;
use crate::capability::Owner;
use crate::hex;
use crate::time::Timestamp;

/// A key set.
#[derive(Debug, Clone)]
pub struct KeyRow {
    /// Its name.
    pub id: Uuid,
    /// Its bundle.
    pub bundle: BundleName,
    /// Its keys.
    pub list: StoredList,
    /// SHA-256 of the manifest.
    pub digest: [u8; 32],
    /// Number of keys.
    pub count: u32,
    /// Bytes of its bundle.
    pub bytes: u64,
    /// When it was complete.
    pub created_at: Timestamp,
    /// When it is deleted if nobody uses it.
    pub expires_at: Timestamp,
}

/// A bundle in the blob store: what it is, and where it lies. Bytes that are sent again get a new
/// place, so that whoever deletes the old one never touches the new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BundleName {
    /// SHA-256 of its bytes.
    pub sha256: [u8; 32],
    /// Its place; nil for bundles of earlier versions, which had one by their bytes alone.
    pub place: Uuid,
}

impl BundleName {
    /// The bundle that has this name.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let (sha256, place) = match name.split_once('.') {
            Some((sha256, place)) => (sha256, Uuid::parse_str(place).ok()?),
            None => (name, Uuid::nil()),
        };
        Some(Self { sha256: hex::decode(sha256)?, place })
    }
}

impl fmt::Display for BundleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.sha256))?;
        if self.place.is_nil() { Ok(()) } else { write!(f, ".{}", self.place) }
    }
}

/// A list of keys as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredList {
    /// Fingerprint of the parameter set.
    pub scheme: [u8; 32],
    /// The head of the keys' bundle.
    pub manifest: Vec<u8>,
}

impl StoredList {
    /// The stored form of a list.
    #[must_use]
    pub fn of(set: &Parameters, keys: &KeyBundle) -> Self {
        Self { scheme: set.fingerprint().0, manifest: keys.head(set) }
    }

    /// SHA-256 of the manifest, which names the list.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(&self.manifest).into()
    }
}

/// A key set that is new here.
#[derive(Debug)]
pub struct NewKeys<'a> {
    /// Its name.
    pub id: Uuid,
    /// Whose it is.
    pub owner: Owner,
    /// Whose share it comes out of.
    pub caller: &'a Caller,
    /// Its bundle. If one with this SHA-256 is stored already, that one is used, wherever it lies.
    pub bundle: BundleName,
    /// Its keys.
    pub list: &'a StoredList,
    /// Their number.
    pub count: u32,
    /// Bytes of its bundle.
    pub bytes: u64,
    /// When it was complete.
    pub created_at: Timestamp,
    /// When it is deleted if nobody uses it.
    pub expires_at: Timestamp,
}

/// What can be asked of key sets.
pub trait ReadKeys {
    /// A key set, if it is there and the owner's.
    ///
    /// # Errors
    /// When the database fails.
    fn key_set(&self, owner: Owner, id: Uuid) -> Result<Option<KeyRow>>;

    /// Key sets of one owner; `None` if one is not there, or another's.
    ///
    /// # Errors
    /// When the database fails.
    fn key_sets(&self, owner: Owner, ids: &[Uuid]) -> Result<Option<Vec<KeyRow>>> {
        ids.iter().map(|&id| self.key_set(owner, id)).collect()
    }

    /// The key sets of a job, as far as they are there: the one it was submitted under first.
    ///
    /// # Errors
    /// When the database fails.
    fn key_sets_of_job(&self, seq: i64) -> Result<Vec<KeyRow>>;

    /// The key set of this owner with this bundle of these keys.
    ///
    /// # Errors
    /// When the database fails.
    fn same_key_set(
        &self,
        owner: Owner,
        sha256: &[u8; 32],
        list: &StoredList,
    ) -> Result<Option<Uuid>>;

    /// Where the bundle with this SHA-256 is stored, if it is.
    ///
    /// # Errors
    /// When the database fails.
    fn bundle(&self, sha256: &[u8; 32]) -> Result<Option<BundleName>>;

    /// All bundles.
    ///
    /// # Errors
    /// When the database fails.
    fn bundles(&self) -> Result<Vec<BundleName>>;

    /// Whether an owner has an upload or a key set.
    ///
    /// # Errors
    /// When the database fails.
    fn is_known(&self, owner: Owner) -> Result<bool>;

    /// Key sets that nobody used for too long and that no unfinished job uses: some of them.
    ///
    /// # Errors
    /// When the database fails.
    fn expired_key_sets(&self, now: Timestamp) -> Result<Vec<(Owner, Uuid)>>;

    /// Whether a key set is such a one.
    ///
    /// # Errors
    /// When the database fails.
    fn is_expired(&self, id: Uuid, now: Timestamp) -> Result<bool>;
}

/// What can be done with key sets.
pub trait WriteKeys {
    /// Notes a bundle and a key set that uses it.
    ///
    /// # Errors
    /// When the database fails.
    fn insert_key_set(&self, new: &NewKeys<'_>) -> Result<()>;

    /// Says until when a key set is kept.
    ///
    /// # Errors
    /// When the database fails.
    fn keep_key_set(&self, id: Uuid, until: Timestamp) -> Result<()>;

    /// Deletes a key set with the jobs that were submitted for it, and its bundle if nobody else has
    /// it. Says then that it did.
    ///
    /// # Errors
    /// When the database fails.
    fn delete_key_set(&self, row: &KeyRow) -> Result<bool>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bundles_of_earlier_versions_keep_their_names() {
        let old = BundleName { sha256: [0xAB; 32], place: Uuid::nil() };
        assert_eq!(old.to_string(), "ab".repeat(32));
        let new = BundleName { place: Uuid::from_u128(7), ..old };
        assert_eq!(new.to_string(), format!("{old}.00000000-0000-0000-0000-000000000007"));
        for name in [old, new] {
            assert_eq!(BundleName::parse(&name.to_string()), Some(name));
        }
        for wrong in ["", "ab", "ab.00000000-0000-0000-0000-000000000007", &format!("{old}.")] {
            assert_eq!(BundleName::parse(wrong), None, "{wrong}");
        }
    }
}
