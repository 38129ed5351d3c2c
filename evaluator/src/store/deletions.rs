//! What is to be deleted: noted by the database itself when the row goes which named it, and crossed
//! off when it is gone. A failure or a crash in between forgets nothing.

use rusqlite::{Connection, params};
use uuid::Uuid;

use crate::hex;
use crate::time::Timestamp;

/// A file or blobs that nothing needs any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Discarded {
    /// The file of an upload.
    Upload(Uuid),
    /// The frames of a key bundle.
    Bundle([u8; 32]),
    /// The request of a job.
    Request(Uuid),
    /// The answer of a job.
    Result(Uuid),
}

/// Something to delete, and how often that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// What.
    pub what: Discarded,
    /// Failures so far.
    pub attempts: u32,
}

type Sql<T> = Result<T, rusqlite::Error>;

/// Notes that something is to be deleted which no row ever named, and which takes so many bytes.
///
/// # Errors
/// When the database fails.
pub fn discard(c: &Connection, what: Discarded, bytes: u64) -> Sql<()> {
    let (kind, name) = what.key();
    let query = "INSERT OR IGNORE INTO deletions (kind, name, bytes, attempts, next_at)
                 VALUES (?1, ?2, ?3, 0, 0)";
    c.prepare_cached(query)?.execute(params![kind, name, bytes])?;
    Ok(())
}

/// What is to be tried now.
///
/// # Errors
/// When the database fails.
pub fn due(c: &Connection, now: Timestamp, most: u32) -> Sql<Vec<Due>> {
    let query = "SELECT kind, name, attempts FROM deletions WHERE next_at <= ?1
                 ORDER BY next_at LIMIT ?2";
    let mut query = c.prepare_cached(query)?;
    let rows = query.query_map(params![now.0, most], |row| {
        let (kind, name): (String, String) = (row.get(0)?, row.get(1)?);
        let attempts = row.get(2)?;
        Ok(Discarded::parse(&kind, &name).map(|what| Due { what, attempts }))
    })?;
    let rows: Vec<Option<Due>> = rows.collect::<Sql<_>>()?;
    Ok(rows.into_iter().flatten().collect())
}

/// It is gone, or needed again.
///
/// # Errors
/// When the database fails.
pub fn done(c: &Connection, what: Discarded) -> Sql<()> {
    let (kind, name) = what.key();
    c.prepare_cached("DELETE FROM deletions WHERE kind = ?1 AND name = ?2")?
        .execute([kind, &name])?;
    Ok(())
}

/// It could not be deleted: it is tried again, later each time.
///
/// # Errors
/// When the database fails.
pub fn failed(c: &Connection, due: Due, now: Timestamp) -> Sql<()> {
    let (kind, name) = due.what.key();
    let pause = 1_u64 << due.attempts.min(MOST_DOUBLINGS);
    let query = "UPDATE deletions SET attempts = attempts + 1, next_at = ?3
                 WHERE kind = ?1 AND name = ?2";
    c.execute(query, params![kind, name, now.after_seconds(pause).0])?;
    Ok(())
}

/// An hour and eight minutes.
const MOST_DOUBLINGS: u32 = 12;

/// How many there are, and their bytes.
///
/// # Errors
/// When the database fails.
pub fn pending(c: &Connection) -> Sql<(u64, u64)> {
    let query = "SELECT count(*), coalesce(sum(bytes), 0) FROM deletions";
    c.query_row(query, [], |row| Ok((row.get(0)?, row.get(1)?)))
}

impl Discarded {
    fn key(self) -> (&'static str, String) {
        match self {
            Self::Upload(id) => ("upload", id.to_string()),
            Self::Bundle(sha256) => ("bundle", hex::encode(&sha256)),
            Self::Request(job) => ("request", job.to_string()),
            Self::Result(job) => ("result", job.to_string()),
        }
    }

    fn parse(kind: &str, name: &str) -> Option<Self> {
        let id = || Uuid::parse_str(name).ok();
        match kind {
            "upload" => Some(Self::Upload(id()?)),
            "bundle" => Some(Self::Bundle(hex::decode(name)?)),
            "request" => Some(Self::Request(id()?)),
            "result" => Some(Self::Result(id()?)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Database;
    use crate::store::usage::{Scope, count};
    use crate::testing::TempFolder;

    #[test]
    fn what_cannot_be_deleted_is_tried_again_and_counted() {
        let folder = TempFolder::new();
        let db = Database::open(&folder.path().join("x.sqlite")).unwrap();
        let all = [
            Discarded::Upload(Uuid::from_u128(1)),
            Discarded::Bundle([7; 32]),
            Discarded::Request(Uuid::from_u128(2)),
            Discarded::Result(Uuid::from_u128(2)),
        ];
        let (now, later) = (Timestamp(1000), Timestamp(1500));
        db.write(|t| all.iter().try_for_each(|&what| discard(t, what, 10))).unwrap();
        assert_eq!(db.read(pending).unwrap(), (4, 40));
        assert_eq!(db.read(|c| count(c, Scope::All)).unwrap().bytes, 40);
        let found = db.read(|c| due(c, now, 10)).unwrap();
        assert_eq!(found.iter().map(|due| due.what).collect::<Vec<_>>(), all);

        db.write(|t| failed(t, found[1], now)).unwrap();
        db.write(|t| done(t, found[0].what)).unwrap();
        let left: Vec<_> = db.read(|c| due(c, later, 10)).unwrap();
        assert_eq!(left.iter().map(|due| due.what).collect::<Vec<_>>(), all[2..]);
        let again = db.read(|c| due(c, Timestamp(2000), 10)).unwrap();
        assert!(again.contains(&Due { what: all[1], attempts: 1 }));
        assert_eq!(db.read(|c| count(c, Scope::All)).unwrap().bytes, 30);
    }

    #[test]
    fn what_a_row_named_goes_with_it() {
        let folder = TempFolder::new();
        let db = Database::open(&folder.path().join("x.sqlite")).unwrap();
        let (job, upload) = (Uuid::from_u128(5), Uuid::from_u128(6));
        let rows = format!(
            "INSERT INTO bundles VALUES (zeroblob(32), x'', x'', x'', 1, 300, 0);
             INSERT INTO keys VALUES ('{upload}', x'01', zeroblob(32), 300, 0, 0, 'c');
             INSERT INTO jobs (id, owner, keys, model, contract, steps, state, attempts,
                               request_sha256, request_bytes, created_at, caller)
             VALUES ('{job}', x'01', '{upload}', 'm', x'', 1, 'running', 1, x'', 20, 0, 'c');
             INSERT INTO uploads (id, owner, scheme, manifest, length, received, created_at,
                                  expires_at, caller)
             VALUES ('{upload}', x'01', x'', x'', 70, 7, 0, 0, 'c')"
        );
        let noted = |sql: &str| {
            db.write(|t| t.execute_batch(sql)).unwrap();
            let found = db.read(|c| due(c, Timestamp(0), 10)).unwrap();
            let mut found: Vec<Discarded> = found.into_iter().map(|due| due.what).collect();
            let bytes = db.read(pending).unwrap().1;
            db.write(|t| t.execute("DELETE FROM deletions", [])).unwrap();
            found.sort_by_key(|what| what.key());
            (found, bytes)
        };
        assert_eq!(noted(&rows), (vec![], 0));
        let ended = noted("UPDATE jobs SET state = 'done', request_bytes = 0, result_bytes = 9");
        assert_eq!(ended, (vec![Discarded::Request(job)], 20));
        assert_eq!(noted("DELETE FROM uploads"), (vec![Discarded::Upload(upload)], 7));
        // Jobs go with the keys, and with them what they named.
        assert_eq!(noted("DELETE FROM keys"), (vec![Discarded::Result(job)], 9));
        assert_eq!(noted("DELETE FROM bundles"), (vec![Discarded::Bundle([0; 32])], 300));
        db.read(|c| count(c, Scope::All))
            .map(|all| assert_eq!((all.rows, all.bytes), (0, 0)))
            .unwrap();
    }
}
