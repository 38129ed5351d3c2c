//! The rows of jobs.

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension as _, Params, Row, params};
use uuid::Uuid;

use super::{maybe_uuid, turns, uuid};
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

impl ReadJobs for Connection {
    fn job(&self, owner: Owner, id: Uuid) -> Result<Option<JobRow>> {
        one(self, "id = ?1 AND owner = ?2", params![id.to_string(), owner.0])
    }

    fn repeated_job(&self, keys: Uuid, idempotency_key: &str) -> Result<Option<JobRow>> {
        let of = params![keys.to_string(), idempotency_key];
        one(self, "keys = ?1 AND idempotency_key = ?2", of)
    }

    fn waiting_jobs(&self, most: u32) -> Result<Vec<JobRow>> {
        all(self, "state = 'queued' ORDER BY seq LIMIT ?1", [most])
    }

    fn waiting_job(&self, seq: i64) -> Result<Option<JobRow>> {
        one(self, "seq = ?1 AND state = 'queued'", [seq])
    }

    fn jobs_named(&self, ids: &[Uuid]) -> Result<Vec<JobRow>> {
        let named = |id: &Uuid| one(self, "id = ?1", [id.to_string()]).transpose();
        ids.iter().filter_map(named).collect()
    }

    fn unfinished_jobs(&self, keys: Uuid) -> Result<u32> {
        let query = "SELECT count(*) FROM jobs WHERE keys = ?1 AND state IN ('queued', 'running')";
        Ok(self.query_row(query, [keys.to_string()], |row| row.get(0))?)
    }

    fn jobs_with_blobs(&self) -> Result<(Vec<Uuid>, Vec<RunName>)> {
        let runs = |condition: &str| {
            let query = format!("SELECT id, epoch FROM jobs WHERE {condition}");
            let run = |row: &Row<'_>| Ok(RunName { job: uuid(row, 0)?, epoch: row.get(1)? });
            self.prepare(&query)?.query_map([], run)?.collect::<rusqlite::Result<Vec<_>>>()
        };
        let needed = runs("state IN ('queued', 'running') OR request_bytes > 0")?;
        let requests = needed.iter().map(|run| run.job).collect();
        Ok((requests, runs("result_bytes IS NOT NULL")?))
    }
}

impl WriteJobs for Connection {
    fn insert_job(&self, new: &NewRow<'_>) -> Result<()> {
        self.execute(
            "INSERT INTO jobs (id, owner, keys, model, contract, steps, state, attempts,
                               idempotency_key, request_sha256, request_bytes, created_at,
                               caller, cost_ms, trace, queued_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'queued', 0, ?7, ?8, ?9, ?10, ?11, ?12, ?13,
                     CAST(unixepoch('subsec') * 1000 AS INTEGER))",
            params![
                new.id.to_string(),
                new.owner.0,
                new.keys.to_string(),
                new.model,
                new.contract,
                new.steps,
                new.idempotency_key,
                new.request_sha256,
                new.request_bytes,
                new.created_at.0,
                new.caller.to_string(),
                new.cost_ms,
                new.trace.map(|trace| trace.to_string())
            ],
        )?;
        let seq = self.last_insert_rowid();
        for (place, keys) in new.with.iter().enumerate() {
            self.execute(
                "INSERT INTO job_keys (job, place, keys) VALUES (?1, ?2, ?3)",
                params![seq, place as u64, keys.to_string()],
            )?;
        }
        Ok(())
    }

    fn cancel_job(&self, seq: i64, now: Timestamp) -> Result<Option<JobRow>> {
        let changed = self.execute(
            "UPDATE jobs SET state = 'cancelled', finished_at = ?2, request_bytes = 0
             WHERE seq = ?1 AND state IN ('queued', 'running')",
            params![seq, now.0],
        )?;
        changed_row(self, seq, changed)
    }

    fn delete_jobs_of_keys(&self, keys: Uuid) -> Result<Vec<Uuid>> {
        let query = "SELECT seq, id FROM jobs WHERE keys = ?1
                     UNION
                     SELECT seq, id FROM jobs JOIN job_keys ON job_keys.job = jobs.seq
                     WHERE job_keys.keys = ?1 AND state IN ('queued', 'running')";
        let mut query = self.prepare(query)?;
        let rows = query.query_map([keys.to_string()], |row| Ok((row.get(0)?, uuid(row, 1)?)))?;
        let rows: Vec<(i64, Uuid)> = rows.collect::<rusqlite::Result<_>>()?;
        for (seq, _) in &rows {
            self.execute("DELETE FROM jobs WHERE seq = ?1", params![seq])?;
        }
        Ok(rows.into_iter().map(|(_, id)| id).collect())
    }

    fn expire_jobs(&self, results: Timestamp, jobs: Timestamp) -> Result<()> {
        let expire = "UPDATE jobs SET result_bytes = NULL
                      WHERE finished_at <= ?1 AND result_bytes IS NOT NULL";
        self.execute(expire, [results.0])?;
        let expire = "UPDATE jobs SET request_bytes = 0
                      WHERE finished_at <= ?1 AND state = 'dead' AND request_bytes > 0";
        self.execute(expire, [results.0])?;
        let forget = "DELETE FROM jobs WHERE result_bytes IS NULL AND finished_at <= ?1";
        self.execute(forget, [jobs.0])?;
        Ok(())
    }

    fn forget_oldest_jobs(&self, caller: &Caller, count: u64) -> Result<()> {
        let query = "DELETE FROM jobs WHERE seq IN (
                         SELECT seq FROM jobs WHERE caller = ?1 AND finished_at IS NOT NULL
                         ORDER BY finished_at LIMIT ?2)";
        self.prepare_cached(query)?.execute(params![caller.to_string(), count])?;
        Ok(())
    }

    fn arrive(&self, caller: &Caller) -> Result<()> {
        Ok(turns::arrive(self, caller)?)
    }

    fn charge(&self, caller: &Caller, ms: i64) -> Result<()> {
        Ok(turns::charge(self, caller, ms)?)
    }
}

/// The jobs that a condition holds for, in the order that it says.
pub(super) fn all(c: &Connection, condition: &str, of: impl Params) -> Result<Vec<JobRow>> {
    let query = format!("SELECT {COLUMNS} FROM jobs WHERE {condition}");
    let mut query = c.prepare_cached(&query)?;
    Ok(query.query_map(of, job)?.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn one(c: &Connection, condition: &str, of: impl Params) -> Result<Option<JobRow>> {
    let query = format!("SELECT {COLUMNS} FROM jobs WHERE {condition}");
    Ok(c.prepare_cached(&query)?.query_row(of, job).optional()?)
}

pub(super) fn changed_row(c: &Connection, seq: i64, changed: usize) -> Result<Option<JobRow>> {
    if changed == 0 { Ok(None) } else { one(c, "seq = ?1", [seq]) }
}

pub(super) fn job(row: &Row<'_>) -> rusqlite::Result<JobRow> {
    let (code, detail): (Option<String>, Option<String>) = (row.get(8)?, row.get(9)?);
    Ok(JobRow {
        seq: row.get(0)?,
        id: uuid(row, 1)?,
        keys: uuid(row, 2)?,
        model: row.get(3)?,
        state: state(row, 4)?,
        attempts: row.get(5)?,
        request_sha256: row.get(6)?,
        result_bytes: row.get(7)?,
        error: code.zip(detail).map(|(code, detail)| JobError { code, detail }),
        evaluate_ms: row.get(10)?,
        created_at: Timestamp(row.get(11)?),
        started_at: row.get::<_, Option<i64>>(12)?.map(Timestamp),
        finished_at: row.get::<_, Option<i64>>(13)?.map(Timestamp),
        contract: row.get(14)?,
        steps: row.get(15)?,
        cost_ms: row.get(16)?,
        caller: Caller::stored(&row.get::<_, String>(17)?),
        epoch: row.get(18)?,
        worker: maybe_uuid(row, 19)?,
        step: row.get(20)?,
        // What another release wrote there, perhaps: a trace is not worth an error.
        trace: row.get::<_, Option<String>>(21)?.and_then(|trace| trace.parse().ok()),
    })
}

fn state(row: &Row<'_>, column: usize) -> rusqlite::Result<JobState> {
    let text: String = row.get(column)?;
    JobState::parse(&text)
        .ok_or_else(|| rusqlite::Error::InvalidColumnType(column, text, Type::Text))
}
