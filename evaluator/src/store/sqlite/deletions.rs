//! What is to be deleted: triggers note it.

use rusqlite::{Connection, params};

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
            Ok(Discarded::parse(&kind, &name).map(|what| Due { what, attempts }))
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
        let (kind, name) = what.key();
        let query = "INSERT OR IGNORE INTO deletions (kind, name, bytes, attempts, next_at)
                     VALUES (?1, ?2, ?3, 0, 0)";
        self.prepare_cached(query)?.execute(params![kind, name, bytes])?;
        Ok(())
    }

    fn deleted(&self, what: Discarded) -> Result<()> {
        let (kind, name) = what.key();
        let query = "DELETE FROM deletions WHERE kind = ?1 AND name = ?2";
        self.prepare_cached(query)?.execute([kind, &name])?;
        Ok(())
    }

    fn not_deleted(&self, due: Due, now: Timestamp) -> Result<()> {
        let (kind, name) = due.what.key();
        let query = "UPDATE deletions SET attempts = attempts + 1, next_at = ?3
                     WHERE kind = ?1 AND name = ?2";
        self.execute(query, params![kind, name, due.next(now).0])?;
        Ok(())
    }
}
