//! What processes that share a database need of it beside rows: to be known as present, to hear of
//! each other, and to prolong their leases whatever else goes on.

use std::fmt::Debug;
use std::sync::Arc;

use uuid::Uuid;

use super::Result;
use super::runs::Start;

/// A database that several processes use. Its methods block, but for [`Shared::announce`].
pub trait Shared: Debug + Send + Sync {
    /// Makes a process known as present for as long as it lives and is connected, and from then on
    /// tells it what it hears. A connection that breaks is made anew.
    ///
    /// # Errors
    /// When the database cannot be reached, or does not keep what belongs to a connection.
    fn join(&self, process: Uuid, hear: Arc<dyn Fn(Heard) + Send + Sync>) -> Result<()>;

    /// Tells all processes, this one included, soon and at most once. What gets lost is found by
    /// whoever looks at the rows.
    fn announce(&self, note: Note);

    /// Prolongs leases: of the runs of a process, with the steps that are done. Returns those that
    /// are still its own. Waits for no change of rows.
    ///
    /// # Errors
    /// When the database cannot be reached.
    fn renew(&self, worker: Uuid, runs: &[(Start, u32)], lease_ms: u64) -> Result<Vec<Start>>;

    /// Those of these processes that are not present.
    ///
    /// # Errors
    /// When the database cannot be reached.
    fn absent(&self, processes: &[Uuid]) -> Result<Vec<Uuid>>;
}

/// What a process hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// It is present, and may have missed something before.
    Connected,
    /// Its connection broke.
    Lost,
    /// Somebody announced something.
    Note(Note),
}

/// What processes tell each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Note {
    /// Jobs wait, run or have ended that did not before.
    Jobs,
    /// A run has got so far.
    Step {
        /// Its job.
        job: Uuid,
        /// Steps that are done.
        step: u32,
    },
    /// Nobody wants the run of this job any more.
    Stop(Uuid),
}

#[cfg(any(feature = "postgres", test))]
impl Note {
    /// As it is sent.
    pub(crate) fn to_text(self) -> String {
        match self {
            Self::Jobs => "jobs".to_owned(),
            Self::Step { job, step } => format!("step {job} {step}"),
            Self::Stop(job) => format!("stop {job}"),
        }
    }

    /// What was sent; `None` for what other versions may say.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let note = match (words.next()?, words.next(), words.next()) {
            ("jobs", None, None) => Self::Jobs,
            ("step", Some(job), Some(step)) => {
                Self::Step { job: Uuid::parse_str(job).ok()?, step: step.parse().ok()? }
            }
            ("stop", Some(job), None) => Self::Stop(Uuid::parse_str(job).ok()?),
            _ => return None,
        };
        words.next().is_none().then_some(note)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_arrive_as_they_were_sent() {
        let job = Uuid::from_u128(5);
        for note in [Note::Jobs, Note::Step { job, step: 7 }, Note::Stop(job)] {
            assert_eq!(Note::parse(&note.to_text()), Some(note));
        }
        for strange in ["", "jobs now", "step x 1", "stop", "step 1", "more"] {
            assert_eq!(Note::parse(strange), None, "{strange}");
        }
    }
}
