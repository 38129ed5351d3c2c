//! The rows of key sets and of their bundles.

use rusqlite::{Connection, OptionalExtension as _, Row, params};
use uuid::Uuid;

use super::{owner_and_id, uuid};
use crate::capability::Owner;
use crate::store::state::Result;
use crate::store::state::keys::{BundleName, KeyRow, NewKeys, ReadKeys, StoredList, WriteKeys};
use crate::time::Timestamp;

impl ReadKeys for Connection {
    fn key_set(&self, owner: Owner, id: Uuid) -> Result<Option<KeyRow>> {
        let query = format!("SELECT {COLUMNS} WHERE keys.id = ?1 AND owner = ?2");
        let of = params![id.to_string(), owner.0];
        Ok(self.prepare_cached(&query)?.query_row(of, key_row).optional()?)
    }

    fn key_sets_of_job(&self, seq: i64) -> Result<Vec<KeyRow>> {
        let query = format!(
            "SELECT {COLUMNS} JOIN (
                 SELECT keys AS id, owner, -1 AS turn FROM jobs WHERE seq = ?1
                 UNION ALL
                 SELECT job_keys.keys, owner, job_keys.place
                 FROM job_keys JOIN jobs ON jobs.seq = job_keys.job WHERE job = ?1
             ) AS used ON used.id = keys.id AND used.owner = keys.owner
             ORDER BY used.turn"
        );
        let mut query = self.prepare_cached(&query)?;
        Ok(query.query_map([seq], key_row)?.collect::<rusqlite::Result<_>>()?)
    }

    fn same_key_set(
        &self,
        owner: Owner,
        sha256: &[u8; 32],
        list: &StoredList,
    ) -> Result<Option<Uuid>> {
        let query = "SELECT id FROM keys JOIN bundles USING (sha256)
                     WHERE owner = ?1 AND sha256 = ?2 AND list = ?3 LIMIT 1";
        let parameters = params![owner.0, sha256, list.digest()];
        Ok(self.query_row(query, parameters, |row| uuid(row, 0)).optional()?)
    }

    fn bundle(&self, sha256: &[u8; 32]) -> Result<Option<BundleName>> {
        let query = "SELECT sha256, place FROM bundles WHERE sha256 = ?1";
        Ok(self.query_row(query, [sha256], bundle_name).optional()?)
    }

    fn bundles(&self) -> Result<Vec<BundleName>> {
        let mut query = self.prepare("SELECT sha256, place FROM bundles")?;
        Ok(query.query_map([], bundle_name)?.collect::<rusqlite::Result<_>>()?)
    }

    fn is_known(&self, owner: Owner) -> Result<bool> {
        let query = "SELECT EXISTS (SELECT 1 FROM uploads WHERE owner = ?1)
                         OR EXISTS (SELECT 1 FROM keys WHERE owner = ?1)";
        Ok(self.query_row(query, params![owner.0], |row| row.get(0))?)
    }

    fn expired_key_sets(&self, now: Timestamp) -> Result<Vec<(Owner, Uuid)>> {
        let query = format!("SELECT owner, id FROM keys WHERE {UNUSED} LIMIT 1000");
        let mut query = self.prepare(&query)?;
        Ok(query.query_map([now.0], owner_and_id)?.collect::<rusqlite::Result<_>>()?)
    }

    fn is_expired(&self, id: Uuid, now: Timestamp) -> Result<bool> {
        let query = format!("SELECT EXISTS (SELECT 1 FROM keys WHERE id = ?2 AND {UNUSED})");
        Ok(self.query_row(&query, params![now.0, id.to_string()], |row| row.get(0))?)
    }
}

/// What [`key_row`] reads.
const COLUMNS: &str =
    "sha256, scheme, manifest, list, count, keys.bytes, keys.created_at, expires_at,
     bundles.place, keys.id
     FROM keys JOIN bundles USING (sha256)";

fn key_row(row: &Row<'_>) -> rusqlite::Result<KeyRow> {
    Ok(KeyRow {
        id: uuid(row, 9)?,
        bundle: BundleName { sha256: row.get(0)?, place: uuid(row, 8)? },
        list: StoredList { scheme: row.get(1)?, manifest: row.get(2)? },
        digest: row.get(3)?,
        count: row.get(4)?,
        bytes: row.get(5)?,
        created_at: Timestamp(row.get(6)?),
        expires_at: Timestamp(row.get(7)?),
    })
}

impl WriteKeys for Connection {
    fn insert_key_set(&self, new: &NewKeys<'_>) -> Result<()> {
        let list = new.list;
        self.execute(
            "INSERT OR IGNORE INTO bundles
             (sha256, scheme, manifest, list, count, bytes, created_at, place)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                new.bundle.sha256,
                list.scheme,
                list.manifest,
                list.digest(),
                new.count,
                new.bytes,
                new.created_at.0,
                new.bundle.place.to_string()
            ],
        )?;
        self.execute(
            "INSERT INTO keys (id, owner, sha256, bytes, created_at, expires_at, caller)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                new.id.to_string(),
                new.owner.0,
                new.bundle.sha256,
                new.bytes,
                new.created_at.0,
                new.expires_at.0,
                new.caller.to_string()
            ],
        )?;
        Ok(())
    }

    fn keep_key_set(&self, id: Uuid, until: Timestamp) -> Result<()> {
        let query = "UPDATE keys SET expires_at = ?2 WHERE id = ?1";
        self.execute(query, params![id.to_string(), until.0])?;
        Ok(())
    }

    fn delete_key_set(&self, row: &KeyRow) -> Result<bool> {
        self.execute("DELETE FROM keys WHERE id = ?1", [row.id.to_string()])?;
        let unused = "DELETE FROM bundles WHERE sha256 = ?1
                      AND NOT EXISTS (SELECT 1 FROM keys WHERE sha256 = ?1)";
        Ok(self.execute(unused, [row.bundle.sha256])? == 1)
    }
}

fn bundle_name(row: &Row<'_>) -> rusqlite::Result<BundleName> {
    Ok(BundleName { sha256: row.get(0)?, place: uuid(row, 1)? })
}

/// What makes a key set whose time has come expired: no unfinished job uses it.
const UNUSED: &str = "expires_at <= ?1
    AND NOT EXISTS (
        SELECT 1 FROM jobs WHERE jobs.keys = keys.id AND state IN ('queued', 'running'))
    AND NOT EXISTS (
        SELECT 1 FROM job_keys JOIN jobs ON job_keys.job = jobs.seq
        WHERE job_keys.keys = keys.id AND state IN ('queued', 'running'))";
