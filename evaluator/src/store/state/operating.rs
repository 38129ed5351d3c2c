//! What those ask and do who run the service: jobs of anybody, and whether new ones are accepted.

use uuid::Uuid;

use super::Result;
use super::jobs::{JobRow, JobState};
use crate::time::Timestamp;

/// What can be asked.
pub trait ReadOperating {
    /// A job of anybody.
    ///
    /// # Errors
    /// When the database fails.
    fn any_job(&self, id: Uuid) -> Result<Option<JobRow>>;

    /// Jobs of everybody in one state, or in any: the newest, at most so many, newest first.
    ///
    /// # Errors
    /// When the database fails.
    fn any_jobs(&self, state: Option<JobState>, most: u32) -> Result<Vec<JobRow>>;

    /// Since when no new jobs are accepted.
    ///
    /// # Errors
    /// When the database fails.
    fn draining_since(&self) -> Result<Option<Timestamp>>;
}

/// What can be done.
pub trait WriteOperating {
    /// Lets a job that is dead wait again, as if it had never been started. `None` if it is not
    /// dead, its request is not kept any more, or its key set is gone.
    ///
    /// # Errors
    /// When the database fails.
    fn retry_job(&self, seq: i64) -> Result<Option<JobRow>>;

    /// Says since when no new jobs are accepted, or that they are.
    ///
    /// # Errors
    /// When the database fails.
    fn set_draining(&self, since: Option<Timestamp>) -> Result<()>;
}
