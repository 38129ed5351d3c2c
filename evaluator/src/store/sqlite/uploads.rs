//! The rows of unfinished uploads.

use rusqlite::{Connection, OptionalExtension as _, params};
use uuid::Uuid;

use super::{owner_and_id, uuid};
use crate::caller::Caller;
use crate::capability::Owner;
use crate::store::state::Result;
use crate::store::state::keys::StoredList;
use crate::store::state::uploads::{
    PartRow, REFUSED_OF_CALLER, REFUSED_SECONDS, ReadUploads, UploadRow, WriteUploads,
};
use crate::time::Timestamp;

impl ReadUploads for Connection {
    fn upload(&self, owner: Owner, id: Uuid) -> Result<Option<UploadRow>> {
        let query = "SELECT scheme, manifest, length, received, sha256, refused, created_at,
                            expires_at, caller, token
                     FROM uploads WHERE id = ?1 AND owner = ?2";
        let found = self.query_row(query, params![id.to_string(), owner.0], |row| {
            Ok(UploadRow {
                id,
                owner,
                list: StoredList { scheme: row.get(0)?, manifest: row.get(1)? },
                length: row.get(2)?,
                received: row.get(3)?,
                sha256: row.get(4)?,
                refused: row.get(5)?,
                created_at: Timestamp(row.get(6)?),
                expires_at: Timestamp(row.get(7)?),
                caller: Caller::stored(&row.get::<_, String>(8)?),
                token: row.get(9)?,
            })
        });
        Ok(found.optional()?)
    }

    fn takes_bytes(&self, id: Uuid) -> Result<bool> {
        let query = "SELECT EXISTS (SELECT 1 FROM uploads WHERE id = ?1 AND refused IS NULL)";
        Ok(self.query_row(query, [id.to_string()], |row| row.get(0))?)
    }

    fn idle_uploads(
        &self,
        caller: Option<&Caller>,
        before: Timestamp,
    ) -> Result<Vec<(Owner, Uuid)>> {
        let (condition, caller) = match caller {
            Some(caller) => ("caller = ?2", caller.to_string()),
            None => ("?2 = ''", String::new()),
        };
        // A refused one takes no place.
        let query = format!(
            "SELECT owner, id FROM uploads
             WHERE refused IS NULL AND progress_at <= ?1 AND writing_until <= ?1
                 AND received < length AND {condition}
             ORDER BY received > 0, progress_at LIMIT 32"
        );
        let mut query = self.prepare_cached(&query)?;
        let rows = query.query_map(params![before.0, caller], owner_and_id)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    fn complete_uploads(&self) -> Result<Vec<(Owner, Uuid)>> {
        let query = "SELECT owner, id FROM uploads WHERE received = length AND refused IS NULL";
        let mut query = self.prepare(query)?;
        Ok(query.query_map([], owner_and_id)?.collect::<rusqlite::Result<_>>()?)
    }

    fn expired_uploads(&self, now: Timestamp) -> Result<Vec<(Owner, Uuid)>> {
        let query = "SELECT owner, id FROM uploads
                     WHERE expires_at <= ?1 AND writing_until <= ?1 LIMIT 1000";
        let mut query = self.prepare(query)?;
        Ok(query.query_map([now.0], owner_and_id)?.collect::<rusqlite::Result<_>>()?)
    }

    fn upload_parts(&self, id: Uuid) -> Result<Vec<PartRow>> {
        let query = "SELECT start, bytes, token, sha256 FROM upload_parts WHERE upload = ?1
                     ORDER BY start";
        let mut query = self.prepare_cached(query)?;
        let rows = query.query_map([id.to_string()], |row| {
            let (start, bytes, token) = (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok(PartRow { start, bytes, token, sha256: row.get(3)? })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    fn all_upload_parts(&self) -> Result<Vec<(Uuid, u64, u64)>> {
        let mut query = self.prepare("SELECT upload, start, token FROM upload_parts")?;
        let rows = query.query_map([], |row| Ok((uuid(row, 0)?, row.get(1)?, row.get(2)?)))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    fn uploads_without_parts(&self) -> Result<Vec<(Owner, Uuid)>> {
        let query = "SELECT owner, id FROM uploads WHERE received > 0
                     AND NOT EXISTS (SELECT 1 FROM upload_parts WHERE upload = id)";
        let mut query = self.prepare(query)?;
        Ok(query.query_map([], owner_and_id)?.collect::<rusqlite::Result<_>>()?)
    }
}

impl WriteUploads for Connection {
    fn insert_upload(&self, row: &UploadRow) -> Result<()> {
        self.execute(
            "INSERT INTO uploads
             (id, owner, scheme, manifest, length, received, sha256, refused, created_at,
              progress_at, expires_at, caller, token)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, ?10, ?11, ?12)",
            params![
                row.id.to_string(),
                row.owner.0,
                row.list.scheme,
                row.list.manifest,
                row.length,
                row.received,
                row.sha256,
                row.refused,
                row.created_at.0,
                row.expires_at.0,
                row.caller.to_string(),
                row.token
            ],
        )?;
        Ok(())
    }

    fn take_upload(&self, owner: Owner, id: Uuid, until: Timestamp) -> Result<Option<UploadRow>> {
        let query = "UPDATE uploads SET token = token + 1, writing_until = ?3
                     WHERE id = ?1 AND owner = ?2";
        self.execute(query, params![id.to_string(), owner.0, until.0])?;
        self.upload(owner, id)
    }

    fn keep_writing(&self, row: &UploadRow, until: Timestamp) -> Result<bool> {
        let query = "UPDATE uploads SET writing_until = ?3 WHERE id = ?1 AND token = ?2";
        Ok(self.execute(query, params![row.id.to_string(), row.token, until.0])? == 1)
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
            "UPDATE uploads SET received = ?3, expires_at = ?4, progress_at = ?5, writing_until = 0
             WHERE id = ?1 AND received = ?2 AND token = ?6 AND refused IS NULL",
            params![row.id.to_string(), row.received, to, expires_at.0, now.0, row.token],
        )?;
        if let (1, Some(part)) = (changed, part) {
            let id = row.id.to_string();
            self.execute(
                "INSERT OR REPLACE INTO upload_parts (upload, start, bytes, token, sha256)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
                params![id, part.start, part.bytes, part.token, part.sha256],
            )?;
        }
        Ok(changed == 1)
    }

    fn refuse_upload(&self, row: &UploadRow, code: &str, now: Timestamp) -> Result<bool> {
        let until = now.after_seconds(REFUSED_SECONDS).0;
        let changed = self.execute(
            "UPDATE uploads SET refused = ?2, length = 0, received = 0, expires_at = ?3,
                 writing_until = 0
             WHERE id = ?1 AND token = ?4",
            params![row.id.to_string(), code, until, row.token],
        )?;
        if changed == 0 {
            return Ok(false);
        }
        self.execute("DELETE FROM upload_parts WHERE upload = ?1", [row.id.to_string()])?;
        self.execute(
            "DELETE FROM uploads WHERE id IN (
                 SELECT id FROM uploads WHERE caller = ?1 AND refused IS NOT NULL
                 ORDER BY expires_at DESC LIMIT -1 OFFSET ?2)",
            params![row.caller.to_string(), REFUSED_OF_CALLER],
        )?;
        Ok(true)
    }

    fn delete_upload(&self, owner: Owner, id: Uuid) -> Result<bool> {
        let query = "DELETE FROM uploads WHERE id = ?1 AND owner = ?2";
        Ok(self.execute(query, params![id.to_string(), owner.0])? == 1)
    }
}
