//! The row of an unfinished upload.

use rusqlite::{Connection, OptionalExtension as _, Row as SqlRow, params};
use uuid::Uuid;

use crate::caller::Caller;
use crate::capability::Owner;
use crate::keys::StoredList;
use crate::refusal::{Code, Refusal};
use crate::time::Timestamp;

#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) id: Uuid,
    pub(super) owner: Owner,
    pub(super) caller: Caller,
    pub(super) list: StoredList,
    pub(super) length: u64,
    pub(super) received: u64,
    pub(super) sha256: Option<[u8; 32]>,
    pub(super) refused: Option<String>,
    pub(super) created_at: Timestamp,
    pub(super) expires_at: Timestamp,
}

/// For how long one can ask why an upload was refused.
const REFUSED_SECONDS: u64 = 600;

/// How many refused uploads of a caller are remembered.
const REFUSED_OF_CALLER: u32 = 8;

type Sql<T> = Result<T, rusqlite::Error>;

impl Row {
    pub(super) fn find(c: &Connection, owner: Owner, id: Uuid) -> Sql<Option<Self>> {
        let query = "SELECT scheme, manifest, length, received, sha256, refused, created_at,
                            expires_at, caller
                     FROM uploads WHERE id = ?1 AND owner = ?2";
        c.query_row(query, params![id.to_string(), owner.0], |row| {
            Ok(Self {
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
            })
        })
        .optional()
    }

    pub(super) fn insert(&self, c: &Connection) -> Sql<()> {
        c.execute(
            "INSERT INTO uploads
             (id, owner, scheme, manifest, length, received, sha256, refused, created_at,
              progress_at, expires_at, caller)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, ?10, ?11)",
            params![
                self.id.to_string(),
                self.owner.0,
                self.list.scheme,
                self.list.manifest,
                self.length,
                self.received,
                self.sha256,
                self.refused,
                self.created_at.0,
                self.expires_at.0,
                self.caller.to_string()
            ],
        )?;
        Ok(())
    }

    /// Commits bytes that are on the disk. `false` if the upload is not where it was.
    pub(super) fn advance(
        &self,
        c: &Connection,
        to: u64,
        (now, expires_at): (Timestamp, Timestamp),
    ) -> Sql<bool> {
        let changed = c.execute(
            "UPDATE uploads SET received = ?3, expires_at = ?4, progress_at = ?5
             WHERE id = ?1 AND received = ?2 AND refused IS NULL",
            params![self.id.to_string(), self.received, to, expires_at.0, now.0],
        )?;
        Ok(changed == 1)
    }

    /// Marks the upload as refused: its bytes no longer count, and for a while the row tells why. So
    /// many are remembered of a caller.
    pub(super) fn refuse(&self, c: &Connection, code: Code, now: Timestamp) -> Sql<()> {
        c.execute(
            "UPDATE uploads SET refused = ?2, length = 0, received = 0, expires_at = ?3
             WHERE id = ?1",
            params![self.id.to_string(), code.as_str(), now.after_seconds(REFUSED_SECONDS).0],
        )?;
        c.execute(
            "DELETE FROM uploads WHERE id IN (
                 SELECT id FROM uploads WHERE caller = ?1 AND refused IS NOT NULL
                 ORDER BY expires_at DESC LIMIT -1 OFFSET ?2)",
            params![self.caller.to_string(), REFUSED_OF_CALLER],
        )?;
        Ok(())
    }

    pub(super) fn delete(c: &Connection, owner: Owner, id: Uuid) -> Sql<bool> {
        let query = "DELETE FROM uploads WHERE id = ?1 AND owner = ?2";
        Ok(c.execute(query, params![id.to_string(), owner.0])? == 1)
    }

    /// Uploads in the order in which they have been idle, of a caller or of everybody: those first
    /// of which no byte came.
    pub(super) fn idle(
        c: &Connection,
        caller: Option<&Caller>,
        before: Timestamp,
    ) -> Sql<Vec<(Owner, Uuid)>> {
        let (condition, caller) = match caller {
            Some(caller) => ("caller = ?2", caller.to_string()),
            None => ("?2 = ''", String::new()),
        };
        // A refused one takes no place.
        let query = format!(
            "SELECT owner, id FROM uploads
             WHERE refused IS NULL AND progress_at <= ?1 AND received < length AND {condition}
             ORDER BY received > 0, progress_at LIMIT 32"
        );
        let mut query = c.prepare_cached(&query)?;
        query.query_map(params![before.0, caller], owner_and_id)?.collect()
    }

    pub(super) fn exists(c: &Connection, id: Uuid) -> Sql<bool> {
        let query = "SELECT EXISTS (SELECT 1 FROM uploads WHERE id = ?1 AND refused IS NULL)";
        c.query_row(query, [id.to_string()], |row| row.get(0))
    }

    pub(super) fn complete(c: &Connection) -> Sql<Vec<(Owner, Uuid)>> {
        let query = "SELECT owner, id FROM uploads WHERE received = length AND refused IS NULL";
        c.prepare(query)?.query_map([], owner_and_id)?.collect()
    }

    pub(super) fn expired(c: &Connection, now: Timestamp) -> Sql<Vec<(Owner, Uuid)>> {
        let query = "SELECT owner, id FROM uploads WHERE expires_at <= ?1 LIMIT 1000";
        c.prepare(query)?.query_map([now.0], owner_and_id)?.collect()
    }

    /// Refused uploads stay refused.
    pub(super) fn check_alive(&self) -> Result<(), Refusal> {
        match &self.refused {
            None => Ok(()),
            Some(code) => {
                let detail = format!("The upload was refused ({code}); start another one.");
                Err(Refusal::new(Code::Gone, detail))
            }
        }
    }
}

fn owner_and_id(row: &SqlRow<'_>) -> Sql<(Owner, Uuid)> {
    let id: String = row.get(1)?;
    let id = Uuid::parse_str(&id).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(1, rusqlite::types::Type::Text, Box::new(error))
    })?;
    Ok((Owner(row.get(0)?), id))
}
