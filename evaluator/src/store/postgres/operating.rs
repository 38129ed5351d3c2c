//! Jobs of anybody, and the switch that keeps new ones out.

use uuid::Uuid;

use super::jobs::{COLUMNS, job};
use super::{Rows, get};
use crate::store::state::Result;
use crate::store::state::jobs::{JobRow, JobState};
use crate::store::state::operating::{ReadOperating, WriteOperating};
use crate::time::Timestamp;

impl ReadOperating for Rows<'_> {
    fn any_job(&self, id: Uuid) -> Result<Option<JobRow>> {
        self.job_where("id = $1", &[&id])
    }

    fn any_jobs(&self, state: Option<JobState>, most: u32) -> Result<Vec<JobRow>> {
        let query = format!(
            "SELECT {COLUMNS} FROM jobs WHERE $1::text IS NULL OR state = $1
             ORDER BY seq DESC LIMIT $2"
        );
        self.all(&query, &[&state.map(JobState::as_str), &i64::from(most)], job)
    }

    fn draining_since(&self) -> Result<Option<Timestamp>> {
        let query = "SELECT since FROM switches WHERE name = 'drain'";
        self.maybe(query, &[], |row| Ok(Timestamp(get(row, 0)?)))
    }
}

impl WriteOperating for Rows<'_> {
    fn retry_job(&self, seq: i64) -> Result<Option<JobRow>> {
        self.changed(
            "UPDATE jobs SET state = 'queued', attempts = 0, started_at = NULL,
                             queued_at = now_ms(),
                             finished_at = NULL, error_code = NULL, error_detail = NULL
             WHERE seq = $1 AND state = 'dead' AND request_bytes > 0",
            &[&seq],
        )
    }

    fn set_draining(&self, since: Option<Timestamp>) -> Result<()> {
        match since {
            Some(since) => {
                let query = "INSERT INTO switches VALUES ('drain', $1) ON CONFLICT DO NOTHING";
                self.execute(query, &[&since.0])?
            }
            None => self.execute("DELETE FROM switches WHERE name = 'drain'", &[])?,
        };
        Ok(())
    }
}
