//! A job as its owner sees it.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Live;
use crate::store::state::jobs::{JobError, JobRow, JobState};
use crate::time::Timestamp;

/// A job.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct JobView {
    /// Its name.
    pub id: Uuid,
    /// The key set it uses.
    pub keys: Uuid,
    /// The model it runs.
    pub model: String,
    /// Where it is.
    pub state: JobState,
    /// How many jobs are before it, while it waits.
    pub position: Option<u32>,
    /// Steps that are done.
    pub step: u32,
    /// Steps there are.
    pub steps: u32,
    /// How long until it is done, as far as one can tell.
    pub eta_seconds: Option<f64>,
    /// How often it was started.
    pub attempts: u32,
    /// When it was accepted (RFC 3339).
    pub created_at: String,
    /// When it was last started (RFC 3339).
    pub started_at: Option<String>,
    /// When it ended (RFC 3339).
    pub finished_at: Option<String>,
    /// Why it has no result.
    pub error: Option<JobError>,
    /// How long the evaluation took.
    pub evaluate_seconds: Option<f64>,
}

impl JobView {
    /// Whether another view tells nothing else. Estimates change all the time, and are no news.
    pub(crate) fn says_as_much_as(&self, other: &Self) -> bool {
        Self { eta_seconds: other.eta_seconds, ..self.clone() } == *other
    }

    /// What is stored of a job and what is known of it at this moment. The two may be a moment
    /// apart; the stored state counts.
    #[must_use]
    pub fn new(record: &JobRow, live: Option<Live>) -> Self {
        let steps = record.steps;
        let (position, step, eta_seconds) = match (record.state, live) {
            (JobState::Queued, Some(Live::Queued { position, eta_seconds })) => {
                (Some(position), 0, eta_seconds)
            }
            (JobState::Queued, _) => (Some(0), 0, None),
            (JobState::Running, Some(Live::Running { step, eta_seconds })) => {
                (None, step, eta_seconds)
            }
            (JobState::Done, _) => (None, steps, None),
            _ => (None, 0, None),
        };
        Self {
            id: record.id,
            keys: record.keys,
            model: record.model.clone(),
            state: record.state,
            position,
            step,
            steps,
            eta_seconds: eta_seconds.map(|seconds| (seconds * 10.0).round() / 10.0),
            attempts: record.attempts,
            created_at: record.created_at.to_rfc3339(),
            started_at: record.started_at.map(Timestamp::to_rfc3339),
            finished_at: record.finished_at.map(Timestamp::to_rfc3339),
            error: record.error.clone(),
            evaluate_seconds: record.evaluate_ms.map(|ms| ms as f64 / 1000.0),
        }
    }
}
