//! Runs of jobs. Leases and waiting are measured by the database's clock.

use uuid::Uuid;

use super::jobs::{COLUMNS, job};
use super::{Parameters, Rows, get, number, stored};
use crate::store::state::Result;
use crate::store::state::jobs::{JobError, JobRow};
use crate::store::state::runs::{
    Lost, ReadRuns, Recovered, RunEnd, Start, Tenure, Waiting, Warm, Working, WriteRuns,
};
use crate::time::Timestamp;

impl ReadRuns for Rows<'_> {
    fn running_jobs(&self) -> Result<Vec<JobRow>> {
        self.jobs_where("state = 'running' ORDER BY seq", &[])
    }

    fn next_jobs(&self, worker: Uuid, callers: u32, each: u32) -> Result<Vec<Waiting>> {
        let columns: Vec<String> =
            COLUMNS.split(',').map(|column| format!("next.{}", column.trim())).collect();
        let query = format!(
            "SELECT {}, spent_ms, greatest(0, now_ms() - next.queued_at),
                    (SELECT bool_or(worker = $1) FROM warm WHERE bundle = keys.sha256),
                    next.passed
             FROM (SELECT name, spent_ms FROM usage WHERE scope = 'caller' AND queued > 0
                   ORDER BY spent_ms LIMIT $2) AS turns
             CROSS JOIN LATERAL (
                 SELECT * FROM jobs WHERE caller = turns.name AND state = 'queued'
                 ORDER BY seq LIMIT $3) AS next
             JOIN keys ON keys.id = next.keys
             ORDER BY next.seq",
            columns.join(", ")
        );
        self.all(&query, &[&worker, &i64::from(callers), &i64::from(each)], |row| {
            let is_here: Option<bool> = get(row, 23)?;
            let warm = match is_here {
                Some(true) => Warm::Here,
                Some(false) => Warm::Elsewhere,
                None => Warm::Nowhere,
            };
            let (spent_ms, waited_ms) = (number(row, 21)?, number(row, 22)?);
            Ok(Waiting { row: job(row)?, spent_ms, waited_ms, warm, passed: number(row, 24)? })
        })
    }

    fn queue_age_ms(&self) -> Result<u64> {
        let query = "SELECT greatest(0, coalesce(now_ms() - min(queued_at), 0))
                     FROM jobs WHERE state = 'queued'";
        self.one(query, &[], |row| number(row, 0))
    }

    fn recent_runs(&self, most: u32) -> Result<Vec<(String, u64)>> {
        let query = "SELECT model, evaluate_ms FROM jobs
                     WHERE finished_at IS NOT NULL AND evaluate_ms IS NOT NULL
                     ORDER BY finished_at DESC LIMIT $1";
        self.all(query, &[&i64::from(most)], |row| Ok((get(row, 0)?, number(row, 1)?)))
    }

    fn working(&self) -> Result<Vec<Working>> {
        let query = "SELECT worker, greatest(0, now_ms() - max(renewed_at)),
                            min(lease_until) < now_ms()
                     FROM jobs WHERE state = 'running' AND worker IS NOT NULL GROUP BY worker";
        self.all(query, &[], |row| {
            Ok(Working {
                worker: get(row, 0)?,
                silent_ms: number(row, 1)?,
                is_overdue: get(row, 2)?,
            })
        })
    }

    fn warm_workers(&self) -> Result<Vec<Uuid>> {
        self.all("SELECT DISTINCT worker FROM warm", &[], |row| get(row, 0))
    }
}

impl WriteRuns for Rows<'_> {
    fn start_job(&self, seq: i64, tenure: Tenure, now: Timestamp) -> Result<Option<JobRow>> {
        self.changed(
            "UPDATE jobs SET state = 'running', attempts = attempts + 1, epoch = epoch + 1, step = 0,
                             started_at = $2, worker = $3, lease_until = now_ms() + $4,
                             renewed_at = now_ms()
             WHERE seq = $1 AND state = 'queued'",
            &[&seq, &now.0, &tenure.worker, &stored(tenure.lease_ms)?],
        )
    }

    fn pass_over(&self, seq: i64) -> Result<()> {
        self.execute("UPDATE jobs SET passed = passed + 1 WHERE seq = $1", &[&seq])?;
        Ok(())
    }

    fn end_job(&self, start: Start, end: &RunEnd, now: Timestamp) -> Result<Option<JobRow>> {
        let (seq, epoch) = (start.seq, stored(start.epoch)?);
        match end {
            &RunEnd::Done { result_bytes, evaluate_ms } => self.changed(
                "UPDATE jobs SET state = 'done', finished_at = $3, result_bytes = $4,
                                 evaluate_ms = $5, request_bytes = 0
                 WHERE seq = $1 AND state = 'running' AND epoch = $2",
                &[&seq, &epoch, &now.0, &stored(result_bytes)?, &stored(evaluate_ms)?],
            ),
            RunEnd::GivenUp(state, JobError { code, detail }) => self.changed(
                "UPDATE jobs SET state = $6, finished_at = $3, error_code = $4, error_detail = $5,
                                 request_bytes = CASE $6 WHEN 'dead' THEN request_bytes
                                                         ELSE 0 END
                 WHERE seq = $1 AND state = 'running' AND epoch = $2",
                &[&seq, &epoch, &now.0, code, detail, &state.as_str()],
            ),
            RunEnd::Again { counted } => self.changed(
                "UPDATE jobs SET state = 'queued', attempts = attempts - $3, queued_at = now_ms()
                 WHERE seq = $1 AND state = 'running' AND epoch = $2",
                &[&seq, &epoch, &i64::from(!counted)],
            ),
        }
    }

    fn recover_jobs(
        &self,
        lost: Lost,
        limit: u32,
        code: &str,
        now: Timestamp,
    ) -> Result<Recovered> {
        let (condition, worker, silent_ms) = match lost {
            Lost::All => ("($1::uuid = $1 AND $2::bigint = $2)", Uuid::nil(), 0),
            Lost::Of { worker, silent_ms } => {
                ("(worker = $1 AND renewed_at <= now_ms() - $2)", worker, silent_ms)
            }
            Lost::Overdue => ("(lease_until + $2 < now_ms() AND $1::uuid = $1)", Uuid::nil(), 0),
        };
        let silent_ms = stored(silent_ms)?;
        let of: Parameters<'_> = &[&worker, &silent_ms, &i64::from(limit), &now.0, &code];
        let dead = self.execute(
            &format!(
                "UPDATE jobs SET state = 'dead', finished_at = $4, error_code = $5, error_detail =
                            'The service ended ' || attempts || ' times while the job ran.'
                 WHERE state = 'running' AND attempts >= $3 AND {condition}"
            ),
            of,
        )?;
        let query = format!(
            "UPDATE jobs SET state = 'queued', queued_at = now_ms()
             WHERE state = 'running' AND {condition}"
        );
        Ok(Recovered { dead, requeued: self.execute(&query, &of[..2])? })
    }

    fn note_warm(&self, worker: Uuid, bundle: &[u8; 32], is_warm: bool) -> Result<()> {
        let query = if is_warm {
            "INSERT INTO warm (bundle, worker) VALUES ($1, $2) ON CONFLICT DO NOTHING"
        } else {
            "DELETE FROM warm WHERE bundle = $1 AND worker = $2"
        };
        self.execute(query, &[&&bundle[..], &worker])?;
        Ok(())
    }

    fn forget_warm(&self, worker: Uuid) -> Result<()> {
        self.execute("DELETE FROM warm WHERE worker = $1", &[&worker])?;
        Ok(())
    }
}
