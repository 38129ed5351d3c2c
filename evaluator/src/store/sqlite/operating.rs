//! Jobs of anybody, and the switch that keeps new ones out.

use rusqlite::{Connection, OptionalExtension as _, params};
use uuid::Uuid;

use super::jobs::{COLUMNS, changed_row, job, one};
use super::runs::NOW;
use crate::store::state::Result;
use crate::store::state::jobs::{JobRow, JobState};
use crate::store::state::operating::{ReadOperating, WriteOperating};
use crate::time::Timestamp;

impl ReadOperating for Connection {
    fn any_job(&self, id: Uuid) -> Result<Option<JobRow>> {
        one(self, "id = ?1", [id.to_string()])
    }

    fn any_jobs(&self, state: Option<JobState>, most: u32) -> Result<Vec<JobRow>> {
        let query = format!(
            "SELECT {COLUMNS} FROM jobs WHERE ?1 IS NULL OR state = ?1 ORDER BY seq DESC LIMIT ?2"
        );
        let mut query = self.prepare(&query)?;
        let rows = query.query_map(params![state.map(JobState::as_str), most], job)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    fn draining_since(&self) -> Result<Option<Timestamp>> {
        let query = "SELECT since FROM switches WHERE name = 'drain'";
        let since = self.prepare_cached(query)?.query_row([], |row| row.get(0)).optional()?;
        Ok(since.map(Timestamp))
    }
}

impl WriteOperating for Connection {
    fn retry_job(&self, seq: i64) -> Result<Option<JobRow>> {
        let query = format!(
            "UPDATE jobs SET state = 'queued', attempts = 0, started_at = NULL, queued_at = {NOW},
                             finished_at = NULL, error_code = NULL, error_detail = NULL
             WHERE seq = ?1 AND state = 'dead' AND request_bytes > 0"
        );
        let changed = self.execute(&query, [seq])?;
        changed_row(self, seq, changed)
    }

    fn set_draining(&self, since: Option<Timestamp>) -> Result<()> {
        match since {
            Some(since) => self.execute(
                "INSERT INTO switches VALUES ('drain', ?1) ON CONFLICT DO NOTHING",
                [since.0],
            )?,
            None => self.execute("DELETE FROM switches WHERE name = 'drain'", [])?,
        };
        Ok(())
    }
}
