//! Jobs of everybody.

use blindsight_evaluator::store::state::StateError;
use blindsight_evaluator::store::state::jobs::{JobRow, JobState};
use blindsight_evaluator::store::state::usage::Scope;
use blindsight_evaluator::time::Timestamp;
use clap::Subcommand;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Database, Outcome, done};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Lists them, the newest first.
    List {
        /// Only those in this state: queued, running, done, failed, cancelled or dead.
        #[arg(long, value_parser = state)]
        state: Option<JobState>,
        /// At most so many.
        #[arg(long, default_value_t = 100)]
        most: u32,
    },
    /// Cancels one that has not ended.
    Cancel {
        /// The job.
        id: Uuid,
    },
    /// Lets one that is dead wait again, as if it had never been started.
    Retry {
        /// The job.
        id: Uuid,
    },
}

fn state(text: &str) -> Result<JobState, &'static str> {
    JobState::parse(text).ok_or("there is no such state")
}

pub(super) fn run(db: &Database, command: &Command) -> Outcome {
    match command {
        Command::List { state, most } => list(db, *state, *most),
        Command::Cancel { id } => cancel(db, *id),
        Command::Retry { id } => retry(db, *id),
    }
}

fn list(db: &Database, state: Option<JobState>, most: u32) -> Outcome {
    let rows = db.read(|c| c.any_jobs(state, most))?;
    for row in &rows {
        let JobRow { id, model, caller, attempts, .. } = row;
        let (state, at) = (row.state.as_str(), row.created_at.to_rfc3339());
        println!("{id} {state} {model} of {caller}, accepted {at}, started {attempts} times");
    }
    let jobs: Vec<Value> = rows.iter().map(described).collect();
    Ok(json!({ "jobs": jobs }))
}

fn cancel(db: &Database, id: Uuid) -> Outcome {
    let now = Timestamp::now();
    let cancelled = db.write(|t| {
        let Some(row) = t.any_job(id)? else { return Ok::<_, StateError>(None) };
        let cancelled = t.cancel_job(row.seq, now)?;
        if cancelled.is_some() {
            t.note_audit(&done("job cancelled", id))?;
        }
        Ok(cancelled)
    })?;
    let row = cancelled.ok_or("there is no such job, or it has ended")?;
    Ok(json!({ "job": described(&row) }))
}

fn retry(db: &Database, id: Uuid) -> Outcome {
    let retried = db.write(|t| {
        let Some(row) = t.any_job(id)? else { return Ok::<_, StateError>(None) };
        let before = t.usage(Scope::Caller(&row.caller))?;
        let retried = t.retry_job(row.seq)?;
        if retried.is_some() {
            if before.queued + before.running == 0 {
                t.arrive(&row.caller)?;
            }
            t.note_audit(&done("job retried", id))?;
        }
        Ok(retried)
    })?;
    let row = retried.ok_or("there is no such job, it is not dead, or its request is not kept")?;
    Ok(json!({ "job": described(&row) }))
}

fn described(row: &JobRow) -> Value {
    json!({
        "id": row.id,
        "state": row.state,
        "model": row.model,
        "caller": row.caller.to_string(),
        "keys": row.keys,
        "attempts": row.attempts,
        "error": row.error,
        "created_at": row.created_at.to_rfc3339(),
        "started_at": row.started_at.map(Timestamp::to_rfc3339),
        "finished_at": row.finished_at.map(Timestamp::to_rfc3339),
    })
}
