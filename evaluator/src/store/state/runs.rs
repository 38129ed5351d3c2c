//! Runs: who may run which job, for how long, and how that ends.
//!
//! A job that waits is taken for a lease, which the process that took it prolongs. A run has a number,
//! the epoch, and ends its job only while that is the last one: a process that was thought lost and
//! comes back changes nothing (a fencing token; Kleppmann, 2016). Leases run by the database's clock.

use std::fmt::{self, Display, Formatter};

use uuid::Uuid;

use super::Result;
use super::jobs::{JobError, JobRow, JobState};
use super::keys::{KeyRow, ReadKeys};
use super::tenants::RunningShare;
use crate::caller::Caller;
use crate::time::Timestamp;

/// One run of a job. Only the last one may end it: its epoch keeps out whoever ran it before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Start {
    /// The job's place in the order of acceptance.
    pub seq: i64,
    /// Which run it is.
    pub epoch: u64,
}

/// The name of a run, and so of its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RunName {
    /// The job.
    pub job: Uuid,
    /// Which of its runs; 0 for those of versions that did not count them.
    pub epoch: u64,
}

impl RunName {
    /// The run that has this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let (job, epoch) = name.split_once('.').unwrap_or((name, "0"));
        let run = Self { job: Uuid::parse_str(job).ok()?, epoch: epoch.parse().ok()? };
        // One name each.
        (run.to_string() == name).then_some(run)
    }
}

impl Display for RunName {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.epoch {
            0 => write!(f, "{}", self.job),
            epoch => write!(f, "{}.{epoch}", self.job),
        }
    }
}

/// Who runs a job, and for how long nobody else takes it over.
#[derive(Debug, Clone, Copy)]
pub struct Tenure {
    /// The process.
    pub worker: Uuid,
    /// By the database's clock.
    pub lease_ms: u64,
}

/// Whether a job's keys are expanded somewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Warm {
    /// In the process that asks.
    Here,
    /// In another one.
    Elsewhere,
    /// Nowhere.
    Nowhere,
}

/// What the turn of a job that waits depends on.
#[derive(Debug, Clone)]
pub struct Waiting {
    /// The job's place in the order of acceptance.
    pub seq: i64,
    /// Whose share it comes out of.
    pub caller: Caller,
    /// How long its run is expected to take.
    pub cost_ms: u64,
    /// Virtual time of its caller.
    pub spent_ms: u64,
    /// How much its caller runs, where that has a limit.
    pub share: Option<RunningShare>,
    /// How long it has waited, by the database's clock.
    pub waited_ms: u64,
    /// Where the keys are that it was submitted under.
    pub warm: Warm,
    /// How often another job of a later turn was taken before it.
    pub passed: u32,
}

/// A process that runs jobs, as the rows show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Working {
    /// The process.
    pub worker: Uuid,
    /// For how long it has not prolonged the lease of one of its jobs.
    pub silent_ms: u64,
    /// Whether the lease of one of them has ended.
    pub is_overdue: bool,
}

/// Whose runs have come to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// All: the only process begins.
    All,
    /// Those of a process that is gone, and has prolonged nothing for so long.
    Of {
        /// The process.
        worker: Uuid,
        /// By the database's clock.
        silent_ms: u64,
    },
    /// Those whose lease has ended.
    Overdue,
}

/// How a start ended.
#[derive(Debug, Clone)]
pub enum RunEnd {
    /// Its result is stored.
    Done {
        /// Length of the result.
        result_bytes: u64,
        /// How long it took.
        evaluate_ms: u64,
    },
    /// It will never have one.
    GivenUp(JobState, JobError),
    /// It waits again.
    Again {
        /// Whether the start counts.
        counted: bool,
    },
}

/// What jobs became whose process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recovered {
    /// Given up.
    pub dead: u64,
    /// Waiting again.
    pub requeued: u64,
}

/// What can be asked of runs.
pub trait ReadRuns {
    /// All jobs that run.
    ///
    /// # Errors
    /// When the database fails.
    fn running_jobs(&self) -> Result<Vec<JobRow>>;

    /// What a process may run next: so many jobs `each`, the oldest, of so many `callers`, those
    /// with the least virtual time; in the order of acceptance.
    ///
    /// # Errors
    /// When the database fails.
    fn next_jobs(&self, worker: Uuid, callers: u32, each: u32) -> Result<Vec<Waiting>>;

    /// For how long the oldest job has waited, by the database's clock.
    ///
    /// # Errors
    /// When the database fails.
    fn queue_age_ms(&self) -> Result<u64>;

    /// The models of so many jobs that ended last with a result, and how long their runs took, in
    /// milliseconds.
    ///
    /// # Errors
    /// When the database fails.
    fn recent_runs(&self, most: u32) -> Result<Vec<(String, u64)>>;

    /// Which processes run jobs.
    ///
    /// # Errors
    /// When the database fails.
    fn working(&self) -> Result<Vec<Working>>;

    /// Which processes are noted to hold keys.
    ///
    /// # Errors
    /// When the database fails.
    fn warm_workers(&self) -> Result<Vec<Uuid>>;
}

/// What can be done with runs. Every change asks for the state it starts from, so that a job ends
/// once.
pub trait WriteRuns: ReadKeys {
    /// Starts a job that waits; `None` if it does not wait any more.
    ///
    /// # Errors
    /// When the database fails.
    fn start_job(&self, seq: i64, tenure: Tenure, now: Timestamp) -> Result<Option<JobRow>>;

    /// The same, with the job's key sets, as far as they are there.
    ///
    /// # Errors
    /// When the database fails.
    fn start_job_with_keys(
        &self,
        seq: i64,
        tenure: Tenure,
        now: Timestamp,
    ) -> Result<Option<(JobRow, Vec<KeyRow>)>> {
        let Some(row) = self.start_job(seq, tenure, now)? else { return Ok(None) };
        Ok(Some((row, self.key_sets_of_job(seq)?)))
    }

    /// Notes that a job of a later turn was taken before this one.
    ///
    /// # Errors
    /// When the database fails.
    fn pass_over(&self, seq: i64) -> Result<()>;

    /// Ends a run; `None` if it is not the last one any more, or was cancelled.
    ///
    /// # Errors
    /// When the database fails.
    fn end_job(&self, start: Start, end: &RunEnd, now: Timestamp) -> Result<Option<JobRow>>;

    /// Gives up lost runs of jobs that were started `limit` times, with this code, and lets the
    /// other jobs wait again.
    ///
    /// # Errors
    /// When the database fails.
    fn recover_jobs(&self, lost: Lost, limit: u32, code: &str, now: Timestamp)
    -> Result<Recovered>;

    /// Notes that a process holds the expanded keys of a bundle, or does no more.
    ///
    /// # Errors
    /// When the database fails.
    fn note_warm(&self, worker: Uuid, bundle: &[u8; 32], is_warm: bool) -> Result<()>;

    /// Forgets which keys a process held.
    ///
    /// # Errors
    /// When the database fails.
    fn forget_warm(&self, worker: Uuid) -> Result<()>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_have_one_name_each() {
        let job = Uuid::from_u128(7);
        for epoch in [0, 1, 12] {
            let run = RunName { job, epoch };
            assert_eq!(RunName::parse(&run.to_string()), Some(run));
        }
        for wrong in [format!("{job}."), format!("{job}.0"), format!("{job}.01"), "x.1".to_owned()]
        {
            assert_eq!(RunName::parse(&wrong), None, "{wrong}");
        }
    }
}
