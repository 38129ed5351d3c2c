//! The rows of unfinished uploads.

use uuid::Uuid;

use super::{Rows, get, hash, number, owner_and_id, stored};
use crate::caller::Caller;
use crate::capability::Owner;
use crate::store::state::Result;
use crate::store::state::keys::StoredList;
use crate::store::state::uploads::{
    PartRow, REFUSED_OF_CALLER, REFUSED_SECONDS, ReadUploads, UploadRow, WriteUploads,
};
use crate::time::Timestamp;

impl ReadUploads for Rows<'_> {
    fn upload(&self, owner: Owner, id: Uuid) -> Result<Option<UploadRow>> {
        let query = "SELECT scheme, manifest, length, received, sha256, refused, created_at,
                            expires_at, caller, sha256 IS NULL, token
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
                token: number(row, 10)?,
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
             WHERE refused IS NULL AND progress_at <= $1 AND writing_until <= $1
                 AND received < length AND {condition}
             ORDER BY (received > 0), progress_at LIMIT 32"
        );
        self.all(&query, &[&before.0, &caller], owner_and_id)
    }

    fn complete_uploads(&self) -> Result<Vec<(Owner, Uuid)>> {
        let query = "SELECT owner, id FROM uploads WHERE received = length AND refused IS NULL";
        self.all(query, &[], owner_and_id)
    }

    fn expired_uploads(&self, now: Timestamp) -> Result<Vec<(Owner, Uuid)>> {
        let query = "SELECT owner, id FROM uploads
                     WHERE expires_at <= $1 AND writing_until <= $1 LIMIT 1000";
        self.all(query, &[&now.0], owner_and_id)
    }

    fn upload_parts(&self, id: Uuid) -> Result<Vec<PartRow>> {
        let query = "SELECT start, bytes, token, sha256 FROM upload_parts WHERE upload = $1
                     ORDER BY start";
        self.all(query, &[&id], |row| {
            let (start, bytes, token) = (number(row, 0)?, number(row, 1)?, number(row, 2)?);
            Ok(PartRow { start, bytes, token, sha256: hash(row, 3)? })
        })
    }

    fn all_upload_parts(&self) -> Result<Vec<(Uuid, u64, u64)>> {
        let query = "SELECT upload, start, token FROM upload_parts";
        self.all(query, &[], |row| Ok((get(row, 0)?, number(row, 1)?, number(row, 2)?)))
    }

    fn uploads_without_parts(&self) -> Result<Vec<(Owner, Uuid)>> {
        let query = "SELECT owner, id FROM uploads WHERE received > 0
                     AND NOT EXISTS (SELECT 1 FROM upload_parts WHERE upload = id)";
        self.all(query, &[], owner_and_id)
    }
}

impl WriteUploads for Rows<'_> {
    fn insert_upload(&self, row: &UploadRow) -> Result<()> {
        self.execute(
            "INSERT INTO uploads
             (id, owner, scheme, manifest, length, received, sha256, refused, created_at,
              progress_at, expires_at, caller, token)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10, $11, $12)",
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
                &stored(row.token)?,
            ],
        )?;
        Ok(())
    }

    fn take_upload(&self, owner: Owner, id: Uuid, until: Timestamp) -> Result<Option<UploadRow>> {
        let query = "UPDATE uploads SET token = token + 1, writing_until = $3
                     WHERE id = $1 AND owner = $2";
        self.execute(query, &[&id, &&owner.0[..], &until.0])?;
        self.upload(owner, id)
    }

    fn keep_writing(&self, row: &UploadRow, until: Timestamp) -> Result<bool> {
        let query = "UPDATE uploads SET writing_until = $3 WHERE id = $1 AND token = $2";
        Ok(self.execute(query, &[&row.id, &stored(row.token)?, &until.0])? == 1)
    }

    fn advance_upload(
        &self,
        row: &UploadRow,
        to: u64,
        part: Option<&PartRow>,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<bool> {
        let changed = self.execute(
            "UPDATE uploads SET received = $3, expires_at = $4, progress_at = $5, writing_until = 0
             WHERE id = $1 AND received = $2 AND token = $6 AND refused IS NULL",
            &[
                &row.id,
                &stored(row.received)?,
                &stored(to)?,
                &expires_at.0,
                &now.0,
                &stored(row.token)?,
            ],
        )?;
        if let (1, Some(part)) = (changed, part) {
            self.execute(
                "INSERT INTO upload_parts (upload, start, bytes, token, sha256)
                 VALUES ($1, $2, $3, $4, $5)
                 ON CONFLICT (upload, start) DO UPDATE SET
                     bytes = excluded.bytes, token = excluded.token, sha256 = excluded.sha256",
                &[
                    &row.id,
                    &stored(part.start)?,
                    &stored(part.bytes)?,
                    &stored(part.token)?,
                    &&part.sha256[..],
                ],
            )?;
        }
        Ok(changed == 1)
    }

    fn refuse_upload(&self, row: &UploadRow, code: &str, now: Timestamp) -> Result<bool> {
        let until = now.after_seconds(REFUSED_SECONDS).0;
        let changed = self.execute(
            "UPDATE uploads SET refused = $2, length = 0, received = 0, expires_at = $3,
                 writing_until = 0
             WHERE id = $1 AND token = $4",
            &[&row.id, &code, &until, &stored(row.token)?],
        )?;
        if changed == 0 {
            return Ok(false);
        }
        self.execute("DELETE FROM upload_parts WHERE upload = $1", &[&row.id])?;
        self.execute(
            "DELETE FROM uploads WHERE id IN (
                 SELECT id FROM uploads WHERE caller = $1 AND refused IS NOT NULL
                 ORDER BY expires_at DESC OFFSET $2)",
            &[&row.caller.to_string(), &i64::from(REFUSED_OF_CALLER)],
        )?;
        Ok(true)
    }

    fn delete_upload(&self, owner: Owner, id: Uuid) -> Result<bool> {
        let query = "DELETE FROM uploads WHERE id = $1 AND owner = $2";
        Ok(self.execute(query, &[&id, &&owner.0[..]])? == 1)
    }
}
