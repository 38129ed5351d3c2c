//! Runs of jobs.

use rusqlite::{Connection, params};
use uuid::Uuid;

use super::jobs::{all, changed_row};
use super::uuid;
use crate::caller::Caller;
use crate::store::state::Result;
use crate::store::state::jobs::{JobError, JobRow};
use crate::store::state::runs::{
    Lost, ReadRuns, Recovered, RunEnd, Start, Tenure, Waiting, Warm, Working, WriteRuns,
};
use crate::store::state::tenants::RunningShare;
use crate::time::Timestamp;

/// The database's clock, in milliseconds since 1970.
pub(super) const NOW: &str = "CAST(unixepoch('subsec') * 1000 AS INTEGER)";

impl ReadRuns for Connection {
    fn running_jobs(&self) -> Result<Vec<JobRow>> {
        all(self, "state = 'running' ORDER BY seq", [])
    }

    fn next_jobs(&self, _worker: Uuid, callers: u32, each: u32) -> Result<Vec<Waiting>> {
        let query = format!(
            "WITH turns AS (
                 SELECT name, spent_ms, running FROM usage WHERE scope = 'caller' AND queued > 0
                 ORDER BY spent_ms LIMIT ?1)
             SELECT seq, caller, cost_ms, spent_ms, tenants.running, turns.running,
                    max(0, {NOW} - queued_at), passed
             FROM jobs JOIN turns ON jobs.caller = turns.name
             LEFT JOIN tenants ON turns.name = 'tenant:' || tenants.name
             WHERE state = 'queued' AND seq IN (
                 SELECT seq FROM jobs WHERE caller = turns.name AND state = 'queued'
                 ORDER BY seq LIMIT ?2)
             ORDER BY seq"
        );
        let mut query = self.prepare_cached(&query)?;
        let rows = query.query_map([callers, each], |row| {
            let (most, running) = (row.get::<_, Option<u32>>(4)?, row.get(5)?);
            Ok(Waiting {
                seq: row.get(0)?,
                caller: Caller::stored(&row.get::<_, String>(1)?),
                cost_ms: row.get(2)?,
                spent_ms: row.get(3)?,
                share: most.map(|most| RunningShare { most, running }),
                waited_ms: row.get(6)?,
                passed: row.get(7)?,
                // There is one process: what is not here is nowhere.
                warm: Warm::Nowhere,
            })
        });
        Ok(rows?.collect::<rusqlite::Result<_>>()?)
    }

    fn queue_age_ms(&self) -> Result<u64> {
        let query = format!(
            "SELECT coalesce(max(max(0, {NOW} - queued_at)), 0) FROM jobs WHERE state = 'queued'"
        );
        Ok(self.query_row(&query, [], |row| row.get(0))?)
    }

    fn recent_runs(&self, most: u32) -> Result<Vec<(String, u64)>> {
        let query = "SELECT model, evaluate_ms FROM jobs
                     WHERE finished_at IS NOT NULL AND evaluate_ms IS NOT NULL
                     ORDER BY finished_at DESC LIMIT ?1";
        let mut query = self.prepare_cached(query)?;
        let rows = query.query_map([most], |row| Ok((row.get(0)?, row.get(1)?)));
        Ok(rows?.collect::<rusqlite::Result<_>>()?)
    }

    fn working(&self) -> Result<Vec<Working>> {
        let query = format!(
            "SELECT worker, max(0, min({NOW} - renewed_at)), max(lease_until < {NOW})
             FROM jobs WHERE state = 'running' AND worker IS NOT NULL GROUP BY worker"
        );
        let mut query = self.prepare_cached(&query)?;
        let rows = query.query_map([], |row| {
            Ok(Working { worker: uuid(row, 0)?, silent_ms: row.get(1)?, is_overdue: row.get(2)? })
        });
        Ok(rows?.collect::<rusqlite::Result<_>>()?)
    }

    fn warm_workers(&self) -> Result<Vec<Uuid>> {
        Ok(Vec::new())
    }
}

impl WriteRuns for Connection {
    fn start_job(&self, seq: i64, tenure: Tenure, now: Timestamp) -> Result<Option<JobRow>> {
        let query = format!(
            "UPDATE jobs SET state = 'running', attempts = attempts + 1, epoch = epoch + 1, step = 0,
                             started_at = ?2, worker = ?3, lease_until = {NOW} + ?4,
                             renewed_at = {NOW}
             WHERE seq = ?1 AND state = 'queued'"
        );
        let worker = tenure.worker.to_string();
        let changed = self.execute(&query, params![seq, now.0, worker, tenure.lease_ms])?;
        changed_row(self, seq, changed)
    }

    fn pass_over(&self, seq: i64) -> Result<()> {
        self.execute("UPDATE jobs SET passed = passed + 1 WHERE seq = ?1", [seq])?;
        Ok(())
    }

    fn end_job(&self, start: Start, end: &RunEnd, now: Timestamp) -> Result<Option<JobRow>> {
        let Start { seq, epoch } = start;
        let changed = match end {
            RunEnd::Done { result_bytes, evaluate_ms } => self.execute(
                "UPDATE jobs SET state = 'done', finished_at = ?3, result_bytes = ?4,
                                 evaluate_ms = ?5, request_bytes = 0
                 WHERE seq = ?1 AND state = 'running' AND epoch = ?2",
                params![seq, epoch, now.0, result_bytes, evaluate_ms],
            )?,
            RunEnd::GivenUp(state, JobError { code, detail }) => self.execute(
                "UPDATE jobs SET state = ?6, finished_at = ?3, error_code = ?4, error_detail = ?5,
                                 request_bytes = CASE ?6 WHEN 'dead' THEN request_bytes
                                                         ELSE 0 END
                 WHERE seq = ?1 AND state = 'running' AND epoch = ?2",
                params![seq, epoch, now.0, code, detail, state.as_str()],
            )?,
            RunEnd::Again { counted } => self.execute(
                &format!(
                    "UPDATE jobs SET state = 'queued', attempts = attempts - ?3, queued_at = {NOW}
                     WHERE seq = ?1 AND state = 'running' AND epoch = ?2"
                ),
                params![seq, epoch, u32::from(!counted)],
            )?,
        };
        changed_row(self, seq, changed)
    }

    fn recover_jobs(
        &self,
        lost: Lost,
        limit: u32,
        code: &str,
        now: Timestamp,
    ) -> Result<Recovered> {
        let (condition, worker, silent_ms) = match lost {
            Lost::All => ("1 OR ?1 = ?2".to_owned(), String::new(), 0),
            Lost::Of { worker, silent_ms } => {
                let condition = format!("worker = ?1 AND renewed_at <= {NOW} - ?2");
                (condition, worker.to_string(), silent_ms)
            }
            Lost::Overdue => (format!("(lease_until < {NOW} OR ?1 = ?2)"), String::new(), 0),
        };
        let dead = self.execute(
            &format!(
                "UPDATE jobs SET state = 'dead', finished_at = ?4, error_code = ?5, error_detail =
                            'The service ended ' || attempts || ' times while the job ran.'
                 WHERE state = 'running' AND attempts >= ?3 AND ({condition})"
            ),
            params![worker, silent_ms, limit, now.0, code],
        )?;
        let query = format!(
            "UPDATE jobs SET state = 'queued', queued_at = {NOW}
             WHERE state = 'running' AND ({condition})"
        );
        let requeued = self.execute(&query, params![worker, silent_ms])?;
        Ok(Recovered { dead: dead as u64, requeued: requeued as u64 })
    }

    fn note_warm(&self, _worker: Uuid, _bundle: &[u8; 32], _is_warm: bool) -> Result<()> {
        Ok(())
    }

    fn forget_warm(&self, _worker: Uuid) -> Result<()> {
        Ok(())
    }
}
