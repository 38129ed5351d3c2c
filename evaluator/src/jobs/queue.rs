//! How jobs change their state. Every change is one transaction that asks for the state it starts
//! from, so that a job ends once.

use rusqlite::{Connection, params};
use uuid::Uuid;

use super::Jobs;
use super::board::Interrupt;
use super::record::{self, Record, State};
use crate::capability::Owner;
use crate::keys::{self, KeyRow};
use crate::refusal::{Code, Refusal};
use crate::store::StoreError;
use crate::time::Timestamp;

/// A job that a runner took.
#[derive(Debug)]
pub(super) struct Claim {
    pub(super) seq: i64,
    pub(super) id: Uuid,
    pub(super) attempts: u32,
    pub(super) model: String,
    pub(super) contract: [u8; 32],
    /// Its key sets that are there.
    pub(super) sets: Vec<KeyRow>,
    pub(super) interrupt: Interrupt,
}

/// How a run ended.
#[derive(Debug)]
pub(super) enum Outcome {
    /// Its result is stored.
    Done { result_bytes: u64, evaluate_ms: u64 },
    /// It can never have one.
    Failed(Refusal),
    /// It was not its fault: it may be tried again.
    Broken(String),
    /// The service is stopping. The start does not count.
    Interrupted,
}

/// Takes the oldest job that waits.
pub(super) fn claim(jobs: &Jobs) -> Result<Option<Claim>, StoreError> {
    let _transitions = jobs.board.transitions();
    if jobs.lifecycle.is_stopping() {
        return Ok(None);
    }
    let claimed = jobs.store.db.write(|t| {
        let Some((owner, record)) = Record::first_queued(t)? else {
            return Ok::<_, StoreError>(None);
        };
        t.execute(
            "UPDATE jobs SET state = 'running', attempts = attempts + 1, started_at = ?2
             WHERE seq = ?1",
            params![record.seq, Timestamp::now().0],
        )?;
        let mut ids = vec![record.keys];
        ids.extend(record::further_keys(t, record.seq)?);
        let sets = keys::of_owner(t, owner, &ids)?.unwrap_or_default();
        Ok(Some((record, sets)))
    })?;
    Ok(claimed.map(|(record, sets)| {
        let Record { seq, id, steps, attempts, contract, model, .. } = record;
        let interrupt = jobs.board.start(seq, id, &model, steps);
        Claim { seq, id, attempts: attempts + 1, model, contract, sets, interrupt }
    }))
}

/// Ends a run. Returns the job's new state, or `None` if the job was cancelled or deleted
/// meanwhile.
pub(super) fn end(
    jobs: &Jobs,
    claim: &Claim,
    outcome: &Outcome,
) -> Result<Option<State>, StoreError> {
    let _transitions = jobs.board.transitions();
    let now = Timestamp::now().0;
    let state = match outcome {
        Outcome::Done { .. } => State::Done,
        Outcome::Failed(_) => State::Failed,
        Outcome::Broken(_) if claim.attempts >= jobs.config.max_attempts => State::Dead,
        Outcome::Broken(_) | Outcome::Interrupted => State::Queued,
    };
    let changed = jobs.store.db.write(|t| match outcome {
        Outcome::Done { result_bytes, evaluate_ms } => t.execute(
            "UPDATE jobs SET state = 'done', finished_at = ?3, result_bytes = ?4, evaluate_ms = ?5,
                             request_bytes = 0
             WHERE seq = ?1 AND state = 'running' AND attempts = ?2",
            params![claim.seq, claim.attempts, now, result_bytes, evaluate_ms],
        ),
        Outcome::Failed(refusal) => {
            let (code, detail) = (refusal.code.as_str(), &refusal.detail);
            give_up(t, claim, State::Failed, code, detail, now)
        }
        Outcome::Broken(_) if state == State::Dead => {
            let detail = format!("The job was started {} times and never ended.", claim.attempts);
            give_up(t, claim, State::Dead, Code::Internal.as_str(), &detail, now)
        }
        Outcome::Broken(_) => t.execute(
            "UPDATE jobs SET state = 'queued'
             WHERE seq = ?1 AND state = 'running' AND attempts = ?2",
            params![claim.seq, claim.attempts],
        ),
        Outcome::Interrupted => t.execute(
            "UPDATE jobs SET state = 'queued', attempts = attempts - 1
             WHERE seq = ?1 AND state = 'running' AND attempts = ?2",
            params![claim.seq, claim.attempts],
        ),
    })?;
    if changed == 0 {
        jobs.board.remove(claim.seq, claim.id);
        return Ok(None);
    }
    if state == State::Queued {
        jobs.board.enqueue(claim.seq, claim.id, &claim.model);
    } else {
        jobs.board.remove(claim.seq, claim.id);
    }
    Ok(Some(state))
}

fn give_up(
    c: &Connection,
    claim: &Claim,
    state: State,
    code: &str,
    detail: &str,
    now: i64,
) -> Result<usize, rusqlite::Error> {
    c.execute(
        "UPDATE jobs SET state = ?6, finished_at = ?3, error_code = ?4, error_detail = ?5,
                         request_bytes = 0
         WHERE seq = ?1 AND state = 'running' AND attempts = ?2",
        params![claim.seq, claim.attempts, now, code, detail, state.as_str()],
    )
}

/// Cancels a job. `false` if it had ended already.
pub(super) fn cancel(jobs: &Jobs, owner: Owner, id: Uuid) -> Result<bool, Refusal> {
    let _transitions = jobs.board.transitions();
    let (seq, cancelled) = jobs.store.db.write(|t| {
        let record = Record::find(t, owner, id)?.ok_or_else(Refusal::not_found)?;
        let changed = t.execute(
            "UPDATE jobs SET state = 'cancelled', finished_at = ?2, request_bytes = 0
             WHERE seq = ?1 AND state IN ('queued', 'running')",
            params![record.seq, Timestamp::now().0],
        )?;
        Ok::<_, Refusal>((record.seq, (changed == 1).then_some(record.model)))
    })?;
    if let Some(model) = &cancelled {
        jobs.board.remove(seq, id);
        jobs.metrics.job_ended(model, State::Cancelled.as_str());
        tracing::info!(job = %id, "job cancelled");
    }
    Ok(cancelled.is_some())
}

/// Puts jobs that ran when the process ended back into the queue, or gives them up if they were
/// started too often, and puts all that wait on the board.
pub(crate) fn recover(jobs: &Jobs) -> Result<(), StoreError> {
    let _transitions = jobs.board.transitions();
    let now = Timestamp::now().0;
    let limit = jobs.config.max_attempts;
    let (dead, requeued) = jobs.store.db.write(|t| {
        let dead = t.execute(
            "UPDATE jobs SET state = 'dead', finished_at = ?1, error_code = ?2, request_bytes = 0,
                    error_detail = 'The service ended ' || attempts || ' times while the job ran.'
             WHERE state = 'running' AND attempts >= ?3",
            params![now, Code::Internal.as_str(), limit],
        )?;
        let query = "UPDATE jobs SET state = 'queued' WHERE state = 'running'";
        Ok::<_, StoreError>((dead, t.execute(query, [])?))
    })?;
    if dead + requeued > 0 {
        tracing::warn!(requeued, dead, "jobs were running when the service ended");
    }
    for record in jobs.store.db.read(|c| Record::in_state(c, State::Queued))? {
        jobs.board.enqueue(record.seq, record.id, &record.model);
    }
    Ok(())
}

/// What became too old: jobs whose results are to be deleted.
pub(crate) fn sweep(jobs: &Jobs, now: Timestamp) -> Result<Vec<Uuid>, StoreError> {
    let before = |seconds: u64| now.0 - i64::try_from(seconds).unwrap_or(i64::MAX / 2) * 1000;
    jobs.store.db.write(|t| {
        let query = "UPDATE jobs SET result_bytes = NULL
                     WHERE result_bytes IS NOT NULL AND finished_at <= ?1 RETURNING id";
        let mut query = t.prepare(query)?;
        let limit = before(jobs.config.result_seconds);
        let results = query.query_map([limit], |row| record::uuid(row, 0))?;
        let results: Vec<Uuid> = results.collect::<Result<_, _>>()?;
        let forget = "DELETE FROM jobs WHERE result_bytes IS NULL AND finished_at <= ?1";
        t.execute(forget, [before(jobs.config.job_seconds)])?;
        Ok(results)
    })
}
