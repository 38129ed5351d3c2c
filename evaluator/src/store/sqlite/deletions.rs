//! What is to be deleted: triggers note it.

use rusqlite::{Connection, params};
use uuid::Uuid;

use crate::hex;
use crate::store::state::Result;
use crate::store::state::deletions::{Discarded, Due, Pending, ReadDeletions, WriteDeletions};
use crate::time::Timestamp;

impl ReadDeletions for Connection {
    fn due(&self, now: Timestamp, most: u32) -> Result<Vec<Due>> {
        let query = "SELECT kind, name, attempts FROM deletions WHERE next_at <= ?1
                     ORDER BY next_at LIMIT ?2";
        let mut query = self.prepare_cached(query)?;
        let rows = query.query_map(params![now.0, most], |row| {
            let (kind, name): (String, String) = (row.get(0)?, row.get(1)?);
            let attempts = row.get(2)?;
            Ok(parse(&kind, &name).map(|what| Due { what, attempts }))
        })?;
        let rows: Vec<Option<Due>> = rows.collect::<rusqlite::Result<_>>()?;
        Ok(rows.into_iter().flatten().collect())
    }

    fn pending_deletions(&self) -> Result<Pending> {
        let query = "SELECT count(*), coalesce(sum(bytes), 0) FROM deletions";
        let read =
            self.query_row(query, [], |row| Ok(Pending { count: row.get(0)?, bytes: row.get(1)? }));
        Ok(read?)
    }
}

impl WriteDeletions for Connection {
    fn discard(&self, what: Discarded, bytes: u64) -> Result<()> {
        let (kind, name) = key(what);
        let query = "INSERT OR IGNORE INTO deletions (kind, name, bytes, attempts, next_at)
                     VALUES (?1, ?2, ?3, 0, 0)";
        self.prepare_cached(query)?.execute(params![kind, name, bytes])?;
        Ok(())
    }

    fn deleted(&self, what: Discarded) -> Result<()> {
        let (kind, name) = key(what);
        let query = "DELETE FROM deletions WHERE kind = ?1 AND name = ?2";
        self.prepare_cached(query)?.execute([kind, &name])?;
        Ok(())
    }

    fn not_deleted(&self, due: Due, now: Timestamp) -> Result<()> {
        let (kind, name) = key(due.what);
        let query = "UPDATE deletions SET attempts = attempts + 1, next_at = ?3
                     WHERE kind = ?1 AND name = ?2";
        self.execute(query, params![kind, name, due.next(now).0])?;
        Ok(())
    }
}

fn key(what: Discarded) -> (&'static str, String) {
    match what {
        Discarded::Upload(id) => ("upload", id.to_string()),
        Discarded::Bundle(sha256) => ("bundle", hex::encode(&sha256)),
        Discarded::Request(job) => ("request", job.to_string()),
        Discarded::Result(job) => ("result", job.to_string()),
    }
}

fn parse(kind: &str, name: &str) -> Option<Discarded> {
    let id = || Uuid::parse_str(name).ok();
    match kind {
        "upload" => Some(Discarded::Upload(id()?)),
        "bundle" => Some(Discarded::Bundle(hex::decode(name)?)),
        "request" => Some(Discarded::Request(id()?)),
        "result" => Some(Discarded::Result(id()?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::Sqlite;
    use crate::store::state::Database;
    use crate::store::state::usage::Scope;
    use crate::testing::TempFolder;

    #[test]
    fn what_cannot_be_deleted_is_tried_again_and_counted() {
        let folder = TempFolder::new();
        let db = Database::new(Sqlite::open(&folder.path().join("x.sqlite")).unwrap());
        let all = [
            Discarded::Upload(Uuid::from_u128(1)),
            Discarded::Bundle([7; 32]),
            Discarded::Request(Uuid::from_u128(2)),
            Discarded::Result(Uuid::from_u128(2)),
        ];
        let (now, later) = (Timestamp(1000), Timestamp(1500));
        db.write(|t| all.iter().try_for_each(|&what| t.discard(what, 10))).unwrap();
        assert_eq!(pending(&db), (4, 40));
        assert_eq!(db.read(|c| c.usage(Scope::All)).unwrap().bytes, 40);
        let found = db.read(|c| c.due(now, 10)).unwrap();
        assert_eq!(found.iter().map(|due| due.what).collect::<Vec<_>>(), all);

        db.write(|t| t.not_deleted(found[1], now)).unwrap();
        db.write(|t| t.deleted(found[0].what)).unwrap();
        let left: Vec<_> = db.read(|c| c.due(later, 10)).unwrap();
        assert_eq!(left.iter().map(|due| due.what).collect::<Vec<_>>(), all[2..]);
        let again = db.read(|c| c.due(Timestamp(2000), 10)).unwrap();
        assert!(again.contains(&Due { what: all[1], attempts: 1 }));
        assert_eq!(db.read(|c| c.usage(Scope::All)).unwrap().bytes, 30);
    }

    fn pending(db: &Database) -> (u64, u64) {
        let pending = db.read(|c| c.pending_deletions()).unwrap();
        (pending.count, pending.bytes)
    }

    #[test]
    fn what_a_row_named_goes_with_it() {
        let folder = TempFolder::new();
        let path = folder.path().join("x.sqlite");
        let db = Database::new(Sqlite::open(&path).unwrap());
        let connection = Connection::open(path).unwrap();
        connection.pragma_update(None, "foreign_keys", true).unwrap();
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
            connection.execute_batch(sql).unwrap();
            let found = db.read(|c| c.due(Timestamp(0), 10)).unwrap();
            let mut found: Vec<Discarded> = found.into_iter().map(|due| due.what).collect();
            let (_, bytes) = pending(&db);
            connection.execute("DELETE FROM deletions", []).unwrap();
            found.sort_by_key(|&what| key(what));
            (found, bytes)
        };
        assert_eq!(noted(&rows), (vec![], 0));
        let ended = noted("UPDATE jobs SET state = 'done', request_bytes = 0, result_bytes = 9");
        assert_eq!(ended, (vec![Discarded::Request(job)], 20));
        assert_eq!(noted("DELETE FROM uploads"), (vec![Discarded::Upload(upload)], 7));
        // Jobs go with the keys, and with them what they named.
        assert_eq!(noted("DELETE FROM keys"), (vec![Discarded::Result(job)], 9));
        assert_eq!(noted("DELETE FROM bundles"), (vec![Discarded::Bundle([0; 32])], 300));
        let all = db.read(|c| c.usage(Scope::All)).unwrap();
        assert_eq!((all.rows, all.bytes), (0, 0));
    }
}
