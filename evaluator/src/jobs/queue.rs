//! How jobs change their state. Every change is one transaction that asks for the state it starts
//! from, so that a job ends once.

use uuid::Uuid;

use super::board::Interrupt;
use super::{Jobs, order};
use crate::caller::Caller;
use crate::capability::Owner;
use crate::refusal::{Code, Refusal};
use crate::store::StoreError;
use crate::store::state::deletions::Discarded;
use crate::store::state::jobs::{JobError, JobRow, JobState, Recovered, RunEnd, Start};
use crate::store::state::keys::KeyRow;
use crate::store::state::{self, Reads};
use crate::time::Timestamp;

/// A job that a runner took.
#[derive(Debug)]
pub(super) struct Claim {
    pub(super) start: Start,
    pub(super) id: Uuid,
    pub(super) caller: Caller,
    /// What the caller was charged for the run.
    pub(super) cost_ms: u64,
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
    let now = Timestamp::now();
    let claimed = jobs.store.db.write(|t| {
        let Some(first) = in_order(t)?.into_iter().next() else {
            return Ok::<_, StoreError>(None);
        };
        let Some(row) = t.start_job(first.seq, now)? else { return Ok(None) };
        // Paid in advance, so that what runs side by side is shared fairly too.
        t.charge(&row.caller, signed(row.cost_ms))?;
        let (owner, ids) = t.keys_of_job(row.seq)?;
        let sets = t.key_sets(owner, &ids)?.unwrap_or_default();
        Ok(Some((row, sets, in_order(t)?)))
    })?;
    Ok(claimed.map(|(row, sets, order)| {
        let claim = Claim {
            start: Start { seq: row.seq, attempts: row.attempts },
            id: row.id,
            caller: row.caller.clone(),
            cost_ms: row.cost_ms,
            model: row.model.clone(),
            contract: row.contract,
            sets,
            interrupt: jobs.board.start(row),
        };
        jobs.board.set_queue(order);
        claim
    }))
}

/// The jobs that wait, in the order in which they will run.
fn in_order(rows: &(impl Reads + ?Sized)) -> state::Result<Vec<JobRow>> {
    let spent = rows.virtual_times()?;
    let spent_ms = |caller: &Caller| spent.get(caller).copied().unwrap_or(0);
    Ok(order::fair(rows.waiting_jobs()?, spent_ms))
}

/// Brings the board in line with the rows. To be called where transitions are held.
pub(super) fn refresh(jobs: &Jobs) -> Result<(), StoreError> {
    jobs.board.set_queue(jobs.store.db.read(|c| in_order(c))?);
    Ok(())
}

/// Ends a run. Returns the job's new state, or `None` if the job was cancelled or deleted
/// meanwhile.
pub(super) fn end(
    jobs: &Jobs,
    claim: &Claim,
    outcome: &Outcome,
) -> Result<Option<JobState>, StoreError> {
    let _transitions = jobs.board.transitions();
    let now = Timestamp::now();
    let end = run_end(claim, outcome, jobs.config.max_attempts);
    let row = jobs.store.db.write(|t| {
        let row = t.end_job(claim.start, &end, now)?;
        if row.is_some() {
            t.charge(&claim.caller, correction(claim, outcome))?;
        } else {
            // It may have been stored before it was known that nobody wants it.
            t.discard(Discarded::Result(claim.id), 0)?;
        }
        Ok::<_, StoreError>(row)
    })?;
    if row.as_ref().is_none_or(|row| row.state != JobState::Queued) {
        jobs.board.end(claim.id, row.as_ref());
    }
    refresh(jobs)?;
    jobs.store.discarded.notify_one();
    Ok(row.map(|row| row.state))
}

/// What becomes of a job.
fn run_end(claim: &Claim, outcome: &Outcome, most_attempts: u32) -> RunEnd {
    let attempts = claim.start.attempts;
    let given_up = |state, code: Code, detail: String| {
        RunEnd::GivenUp(state, JobError { code: code.as_str().to_owned(), detail })
    };
    match outcome {
        &Outcome::Done { result_bytes, evaluate_ms } => RunEnd::Done { result_bytes, evaluate_ms },
        Outcome::Failed(refusal) => {
            given_up(JobState::Failed, refusal.code, refusal.detail.to_string())
        }
        Outcome::Broken(_) if attempts >= most_attempts => {
            let detail = format!("The job was started {attempts} times and never ended.");
            given_up(JobState::Dead, Code::Internal, detail)
        }
        Outcome::Broken(_) => RunEnd::Again { counted: true },
        Outcome::Interrupted => RunEnd::Again { counted: false },
    }
}

/// What a caller is charged beyond what was charged in advance.
fn correction(claim: &Claim, outcome: &Outcome) -> i64 {
    let real = match outcome {
        Outcome::Done { evaluate_ms, .. } => *evaluate_ms,
        // What a job breaks costs its caller a turn, what the service breaks off costs nothing.
        Outcome::Failed(_) | Outcome::Broken(_) => claim.cost_ms,
        Outcome::Interrupted => 0,
    };
    signed(real).saturating_sub(signed(claim.cost_ms))
}

fn signed(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}

/// Cancels a job, if it has not ended already.
pub(super) fn cancel(jobs: &Jobs, owner: Owner, id: Uuid) -> Result<(), Refusal> {
    let _transitions = jobs.board.transitions();
    let now = Timestamp::now();
    let cancelled = jobs.store.db.write(|t| {
        let row = t.job(owner, id)?.ok_or_else(Refusal::not_found)?;
        Ok::<_, Refusal>(t.cancel_job(row.seq, now)?)
    })?;
    if let Some(row) = &cancelled {
        jobs.board.end(id, Some(row));
        refresh(jobs)?;
        jobs.store.discarded.notify_one();
        jobs.metrics.job_ended(&row.model, row.state.as_str());
        tracing::info!(job = %id, "job cancelled");
    }
    Ok(())
}

/// Puts jobs that ran when the process ended back into the queue, or gives them up if they were
/// started too often, and puts all that wait on the board.
pub(crate) fn recover(jobs: &Jobs) -> Result<(), StoreError> {
    let _transitions = jobs.board.transitions();
    let (now, limit) = (Timestamp::now(), jobs.config.max_attempts);
    let recovered = jobs.store.db.write(|t| t.recover_jobs(limit, Code::Internal.as_str(), now))?;
    let Recovered { dead, requeued } = recovered;
    if dead + requeued > 0 {
        tracing::warn!(requeued, dead, "jobs were running when the service ended");
    }
    refresh(jobs)
}

/// Forgets what became too old: results first, jobs later.
pub(crate) fn expire(jobs: &Jobs, now: Timestamp) -> Result<(), StoreError> {
    let config = &jobs.config;
    let results = now.before_seconds(config.result_seconds);
    let forgotten = now.before_seconds(config.job_seconds);
    Ok(jobs.store.db.write(|t| t.expire_jobs(results, forgotten))?)
}
