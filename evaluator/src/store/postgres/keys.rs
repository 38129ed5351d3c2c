//! The rows of key sets and of their bundles.

use tokio_postgres::Row;
use uuid::Uuid;

use super::{Rows, get, hash, number, owner_and_id, stored};
use crate::capability::Owner;
use crate::store::state::Result;
use crate::store::state::keys::{BundleName, KeyRow, NewKeys, ReadKeys, StoredList, WriteKeys};
use crate::time::Timestamp;

impl ReadKeys for Rows<'_> {
    fn key_set(&self, owner: Owner, id: Uuid) -> Result<Option<KeyRow>> {
        let query = format!("SELECT {COLUMNS} WHERE keys.id = $1 AND owner = $2");
        self.maybe(&query, &[&id, &&owner.0[..]], key_row)
    }

    fn key_sets_of_job(&self, seq: i64) -> Result<Vec<KeyRow>> {
        self.all(&of_job(), &[&seq], key_row)
    }

    fn same_key_set(
        &self,
        owner: Owner,
        sha256: &[u8; 32],
        list: &StoredList,
    ) -> Result<Option<Uuid>> {
        let query = "SELECT id FROM keys JOIN bundles USING (sha256)
                     WHERE owner = $1 AND sha256 = $2 AND list = $3 LIMIT 1";
        let of = [&owner.0[..], &sha256[..], &list.digest()[..]];
        self.maybe(query, &[&of[0], &of[1], &of[2]], |row| get(row, 0))
    }

    fn bundle(&self, sha256: &[u8; 32]) -> Result<Option<BundleName>> {
        let query = "SELECT sha256, place FROM bundles WHERE sha256 = $1";
        self.maybe(query, &[&&sha256[..]], bundle_name)
    }

    fn bundles(&self) -> Result<Vec<BundleName>> {
        self.all("SELECT sha256, place FROM bundles", &[], bundle_name)
    }

    fn is_known(&self, owner: Owner) -> Result<bool> {
        let query = "SELECT EXISTS (SELECT 1 FROM uploads WHERE owner = $1)
                         OR EXISTS (SELECT 1 FROM keys WHERE owner = $1)";
        self.one(query, &[&&owner.0[..]], |row| get(row, 0))
    }

    fn expired_key_sets(&self, now: Timestamp) -> Result<Vec<(Owner, Uuid)>> {
        let query = format!("SELECT owner, id FROM keys WHERE {UNUSED} LIMIT 1000");
        self.all(&query, &[&now.0], owner_and_id)
    }

    fn is_expired(&self, id: Uuid, now: Timestamp) -> Result<bool> {
        let query = format!("SELECT EXISTS (SELECT 1 FROM keys WHERE id = $2 AND {UNUSED})");
        self.one(&query, &[&now.0, &id], |row| get(row, 0))
    }
}

/// What [`key_row`] reads.
const COLUMNS: &str =
    "sha256, scheme, manifest, list, count, keys.bytes, keys.created_at, expires_at,
     bundles.place, keys.id
     FROM keys JOIN bundles USING (sha256)";

/// The key sets of the job `$1`.
pub(super) fn of_job() -> String {
    format!(
        "SELECT {COLUMNS} JOIN (
             SELECT keys AS id, owner, -1 AS turn FROM jobs WHERE seq = $1
             UNION ALL
             SELECT job_keys.keys, owner, job_keys.place
             FROM job_keys JOIN jobs ON jobs.seq = job_keys.job WHERE job = $1
         ) AS used ON used.id = keys.id AND used.owner = keys.owner
         ORDER BY used.turn"
    )
}

pub(super) fn key_row(row: &Row) -> Result<KeyRow> {
    Ok(KeyRow {
        id: get(row, 9)?,
        bundle: BundleName { sha256: hash(row, 0)?, place: get(row, 8)? },
        list: StoredList { scheme: hash(row, 1)?, manifest: get(row, 2)? },
        digest: hash(row, 3)?,
        count: number(row, 4)?,
        bytes: number(row, 5)?,
        created_at: Timestamp(get(row, 6)?),
        expires_at: Timestamp(get(row, 7)?),
    })
}

impl WriteKeys for Rows<'_> {
    fn insert_key_set(&self, new: &NewKeys<'_>) -> Result<()> {
        let (bytes, list) = (stored(new.bytes)?, new.list);
        self.execute(
            "INSERT INTO bundles (sha256, scheme, manifest, list, count, bytes, created_at, place)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
            &[
                &&new.bundle.sha256[..],
                &&list.scheme[..],
                &list.manifest,
                &&list.digest()[..],
                &i64::from(new.count),
                &bytes,
                &new.created_at.0,
                &new.bundle.place,
            ],
        )?;
        self.execute(
            "INSERT INTO keys (id, owner, sha256, bytes, created_at, expires_at, caller)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            &[
                &new.id,
                &&new.owner.0[..],
                &&new.bundle.sha256[..],
                &bytes,
                &new.created_at.0,
                &new.expires_at.0,
                &new.caller.to_string(),
            ],
        )?;
        Ok(())
    }

    fn keep_key_set(&self, id: Uuid, until: Timestamp) -> Result<()> {
        self.execute("UPDATE keys SET expires_at = $2 WHERE id = $1", &[&id, &until.0])?;
        Ok(())
    }

    fn delete_key_set(&self, row: &KeyRow) -> Result<bool> {
        self.execute("DELETE FROM keys WHERE id = $1", &[&row.id])?;
        let unused = "DELETE FROM bundles WHERE sha256 = $1
                      AND NOT EXISTS (SELECT 1 FROM keys WHERE sha256 = $1)";
        Ok(self.execute(unused, &[&&row.bundle.sha256[..]])? == 1)
    }
}

fn bundle_name(row: &Row) -> Result<BundleName> {
    Ok(BundleName { sha256: hash(row, 0)?, place: get(row, 1)? })
}

/// What makes a key set whose time has come expired: no unfinished job uses it.
const UNUSED: &str = "expires_at <= $1
    AND NOT EXISTS (
        SELECT 1 FROM jobs WHERE jobs.keys = keys.id AND state IN ('queued', 'running'))
    AND NOT EXISTS (
        SELECT 1 FROM job_keys JOIN jobs ON job_keys.job = jobs.seq
        WHERE job_keys.keys = keys.id AND state IN ('queued', 'running'))";
