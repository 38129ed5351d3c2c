//! Sums over the rows, kept with every change of a row: who has how much. No limit needs a scan.

use std::collections::HashMap;

use super::Result;
use crate::caller::Caller;
use crate::capability::Owner;

/// Whose rows are summed.
#[derive(Debug, Clone, Copy)]
pub enum Scope<'a> {
    /// Everybody's.
    All,
    /// What came from one caller.
    Caller(&'a Caller),
    /// What belongs to one capability.
    Owner(Owner),
}

/// How much there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Rows of any kind.
    pub rows: u64,
    /// Uploads that still take bytes.
    pub uploads: u32,
    /// Bytes: uploads at their full length, keys, requests and results.
    pub bytes: u64,
    /// Jobs that wait.
    pub queued: u32,
    /// Jobs that run.
    pub running: u32,
}

/// What can be asked of the sums. All methods fail where the database does.
pub trait ReadUsage {
    /// Counts by one look at a row.
    ///
    /// # Errors
    /// When the database fails.
    fn usage(&self, scope: Scope<'_>) -> Result<Usage>;

    /// The virtual times, in milliseconds, of all callers that have jobs waiting
    /// ([`crate::jobs`] says what they are for).
    ///
    /// # Errors
    /// When the database fails.
    fn virtual_times(&self) -> Result<HashMap<Caller, u64>>;
}
