//! The rows of jobs, and the virtual times of callers.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Result;
use super::runs::RunName;
use crate::caller::Caller;
use crate::capability::Owner;
use crate::time::Timestamp;
use crate::traces::TraceParent;

/// Where a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = State)]
pub enum JobState {
    /// It waits.
    Queued,
    /// It runs.
    Running,
    /// It ended with a result.
    Done,
    /// It ended without: its request or its keys do not fit.
    Failed,
    /// Its owner cancelled it.
    Cancelled,
    /// It was started too often without coming to an end.
    Dead,
}

impl JobState {
    /// All states.
    pub const ALL: [Self; 6] =
        [Self::Queued, Self::Running, Self::Done, Self::Failed, Self::Cancelled, Self::Dead];

    /// The state's name in the database and in the protocol.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Dead => "dead",
        }
    }

    /// The state that has this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }

    /// Whether a job stays in this state for ever.
    #[must_use]
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }
}

/// A job as it is stored.
#[derive(Debug, Clone)]
pub struct JobRow {
    /// Its place in the order of acceptance.
    pub seq: i64,
    /// Its name.
    pub id: Uuid,
    /// Whose share it comes out of.
    pub caller: Caller,
    /// The key set it uses.
    pub keys: Uuid,
    /// The model it runs.
    pub model: String,
    /// SHA-256 of the contract that its request was made for.
    pub contract: [u8; 32],
    /// Steps of its run.
    pub steps: u32,
    /// Where it is.
    pub state: JobState,
    /// How often it was started.
    pub attempts: u32,
    /// How often it was taken by a runner. It never goes back, so it names a run.
    pub epoch: u64,
    /// The process that runs it, or ran it last.
    pub worker: Option<Uuid>,
    /// Steps of its run that are known to be done.
    pub step: u32,
    /// SHA-256 of its request.
    pub request_sha256: [u8; 32],
    /// Length of its result, while that is kept.
    pub result_bytes: Option<u64>,
    /// Why it has no result.
    pub error: Option<JobError>,
    /// How long its last run took.
    pub evaluate_ms: Option<u64>,
    /// How long its run was expected to take when it was accepted.
    pub cost_ms: u64,
    /// The span that accepted it, where traces are collected.
    pub trace: Option<TraceParent>,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When it was last started.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

/// Why a job has no result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct JobError {
    /// Stable code.
    pub code: String,
    /// A sentence.
    pub detail: String,
}

/// A job that is new here.
#[derive(Debug)]
pub struct NewRow<'a> {
    /// Its name.
    pub id: Uuid,
    /// Whose it is.
    pub owner: Owner,
    /// Whose share it comes out of.
    pub caller: &'a Caller,
    /// The key set it belongs to.
    pub keys: Uuid,
    /// Further key sets that it uses.
    pub with: &'a [Uuid],
    /// The model it runs.
    pub model: &'a str,
    /// SHA-256 of the contract that its request was made for.
    pub contract: [u8; 32],
    /// Steps of its run.
    pub steps: u32,
    /// The same key with the same model and request means the same job.
    pub idempotency_key: Option<&'a str>,
    /// SHA-256 of its request.
    pub request_sha256: [u8; 32],
    /// Length of its request.
    pub request_bytes: u64,
    /// How long its run is expected to take.
    pub cost_ms: u64,
    /// The span that accepts it, where traces are collected.
    pub trace: Option<TraceParent>,
    /// When it was accepted.
    pub created_at: Timestamp,
}

/// What can be asked of jobs.
pub trait ReadJobs {
    /// A job, if it is there and the owner's.
    ///
    /// # Errors
    /// When the database fails.
    fn job(&self, owner: Owner, id: Uuid) -> Result<Option<JobRow>>;

    /// The job that was submitted under these keys with this idempotency key.
    ///
    /// # Errors
    /// When the database fails.
    fn repeated_job(&self, keys: Uuid, idempotency_key: &str) -> Result<Option<JobRow>>;

    /// So many of the jobs that wait, in the order of acceptance.
    ///
    /// # Errors
    /// When the database fails.
    fn waiting_jobs(&self, most: u32) -> Result<Vec<JobRow>>;

    /// The job at this place in the order of acceptance, if it waits.
    ///
    /// # Errors
    /// When the database fails.
    fn waiting_job(&self, seq: i64) -> Result<Option<JobRow>>;

    /// Jobs of anybody by their names; what is not there is left out.
    ///
    /// # Errors
    /// When the database fails.
    fn jobs_named(&self, ids: &[Uuid]) -> Result<Vec<JobRow>>;

    /// How many jobs wait or run that were submitted under a key set.
    ///
    /// # Errors
    /// When the database fails.
    fn unfinished_jobs(&self, keys: Uuid) -> Result<u32>;

    /// Jobs whose requests are needed, and runs whose results are.
    ///
    /// # Errors
    /// When the database fails.
    fn jobs_with_blobs(&self) -> Result<(Vec<Uuid>, Vec<RunName>)>;
}

/// What can be done with jobs. Every change asks for the state it starts from, so that a job ends
/// once.
pub trait WriteJobs {
    /// Notes a job that waits.
    ///
    /// # Errors
    /// When the database fails.
    fn insert_job(&self, new: &NewRow<'_>) -> Result<()>;

    /// Cancels a job; `None` if it has ended.
    ///
    /// # Errors
    /// When the database fails.
    fn cancel_job(&self, seq: i64, now: Timestamp) -> Result<Option<JobRow>>;

    /// Deletes the jobs that end with a key set: those that were submitted under it, and unfinished
    /// ones that use it. Returns which.
    ///
    /// # Errors
    /// When the database fails.
    fn delete_jobs_of_keys(&self, keys: Uuid) -> Result<Vec<Uuid>>;

    /// Forgets the results of jobs that ended before one moment, and jobs without a result that
    /// ended before another.
    ///
    /// # Errors
    /// When the database fails.
    fn expire_jobs(&self, results: Timestamp, jobs: Timestamp) -> Result<()>;

    /// Forgets so many of a caller's jobs, those first that ended first.
    ///
    /// # Errors
    /// When the database fails.
    fn forget_oldest_jobs(&self, caller: &Caller, count: u64) -> Result<()>;

    /// A caller who had nothing to do has a job again: if its virtual time was less than that of the
    /// others, it is theirs, as it was before the runs that are going on. So its turn is the next
    /// one.
    ///
    /// # Errors
    /// When the database fails.
    fn arrive(&self, caller: &Caller) -> Result<()>;

    /// A caller used so much time, or is given it back.
    ///
    /// # Errors
    /// When the database fails.
    fn charge(&self, caller: &Caller, ms: i64) -> Result<()>;
}
