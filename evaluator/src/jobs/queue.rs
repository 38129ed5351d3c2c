//! How jobs change their state. Every change is one transaction that asks for the state it starts
//! from, so that a job ends once.

use rusqlite::{Connection, params};
use uuid::Uuid;

use super::board::Interrupt;
use super::{Record, State};
use crate::capability::Owner;
use crate::refusal::{Code, Refusal};
use crate::service::Service;
use crate::store::StoreError;
use crate::time::Timestamp;

/// A job that a runner took.
#[derive(Debug)]
pub(super) struct Claim {
    pub(super) seq: i64,
    pub(super) id: Uuid,
    pub(super) attempts: u32,
    /// The bundle of its keys.
    pub(super) sha256: [u8; 32],
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
pub(super) fn claim(service: &Service) -> Result<Option<Claim>, StoreError> {
    let _transitions = service.board.transitions();
    if service.is_stopping() {
        return Ok(None);
    }
    let claimed = service.store.db.write(|t| {
        let Some(record) = Record::first_queued(t)? else {
            return Ok::<_, StoreError>(None);
        };
        t.execute(
            "UPDATE jobs SET state = 'running', attempts = attempts + 1, started_at = ?2
             WHERE seq = ?1",
            params![record.seq, Timestamp::now().0],
        )?;
        let query = "SELECT sha256 FROM keys WHERE id = ?1";
        let sha256 = t.query_row(query, [record.keys.to_string()], |row| row.get(0))?;
        Ok(Some((record, sha256)))
    })?;
    Ok(claimed.map(|(record, sha256)| {
        let steps = service.model.description().steps;
        let interrupt = service.board.start(record.seq, record.id, steps);
        Claim { seq: record.seq, id: record.id, attempts: record.attempts + 1, sha256, interrupt }
    }))
}

/// Ends a run. Returns the job's new state, or `None` if the job was cancelled or deleted
/// meanwhile.
pub(super) fn end(
    service: &Service,
    claim: &Claim,
    outcome: &Outcome,
) -> Result<Option<State>, StoreError> {
    let _transitions = service.board.transitions();
    let now = Timestamp::now().0;
    let state = match outcome {
        Outcome::Done { .. } => State::Done,
        Outcome::Failed(_) => State::Failed,
        Outcome::Broken(_) if claim.attempts >= service.config.max_attempts => State::Dead,
        Outcome::Broken(_) | Outcome::Interrupted => State::Queued,
    };
    let changed = service.store.db.write(|t| match outcome {
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
        service.board.remove(claim.seq, claim.id);
        return Ok(None);
    }
    if state == State::Queued {
        service.board.enqueue(claim.seq, claim.id);
    } else {
        service.board.remove(claim.seq, claim.id);
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
pub(super) fn cancel(service: &Service, owner: Owner, id: Uuid) -> Result<bool, Refusal> {
    let _transitions = service.board.transitions();
    let (seq, cancelled) = service.store.db.write(|t| {
        let record = Record::find(t, owner, id)?.ok_or_else(Refusal::not_found)?;
        let changed = t.execute(
            "UPDATE jobs SET state = 'cancelled', finished_at = ?2, request_bytes = 0
             WHERE seq = ?1 AND state IN ('queued', 'running')",
            params![record.seq, Timestamp::now().0],
        )?;
        Ok::<_, Refusal>((record.seq, changed == 1))
    })?;
    if cancelled {
        service.board.remove(seq, id);
        service.metrics.job_ended(State::Cancelled);
        tracing::info!(job = %id, "job cancelled");
    }
    Ok(cancelled)
}

/// Puts jobs that ran when the process ended back into the queue, or gives them up if they were
/// started too often, and puts all that wait on the board.
pub(crate) fn recover(service: &Service) -> Result<(), StoreError> {
    let _transitions = service.board.transitions();
    let now = Timestamp::now().0;
    let limit = service.config.max_attempts;
    let (dead, requeued) = service.store.db.write(|t| {
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
    for record in service.store.db.read(|c| Record::in_state(c, State::Queued))? {
        service.board.enqueue(record.seq, record.id);
    }
    Ok(())
}

/// What became too old: jobs whose results are to be deleted.
pub(crate) fn sweep(service: &Service, now: Timestamp) -> Result<Vec<Uuid>, StoreError> {
    let before = |seconds: u64| now.0 - i64::try_from(seconds).unwrap_or(i64::MAX / 2) * 1000;
    service.store.db.write(|t| {
        let query = "UPDATE jobs SET result_bytes = NULL
                     WHERE result_bytes IS NOT NULL AND finished_at <= ?1 RETURNING id";
        let mut query = t.prepare(query)?;
        let limit = before(service.config.result_seconds);
        let results = query.query_map([limit], |row| super::record::uuid(row, 0))?;
        let results: Vec<Uuid> = results.collect::<Result<_, _>>()?;
        let forget = "DELETE FROM jobs WHERE result_bytes IS NULL AND finished_at <= ?1";
        t.execute(forget, [before(service.config.job_seconds)])?;
        Ok(results)
    })
}
