//! The switch that keeps new jobs out.

use blindsight_evaluator::store::state::StateError;
use blindsight_evaluator::time::Timestamp;
use clap::{Args, ValueEnum};
use serde_json::json;

use super::{Database, Outcome, done};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Whether new jobs are kept out.
    to: To,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum To {
    /// No new jobs are accepted; what waits still runs.
    On,
    /// New jobs are accepted.
    Off,
}

pub(super) fn run(db: &Database, arguments: &Arguments) -> Outcome {
    let now = Timestamp::now();
    let (since, jobs) = db.write(|t| {
        if arguments.to == To::On {
            t.set_draining(Some(now))?;
            t.note_audit(&done("drain on", ""))?;
        } else {
            t.set_draining(None)?;
            t.note_audit(&done("drain off", ""))?;
        }
        let all = t.usage(blindsight_evaluator::store::state::usage::Scope::All)?;
        Ok::<_, StateError>((t.draining_since()?, (all.queued, all.running)))
    })?;
    Ok(json!({
        "draining_since": since.map(Timestamp::to_rfc3339),
        "queued": jobs.0,
        "running": jobs.1,
    }))
}
