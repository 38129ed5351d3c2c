//! The rows of unfinished uploads.

use uuid::Uuid;

use super::{Rows, get, hash, number, owner_and_id, stored};
use crate::caller::Caller;
use crate::capability::Owner;
use crate::store::state::Result;
use crate::store::state::keys::StoredList;
use crate::store::state::uploads::{
    REFUSED_OF_CALLER, REFUSED_SECONDS, ReadUploads, UploadRow, WriteUploads,
};
use crate::time::Timestamp;

impl ReadUploads for Rows<'_> {
    fn upload(&self, owner: Owner, id: Uuid) -> Result<Option<UploadRow>> {
        let query = "SELECT scheme, manifest, length, received, sha256, refused, created_at,
                            expires_at, caller, sha256 IS NULL
                     FROM uploads WHERE id = $1 AND owner = $2";
        self.maybe(query, &[&id, &&owner.0[..]], |row| {
            let is_unannounced: bool = get(row, 9)?;
            Ok(UploadRow {
                id,
                owner,
                list: StoredList { scheme: hash(row, 0)?, manifest: get(row, 1)? },
                length: number(row, 2)?,
                received: number(row, 3)?,
                sha256: if is_unannounced { None } else { Some(hash(row, 4)?) },
                refused: get(row, 5)?,
                created_at: Timestamp(get(row, 6)?),
                expires_at: Timestamp(get(row, 7)?),
                caller: Caller::stored(get(row, 8)?),
            })
        })
    }

    fn takes_bytes(&self, id: Uuid) -> Result<bool> {
        let query = "SELECT EXISTS (SELECT 1 FROM uploads WHERE id = $1 AND refused IS NULL)";
        self.one(query, &[&id], |row| get(row, 0))
    }

    fn idle_uploads(
        &self,
        caller: Option<&Caller>,
        before: Timestamp,
    ) -> Result<Vec<(Owner, Uuid)>> {
        let (condition, caller) = match caller {
            Some(caller) => ("caller = $2", caller.to_string()),
            None => ("$2 = ''", String::new()),
        };
        // A refused one takes no place.
        let query = format!(
            "SELECT owner, id FROM uploads
             WHERE refused IS NULL AND progress_at <= $1 AND received < length AND {condition}
             ORDER BY (received > 0), progress_at LIMIT 32"
        );
        self.all(&query, &[&before.0, &caller], owner_and_id)
    }

    fn complete_uploads(&self) -> Result<Vec<(Owner, Uuid)>> {
        let query = "SELECT owner, id FROM uploads WHERE received = length AND refused IS NULL";
        self.all(query, &[], owner_and_id)
    }

    fn expired_uploads(&self, now: Timestamp) -> Result<Vec<(Owner, Uuid)>> {
        let query = "SELECT owner, id FROM uploads WHERE expires_at <= $1 LIMIT 1000";
        self.all(query, &[&now.0], owner_and_id)
    }
}

impl WriteUploads for Rows<'_> {
    fn insert_upload(&self, row: &UploadRow) -> Result<()> {
        self.execute(
            "INSERT INTO uploads
             (id, owner, scheme, manifest, length, received, sha256, refused, created_at,
              progress_at, expires_at, caller)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10, $11)",
            &[
                &row.id,
                &&row.owner.0[..],
                &&row.list.scheme[..],
                &row.list.manifest,
                &stored(row.length)?,
                &stored(row.received)?,
                &row.sha256.as_ref().map(|sha256| &sha256[..]),
                &row.refused,
                &row.created_at.0,
                &row.expires_at.0,
                &row.caller.to_string(),
            ],
        )?;
        Ok(())
    }

    fn advance_upload(
        &self,
        row: &UploadRow,
        to: u64,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<bool> {
        let changed = self.execute(
            "UPDATE uploads SET received = $3, expires_at = $4, progress_at = $5
             WHERE id = $1 AND received = $2 AND refused IS NULL",
            &[&row.id, &stored(row.received)?, &stored(to)?, &expires_at.0, &now.0],
        )?;
        Ok(changed == 1)
    }

    fn refuse_upload(&self, row: &UploadRow, code: &str, now: Timestamp) -> Result<()> {
        self.execute(
            "UPDATE uploads SET refused = $2, length = 0, received = 0, expires_at = $3
             WHERE id = $1",
            &[&row.id, &code, &now.after_seconds(REFUSED_SECONDS).0],
        )?;
        self.execute(
            "DELETE FROM uploads WHERE id IN (
                 SELECT id FROM uploads WHERE caller = $1 AND refused IS NOT NULL
                 ORDER BY expires_at DESC OFFSET $2)",
            &[&row.caller.to_string(), &i64::from(REFUSED_OF_CALLER)],
        )?;
        Ok(())
    }

    fn delete_upload(&self, owner: Owner, id: Uuid) -> Result<bool> {
        let query = "DELETE FROM uploads WHERE id = $1 AND owner = $2";
        Ok(self.execute(query, &[&id, &&owner.0[..]])? == 1)
    }
}
