//! What is to be deleted: noted by the database itself when the row goes which named it, and crossed
//! off when it is gone. A failure or a crash in between forgets nothing.

use uuid::Uuid;

use super::Result;
use super::keys::BundleName;
use super::runs::RunName;
use crate::time::Timestamp;

/// A file or blobs that nothing needs any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Discarded {
    /// The file of an upload.
    Upload(Uuid),
    /// The frames of a key bundle.
    Bundle(BundleName),
    /// The request of a job.
    Request(Uuid),
    /// The answer of a run.
    Result(RunName),
}

impl Discarded {
    /// Its kind and name, as they are stored.
    pub(crate) fn key(self) -> (&'static str, String) {
        match self {
            Self::Upload(id) => ("upload", id.to_string()),
            Self::Bundle(name) => ("bundle", name.to_string()),
            Self::Request(job) => ("request", job.to_string()),
            Self::Result(run) => ("result", run.to_string()),
        }
    }

    /// What has this kind and name.
    pub(crate) fn parse(kind: &str, name: &str) -> Option<Self> {
        let id = || Uuid::parse_str(name).ok();
        match kind {
            "upload" => Some(Self::Upload(id()?)),
            "bundle" => Some(Self::Bundle(BundleName::parse(name)?)),
            "request" => Some(Self::Request(id()?)),
            "result" => Some(Self::Result(RunName::parse(name)?)),
            _ => None,
        }
    }
}

/// Something to delete, and how often that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// What.
    pub what: Discarded,
    /// Failures so far.
    pub attempts: u32,
}

impl Due {
    /// When it is tried again if it fails now: later each time.
    #[must_use]
    pub fn next(&self, now: Timestamp) -> Timestamp {
        now.after_seconds(1 << self.attempts.min(MOST_DOUBLINGS))
    }
}

/// An hour and eight minutes.
const MOST_DOUBLINGS: u32 = 12;

/// How much is to be deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pending {
    /// How many things.
    pub count: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// What can be asked of them.
pub trait ReadDeletions {
    /// What is to be tried now.
    ///
    /// # Errors
    /// When the database fails.
    fn due(&self, now: Timestamp, most: u32) -> Result<Vec<Due>>;

    /// How much there is.
    ///
    /// # Errors
    /// When the database fails.
    fn pending_deletions(&self) -> Result<Pending>;
}

/// What can be done with them.
pub trait WriteDeletions {
    /// Notes that something is to be deleted which no row ever named, and which takes so many
    /// bytes.
    ///
    /// # Errors
    /// When the database fails.
    fn discard(&self, what: Discarded, bytes: u64) -> Result<()>;

    /// It is gone, or needed again.
    ///
    /// # Errors
    /// When the database fails.
    fn deleted(&self, what: Discarded) -> Result<()>;

    /// It could not be deleted, and is tried again.
    ///
    /// # Errors
    /// When the database fails.
    fn not_deleted(&self, due: Due, now: Timestamp) -> Result<()>;
}
