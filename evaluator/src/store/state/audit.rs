//! Who did what, and to what: kept for a while, and never with contents.

use super::Result;
use crate::time::Timestamp;

/// Something that somebody did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// When.
    pub at: Timestamp,
    /// Who: a caller, or a person at the machine.
    pub who: String,
    /// What, as a word.
    pub action: String,
    /// To what: a name or an id.
    pub subject: String,
}

impl AuditRow {
    /// Something that is done now.
    #[must_use]
    pub fn now(who: impl ToString, action: &str, subject: impl ToString) -> Self {
        Self {
            at: Timestamp::now(),
            who: who.to_string(),
            action: action.to_owned(),
            subject: subject.to_string(),
        }
    }
}

/// What can be asked of it.
pub trait ReadAudit {
    /// What was done from a moment on, oldest first: the newest of it, if it is more than so many.
    ///
    /// # Errors
    /// When the database fails.
    fn audit(&self, since: Timestamp, most: u32) -> Result<Vec<AuditRow>>;
}

/// What can be done with it.
pub trait WriteAudit {
    /// Notes something that was done.
    ///
    /// # Errors
    /// When the database fails.
    fn note_audit(&self, row: &AuditRow) -> Result<()>;

    /// Forgets what was done before a moment.
    ///
    /// # Errors
    /// When the database fails.
    fn forget_audit(&self, before: Timestamp) -> Result<()>;
}
