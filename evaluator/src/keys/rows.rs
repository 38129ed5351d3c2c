//! The rows of key sets and of their bundles.

use blindsight_ckks::keys::KeyList;
use blindsight_ckks::parameters::Parameters;
use blindsight_ckks::wire::KeySetManifest;
use rusqlite::{Connection, OptionalExtension as _, params};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::caller::Caller;
use crate::capability::Owner;
use crate::refusal::Refusal;
use crate::time::Timestamp;

/// A key set.
#[derive(Debug, Clone)]
pub struct KeyRow {
    /// Its name.
    pub id: Uuid,
    /// The SHA-256 of its bundle.
    pub sha256: [u8; 32],
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

/// A list of keys as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredList {
    /// Fingerprint of the parameter set.
    pub scheme: [u8; 32],
    /// The manifest frame of the keys.
    pub manifest: Vec<u8>,
}

impl StoredList {
    /// The stored form of a list.
    #[must_use]
    pub fn of(set: &Parameters, keys: &KeyList) -> Self {
        let manifest = KeySetManifest::new(set, keys).to_bytes(set);
        Self { scheme: set.fingerprint().0, manifest }
    }

    /// SHA-256 of the manifest, which names the list.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(&self.manifest).into()
    }

    /// The number of keys: the first field of the manifest's payload.
    fn count(&self) -> u32 {
        use blindsight_ckks::wire::frame::HEADER_BYTES;
        let field = self.manifest.get(HEADER_BYTES..).and_then(<[u8]>::first_chunk);
        field.map_or(0, |bytes| u32::from_le_bytes(*bytes))
    }
}

type Sql<T> = Result<T, rusqlite::Error>;

/// A key set, if it is there and the owner's.
pub(crate) fn row(c: &Connection, owner: Owner, id: Uuid) -> Sql<Option<KeyRow>> {
    let query = "SELECT sha256, scheme, manifest, list, count, keys.bytes, keys.created_at,
                        expires_at
                 FROM keys JOIN bundles USING (sha256) WHERE id = ?1 AND owner = ?2";
    c.query_row(query, params![id.to_string(), owner.0], |row| {
        Ok(KeyRow {
            id,
            sha256: row.get(0)?,
            list: StoredList { scheme: row.get(1)?, manifest: row.get(2)? },
            digest: row.get(3)?,
            count: row.get(4)?,
            bytes: row.get(5)?,
            created_at: Timestamp(row.get(6)?),
            expires_at: Timestamp(row.get(7)?),
        })
    })
    .optional()
}

/// Key sets of one owner; `None` if one is not there, or another's.
pub(crate) fn of_owner(c: &Connection, owner: Owner, ids: &[Uuid]) -> Sql<Option<Vec<KeyRow>>> {
    ids.iter().map(|&id| row(c, owner, id)).collect()
}

/// Whether a bundle is stored.
pub(crate) fn exists_bundle(c: &Connection, sha256: &[u8; 32]) -> Sql<bool> {
    let query = "SELECT EXISTS (SELECT 1 FROM bundles WHERE sha256 = ?1)";
    c.query_row(query, [sha256], |row| row.get(0))
}

/// Notes a bundle and a key set that uses it.
pub(crate) fn insert_bundle(
    c: &Connection,
    (owner, caller, id): (Owner, &Caller, Uuid),
    sha256: [u8; 32],
    (list, bytes): (&StoredList, u64),
    (now, expires_at): (Timestamp, Timestamp),
) -> Sql<()> {
    c.execute(
        "INSERT OR IGNORE INTO bundles (sha256, scheme, manifest, list, count, bytes, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![sha256, list.scheme, list.manifest, list.digest(), list.count(), bytes, now.0],
    )?;
    c.execute(
        "INSERT INTO keys (id, owner, sha256, bytes, created_at, expires_at, caller)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![id.to_string(), owner.0, sha256, bytes, now.0, expires_at.0, caller.to_string()],
    )?;
    Ok(())
}

/// The key set of this owner with this bundle of these keys.
pub(crate) fn renew(
    c: &Connection,
    owner: Owner,
    sha256: &[u8; 32],
    list: &StoredList,
) -> Sql<Option<Uuid>> {
    let query = "SELECT id FROM keys JOIN bundles USING (sha256)
                 WHERE owner = ?1 AND sha256 = ?2 AND list = ?3 LIMIT 1";
    let parameters = params![owner.0, sha256, list.digest()];
    let id: Option<String> = c.query_row(query, parameters, |row| row.get(0)).optional()?;
    Ok(id.and_then(|id| Uuid::parse_str(&id).ok()))
}

pub(super) fn set_expiry(c: &Connection, id: Uuid, until: Timestamp) -> Sql<()> {
    let query = "UPDATE keys SET expires_at = ?2 WHERE id = ?1";
    c.execute(query, params![id.to_string(), until.0])?;
    Ok(())
}

/// What makes a key set whose time has come expired: no unfinished job uses it.
const UNUSED: &str = "expires_at <= ?1
    AND NOT EXISTS (
        SELECT 1 FROM jobs WHERE jobs.keys = keys.id AND state IN ('queued', 'running'))
    AND NOT EXISTS (
        SELECT 1 FROM job_keys JOIN jobs ON job_keys.job = jobs.seq
        WHERE job_keys.keys = keys.id AND state IN ('queued', 'running'))";

/// Key sets that nobody used for too long and that no unfinished job uses: some of them.
pub(crate) fn expired(c: &Connection, now: Timestamp) -> Sql<Vec<(Owner, Uuid)>> {
    let query = format!("SELECT owner, id FROM keys WHERE {UNUSED} LIMIT 1000");
    let mut query = c.prepare(&query)?;
    let rows =
        query.query_map([now.0], |row| Ok((Owner(row.get(0)?), row.get::<_, String>(1)?)))?;
    let rows: Vec<(Owner, String)> = rows.collect::<Sql<_>>()?;
    Ok(rows.into_iter().filter_map(|(o, id)| Some((o, Uuid::parse_str(&id).ok()?))).collect())
}

/// Whether a key set is such a one.
pub(crate) fn is_expired(c: &Connection, id: Uuid, now: Timestamp) -> Sql<bool> {
    let query = format!("SELECT EXISTS (SELECT 1 FROM keys WHERE id = ?2 AND {UNUSED})");
    c.query_row(&query, params![now.0, id.to_string()], |row| row.get(0))
}

/// Deletes a key set with the jobs that were submitted for it, and its bundle if nobody else has it.
/// Returns the bundle's SHA-256 then.
///
/// # Errors
/// `not_found`.
pub(crate) fn delete(c: &Connection, owner: Owner, id: Uuid) -> Result<Option<[u8; 32]>, Refusal> {
    let keys = row(c, owner, id)?.ok_or_else(Refusal::not_found)?;
    c.execute("DELETE FROM keys WHERE id = ?1", [id.to_string()])?;
    let unused = "DELETE FROM bundles WHERE sha256 = ?1
                  AND NOT EXISTS (SELECT 1 FROM keys WHERE sha256 = ?1)";
    Ok((c.execute(unused, [keys.sha256])? == 1).then_some(keys.sha256))
}
