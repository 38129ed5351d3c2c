//! What is to be deleted: triggers note it.

use super::{Rows, get, number, stored};
use crate::store::state::Result;
use crate::store::state::deletions::{Discarded, Due, Pending, ReadDeletions, WriteDeletions};
use crate::time::Timestamp;

impl ReadDeletions for Rows<'_> {
    fn due(&self, now: Timestamp, most: u32) -> Result<Vec<Due>> {
        let query = "SELECT kind, name, attempts FROM deletions WHERE next_at <= $1
                     ORDER BY next_at, kind DESC, name LIMIT $2";
        let rows = self.all(query, &[&now.0, &i64::from(most)], |row| {
            let what = Discarded::parse(get(row, 0)?, get(row, 1)?);
            let attempts = number(row, 2)?;
            Ok(what.map(|what| Due { what, attempts }))
        });
        Ok(rows?.into_iter().flatten().collect())
    }

    fn pending_deletions(&self) -> Result<Pending> {
        let query = "SELECT count(*), coalesce(sum(bytes), 0)::bigint FROM deletions";
        self.one(query, &[], |row| Ok(Pending { count: number(row, 0)?, bytes: number(row, 1)? }))
    }
}

impl WriteDeletions for Rows<'_> {
    fn discard(&self, what: Discarded, bytes: u64) -> Result<()> {
        let (kind, name) = what.key();
        let query = "INSERT INTO deletions VALUES ($1, $2, $3, 0, 0) ON CONFLICT DO NOTHING";
        self.execute(query, &[&kind, &name, &stored(bytes)?])?;
        Ok(())
    }

    fn deleted(&self, what: Discarded) -> Result<()> {
        let (kind, name) = what.key();
        let query = "DELETE FROM deletions WHERE kind = $1 AND name = $2";
        self.later(query, vec![Box::new(kind), Box::new(name)])
    }

    fn not_deleted(&self, due: Due, now: Timestamp) -> Result<()> {
        let (kind, name) = due.what.key();
        let query = "UPDATE deletions SET attempts = attempts + 1, next_at = $3
                     WHERE kind = $1 AND name = $2";
        self.later(query, vec![Box::new(kind), Box::new(name), Box::new(due.next(now).0)])
    }
}
