//! How jobs change their state. Every change is one transaction that asks for the state it starts
//! from, so that a job ends once.

use rusqlite::{Connection, params};
use uuid::Uuid;

use super::board::Interrupt;
use super::order::{self, Waiting};
use super::record::{self, Record, State};
use super::{Jobs, turns};
use crate::caller::Caller;
use crate::capability::Owner;
use crate::keys::{self, KeyRow};
use crate::refusal::{Code, Refusal};
use crate::store::StoreError;
use crate::store::deletions::{self, Discarded};
use crate::time::Timestamp;

/// A job that a runner took.
#[derive(Debug)]
pub(super) struct Claim {
    pub(super) seq: i64,
    pub(super) id: Uuid,
    pub(super) caller: Caller,
    /// What the caller was charged for the run.
    pub(super) cost_ms: u64,
    /// Starts, this one included.
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

/// Takes the job whose turn it is.
pub(super) fn claim(jobs: &Jobs) -> Result<Option<Claim>, StoreError> {
    let _transitions = jobs.board.transitions();
    if jobs.lifecycle.is_stopping() {
        return Ok(None);
    }
    let claimed = jobs.store.db.write(|t| {
        let Some(first) = in_order(t)?.into_iter().next() else {
            return Ok::<_, StoreError>(None);
        };
        let (seq, caller, cost_ms) = (first.seq, first.caller, first.cost_ms);
        t.execute(
            "UPDATE jobs SET state = 'running', attempts = attempts + 1, started_at = ?2
             WHERE seq = ?1",
            params![seq, Timestamp::now().0],
        )?;
        // Paid in advance, so that what runs side by side is shared fairly too.
        turns::charge(t, &caller, i64::try_from(cost_ms).unwrap_or(i64::MAX))?;
        let Some(record) = Record::at(t, seq)? else { return Ok(None) };
        let mut ids = vec![record.keys];
        ids.extend(record::further_keys(t, seq)?);
        let sets = keys::of_owner(t, Record::owner(t, seq)?, &ids)?.unwrap_or_default();
        Ok(Some((record, caller, sets, in_order(t)?)))
    })?;
    Ok(claimed.map(|(record, caller, sets, order)| {
        let Record { seq, id, attempts, contract, cost_ms, .. } = record;
        let model = record.model.clone();
        let interrupt = jobs.board.start(record);
        show(jobs, order);
        Claim { seq, id, caller, cost_ms, attempts, model, contract, sets, interrupt }
    }))
}

/// The jobs that wait, in the order in which they will run.
fn in_order(c: &Connection) -> Result<Vec<Waiting<Record>>, rusqlite::Error> {
    let spent = turns::spent(c)?;
    let spent_ms = |caller: &Caller| spent.get(caller).copied().unwrap_or(0);
    Ok(order::fair(Record::waiting(c)?, spent_ms))
}

fn show(jobs: &Jobs, order: Vec<Waiting<Record>>) {
    jobs.board.set_queue(order.into_iter().map(|waiting| waiting.job).collect());
}

/// Brings the board in line with the rows. To be called where transitions are held.
pub(super) fn refresh(jobs: &Jobs) -> Result<(), rusqlite::Error> {
    show(jobs, jobs.store.db.read(in_order)?);
    Ok(())
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
    let record = jobs.store.db.write(|t| {
        if note(t, claim, outcome, state, now)? == 0 {
            return Ok::<_, StoreError>(None);
        }
        turns::charge(t, &claim.caller, correction(claim, outcome))?;
        Ok(Record::at(t, claim.seq)?)
    })?;
    if record.is_none() {
        // It may have been stored before it was known that nobody wants it.
        jobs.store.db.write(|t| deletions::discard(t, Discarded::Result(claim.id), 0))?;
    }
    if state != State::Queued || record.is_none() {
        jobs.board.end(claim.id, record.as_ref());
    }
    refresh(jobs)?;
    jobs.store.discarded.notify_one();
    Ok(record.map(|record| record.state))
}

/// What a caller is charged beyond what was charged in advance.
fn correction(claim: &Claim, outcome: &Outcome) -> i64 {
    let real = match outcome {
        Outcome::Done { evaluate_ms, .. } => *evaluate_ms,
        // What a job breaks costs its caller a turn, what the service breaks off costs nothing.
        Outcome::Failed(_) | Outcome::Broken(_) => claim.cost_ms,
        Outcome::Interrupted => 0,
    };
    let signed = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
    signed(real).saturating_sub(signed(claim.cost_ms))
}

fn note(
    t: &Connection,
    claim: &Claim,
    outcome: &Outcome,
    state: State,
    now: i64,
) -> Result<usize, rusqlite::Error> {
    match outcome {
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
    }
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

/// Cancels a job, if it has not ended already.
pub(super) fn cancel(jobs: &Jobs, owner: Owner, id: Uuid) -> Result<(), Refusal> {
    let _transitions = jobs.board.transitions();
    let now = Timestamp::now();
    let cancelled = jobs.store.db.write(|t| {
        let record = Record::find(t, owner, id)?.ok_or_else(Refusal::not_found)?;
        let changed = t.execute(
            "UPDATE jobs SET state = 'cancelled', finished_at = ?2, request_bytes = 0
             WHERE seq = ?1 AND state IN ('queued', 'running')",
            params![record.seq, now.0],
        )?;
        if changed == 0 {
            return Ok::<_, Refusal>(None);
        }
        Ok(Record::at(t, record.seq)?)
    })?;
    if let Some(record) = &cancelled {
        jobs.board.end(id, Some(record));
        refresh(jobs)?;
        jobs.store.discarded.notify_one();
        jobs.metrics.job_ended(&record.model, State::Cancelled.as_str());
        tracing::info!(job = %id, "job cancelled");
    }
    Ok(())
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
    Ok(refresh(jobs)?)
}

/// Forgets what became too old: results first, jobs later.
pub(crate) fn expire(jobs: &Jobs, now: Timestamp) -> Result<(), StoreError> {
    jobs.store.db.write(|t| {
        let expire = "UPDATE jobs SET result_bytes = NULL
                      WHERE finished_at <= ?1 AND result_bytes IS NOT NULL";
        t.execute(expire, [now.before_seconds(jobs.config.result_seconds).0])?;
        let forget = "DELETE FROM jobs WHERE result_bytes IS NULL AND finished_at <= ?1";
        t.execute(forget, [now.before_seconds(jobs.config.job_seconds).0])?;
        Ok(())
    })
}

/// Forgets so many of a caller's jobs, those first that ended first.
pub(crate) fn forget_oldest(
    c: &Connection,
    caller: &Caller,
    count: u64,
) -> Result<(), rusqlite::Error> {
    let query = "DELETE FROM jobs WHERE seq IN (
                     SELECT seq FROM jobs WHERE caller = ?1 AND finished_at IS NOT NULL
                     ORDER BY finished_at LIMIT ?2)";
    c.prepare_cached(query)?.execute(params![caller.to_string(), count])?;
    Ok(())
}
