//! The rows of jobs.

use tokio_postgres::Row;
use uuid::Uuid;

use super::{Parameters, Rows, get, hash, number, out_of_range, stored};
use crate::caller::Caller;
use crate::capability::Owner;
use crate::store::state::Result;
use crate::store::state::jobs::{JobError, JobRow, JobState, NewRow, ReadJobs, WriteJobs};
use crate::store::state::runs::RunName;
use crate::time::Timestamp;

pub(super) const COLUMNS: &str =
    "seq, id, keys, model, state, attempts, request_sha256, result_bytes,
     error_code, error_detail, evaluate_ms, created_at, started_at, finished_at, contract, steps,
     cost_ms, caller, epoch, worker, step, trace";

impl ReadJobs for Rows<'_> {
    fn job(&self, owner: Owner, id: Uuid) -> Result<Option<JobRow>> {
        self.job_where("id = $1 AND owner = $2", &[&id, &&owner.0[..]])
    }

    fn repeated_job(&self, keys: Uuid, idempotency_key: &str) -> Result<Option<JobRow>> {
        self.job_where("keys = $1 AND idempotency_key = $2", &[&keys, &idempotency_key])
    }

    fn waiting_jobs(&self, most: u32) -> Result<Vec<JobRow>> {
        self.jobs_where("state = 'queued' ORDER BY seq LIMIT $1", &[&i64::from(most)])
    }

    fn waiting_job(&self, seq: i64) -> Result<Option<JobRow>> {
        self.job_where("seq = $1 AND state = 'queued'", &[&seq])
    }

    fn jobs_named(&self, ids: &[Uuid]) -> Result<Vec<JobRow>> {
        self.jobs_where("id = ANY ($1)", &[&ids])
    }

    fn unfinished_jobs(&self, keys: Uuid) -> Result<u32> {
        let query = "SELECT count(*) FROM jobs WHERE keys = $1 AND state IN ('queued', 'running')";
        self.one(query, &[&keys], |row| number(row, 0))
    }

    fn jobs_with_blobs(&self) -> Result<(Vec<Uuid>, Vec<RunName>)> {
        let runs = |condition: &str| {
            let query = format!("SELECT id, epoch FROM jobs WHERE {condition}");
            let run = |row: &Row| Ok(RunName { job: get(row, 0)?, epoch: number(row, 1)? });
            self.all(&query, &[], run)
        };
        let needed = runs("state IN ('queued', 'running') OR request_bytes > 0")?;
        let requests = needed.iter().map(|run| run.job).collect();
        Ok((requests, runs("result_bytes IS NOT NULL")?))
    }
}

impl WriteJobs for Rows<'_> {
    fn insert_job(&self, new: &NewRow<'_>) -> Result<()> {
        let query = "INSERT INTO jobs (id, owner, keys, model, contract, steps, state, attempts,
                                       idempotency_key, request_sha256, request_bytes, created_at,
                                       caller, cost_ms, trace)
                     VALUES ($1, $2, $3, $4, $5, $6, 'queued', 0, $7, $8, $9, $10, $11, $12, $13)
                     RETURNING seq";
        let values: Parameters<'_> = &[
            &new.id,
            &&new.owner.0[..],
            &new.keys,
            &new.model,
            &&new.contract[..],
            &i64::from(new.steps),
            &new.idempotency_key,
            &&new.request_sha256[..],
            &stored(new.request_bytes)?,
            &new.created_at.0,
            &new.caller.to_string(),
            &stored(new.cost_ms)?,
            &new.trace.map(|trace| trace.to_string()),
        ];
        let seq: i64 = self.one(query, values, |row| get(row, 0))?;
        for (place, keys) in (0_i64..).zip(new.with) {
            let query = "INSERT INTO job_keys (job, place, keys) VALUES ($1, $2, $3)";
            self.execute(query, &[&seq, &place, keys])?;
        }
        Ok(())
    }

    fn cancel_job(&self, seq: i64, now: Timestamp) -> Result<Option<JobRow>> {
        self.changed(
            "UPDATE jobs SET state = 'cancelled', finished_at = $2, request_bytes = 0
             WHERE seq = $1 AND state IN ('queued', 'running')",
            &[&seq, &now.0],
        )
    }

    fn delete_jobs_of_keys(&self, keys: Uuid) -> Result<Vec<Uuid>> {
        let query = "DELETE FROM jobs WHERE keys = $1 OR seq IN (
                         SELECT job FROM job_keys JOIN jobs ON job_keys.job = jobs.seq
                         WHERE job_keys.keys = $1 AND state IN ('queued', 'running'))
                     RETURNING id";
        self.all(query, &[&keys], |row| get(row, 0))
    }

    fn expire_jobs(&self, results: Timestamp, jobs: Timestamp) -> Result<()> {
        let expire = "UPDATE jobs SET result_bytes = NULL
                      WHERE finished_at <= $1 AND result_bytes IS NOT NULL";
        self.execute(expire, &[&results.0])?;
        let expire = "UPDATE jobs SET request_bytes = 0
                      WHERE finished_at <= $1 AND state = 'dead' AND request_bytes > 0";
        self.execute(expire, &[&results.0])?;
        let forget = "DELETE FROM jobs WHERE result_bytes IS NULL AND finished_at <= $1";
        self.execute(forget, &[&jobs.0])?;
        Ok(())
    }

    fn forget_oldest_jobs(&self, caller: &Caller, count: u64) -> Result<()> {
        let query = "DELETE FROM jobs WHERE seq IN (
                         SELECT seq FROM jobs WHERE caller = $1 AND finished_at IS NOT NULL
                         ORDER BY finished_at LIMIT $2)";
        self.execute(query, &[&caller.to_string(), &stored(count)?])?;
        Ok(())
    }

    fn arrive(&self, caller: &Caller) -> Result<()> {
        let query = "UPDATE usage SET spent_ms = greatest(spent_ms, (
                         SELECT coalesce(min(others.spent_ms - (
                             SELECT coalesce(sum(cost_ms), 0)::bigint FROM jobs
                             WHERE state = 'running' AND jobs.caller = others.name)), 0)
                         FROM usage AS others
                         WHERE others.scope = 'caller' AND others.queued + others.running > 0
                             AND others.name <> $1))
                     WHERE scope = 'caller' AND name = $1";
        self.execute(query, &[&caller.to_string()])?;
        Ok(())
    }

    fn charge(&self, caller: &Caller, ms: i64) -> Result<()> {
        let query = "UPDATE usage SET spent_ms = greatest(0, spent_ms + $2)
                     WHERE scope = 'caller' AND name = $1";
        self.later(query, vec![Box::new(caller.to_string()), Box::new(ms)])
    }
}

impl Rows<'_> {
    /// The jobs that a condition holds for, in the order that it says.
    pub(super) fn jobs_where(
        &self,
        condition: &str,
        values: Parameters<'_>,
    ) -> Result<Vec<JobRow>> {
        self.all(&format!("SELECT {COLUMNS} FROM jobs WHERE {condition}"), values, job)
    }

    pub(super) fn job_where(
        &self,
        condition: &str,
        values: Parameters<'_>,
    ) -> Result<Option<JobRow>> {
        self.maybe(&format!("SELECT {COLUMNS} FROM jobs WHERE {condition}"), values, job)
    }

    /// Changes a job, and returns what it is then.
    pub(super) fn changed(&self, update: &str, values: Parameters<'_>) -> Result<Option<JobRow>> {
        self.maybe(&format!("{update} RETURNING {COLUMNS}"), values, job)
    }
}

pub(super) fn job(row: &Row) -> Result<JobRow> {
    let (code, detail): (Option<String>, Option<String>) = (get(row, 8)?, get(row, 9)?);
    let state: &str = get(row, 4)?;
    let unsigned = |column| {
        let value: Option<i64> = get(row, column)?;
        value.map(|value| u64::try_from(value).map_err(|_| out_of_range(value))).transpose()
    };
    Ok(JobRow {
        seq: get(row, 0)?,
        id: get(row, 1)?,
        keys: get(row, 2)?,
        model: get(row, 3)?,
        state: JobState::parse(state).ok_or_else(|| out_of_range(state))?,
        attempts: number(row, 5)?,
        request_sha256: hash(row, 6)?,
        result_bytes: unsigned(7)?,
        error: code.zip(detail).map(|(code, detail)| JobError { code, detail }),
        evaluate_ms: unsigned(10)?,
        created_at: Timestamp(get(row, 11)?),
        started_at: get::<Option<i64>>(row, 12)?.map(Timestamp),
        finished_at: get::<Option<i64>>(row, 13)?.map(Timestamp),
        contract: hash(row, 14)?,
        steps: number(row, 15)?,
        cost_ms: number(row, 16)?,
        caller: Caller::stored(get(row, 17)?),
        epoch: number(row, 18)?,
        worker: get(row, 19)?,
        step: number(row, 20)?,
        // What another release wrote there, perhaps: a trace is not worth an error.
        trace: get::<Option<&str>>(row, 21)?.and_then(|trace| trace.parse().ok()),
    })
}
