//! Runs of jobs. Leases and waiting are measured by the database's clock.

use uuid::Uuid;

use super::{Parameters, Rows, get, jobs, keys, number, stored};
use crate::caller::Caller;
use crate::store::state::jobs::{JobError, JobRow};
use crate::store::state::keys::KeyRow;
use crate::store::state::runs::{
    Lost, ReadRuns, Recovered, RunEnd, Start, Tenure, Waiting, Warm, Working, WriteRuns,
};
use crate::store::state::tenants::RunningShare;
use crate::store::state::{Result, StateError};
use crate::time::Timestamp;

impl ReadRuns for Rows<'_> {
    fn running_jobs(&self) -> Result<Vec<JobRow>> {
        self.jobs_where("state = 'running' ORDER BY seq", &[])
    }

    fn next_jobs(&self, worker: Uuid, callers: u32, each: u32) -> Result<Vec<Waiting>> {
        // With the limits in its text the query is planned once, not each time for its limits.
        let query = format!(
            "SELECT next.seq, turns.name, next.cost_ms, turns.spent_ms, tenants.running,
                    turns.running, greatest(0, now_ms() - next.queued_at), next.passed, held.here
             FROM (SELECT name, spent_ms, running FROM usage
                   WHERE scope = 'caller' AND queued > 0
                   ORDER BY spent_ms LIMIT {callers}) AS turns
             LEFT JOIN tenants ON turns.name = 'tenant:' || tenants.name
             CROSS JOIN LATERAL (
                 SELECT seq, keys, cost_ms, queued_at, passed FROM jobs
                 WHERE caller = turns.name AND state = 'queued'
                 ORDER BY seq LIMIT {each}) AS next
             JOIN keys ON keys.id = next.keys
             CROSS JOIN LATERAL (
                 SELECT bool_or(worker = $1) AS here FROM warm WHERE bundle = keys.sha256) AS held
             ORDER BY next.seq"
        );
        self.all(&query, &[&worker], |row| {
            let most: Option<i64> = get(row, 4)?;
            let share = most.map(|_| {
                Ok::<_, StateError>(RunningShare {
                    most: number(row, 4)?,
                    running: number(row, 5)?,
                })
            });
            Ok(Waiting {
                seq: get(row, 0)?,
                caller: Caller::stored(get(row, 1)?),
                cost_ms: number(row, 2)?,
                spent_ms: number(row, 3)?,
                share: share.transpose()?,
                waited_ms: number(row, 6)?,
                passed: number(row, 7)?,
                warm: match get(row, 8)? {
                    Some(true) => Warm::Here,
                    Some(false) => Warm::Elsewhere,
                    None => Warm::Nowhere,
                },
            })
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

const START: &str =
    "UPDATE jobs SET state = 'running', attempts = attempts + 1, epoch = epoch + 1, step = 0,
                     started_at = $2, worker = $3, lease_until = now_ms() + $4,
                     renewed_at = now_ms()
     WHERE seq = $1 AND state = 'queued'";

impl WriteRuns for Rows<'_> {
    fn start_job(&self, seq: i64, tenure: Tenure, now: Timestamp) -> Result<Option<JobRow>> {
        let values: Parameters<'_> = &[&seq, &now.0, &tenure.worker, &stored(tenure.lease_ms)?];
        self.changed(START, values)
    }

    fn start_job_with_keys(
        &self,
        seq: i64,
        tenure: Tenure,
        now: Timestamp,
    ) -> Result<Option<(JobRow, Vec<KeyRow>)>> {
        let start = format!("{START} RETURNING {}", jobs::COLUMNS);
        let values: Parameters<'_> = &[&seq, &now.0, &tenure.worker, &stored(tenure.lease_ms)?];
        let (started, sets) = self.both((&start, values), (&keys::of_job(), &[&seq]))?;
        let Some(row) = started.first() else { return Ok(None) };
        let sets = sets.iter().map(keys::key_row).collect::<Result<_>>()?;
        Ok(Some((jobs::job(row)?, sets)))
    }

    fn pass_over(&self, seq: i64) -> Result<()> {
        self.later("UPDATE jobs SET passed = passed + 1 WHERE seq = $1", vec![Box::new(seq)])
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
        self.later(query, vec![Box::new(bundle.to_vec()), Box::new(worker)])
    }

    fn forget_warm(&self, worker: Uuid) -> Result<()> {
        self.execute("DELETE FROM warm WHERE worker = $1", &[&worker])?;
        Ok(())
    }
}
