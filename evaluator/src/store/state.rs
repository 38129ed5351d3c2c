//! What the service knows of uploads, key sets, jobs and tenants: rows, and the verbs that change them.
//!
//! The rules, such as limits and turns, stand in `limits`, `jobs`, `keys` and `uploads`, once. What
//! is here is what they ask of a database, and no more; a database that can do this can carry the
//! service ([`super::sqlite`] does).

pub mod audit;
pub mod deletions;
pub mod jobs;
pub mod keys;
pub mod operating;
pub mod runs;
pub mod shared;
pub mod tenants;
#[cfg(test)]
mod tests;
pub mod uploads;
pub mod usage;

use std::error::Error;
use std::fmt::Debug;

use thiserror::Error;

use audit::{ReadAudit, WriteAudit};
use deletions::{ReadDeletions, WriteDeletions};
use jobs::{ReadJobs, WriteJobs};
use keys::{ReadKeys, WriteKeys};
use operating::{ReadOperating, WriteOperating};
use runs::{ReadRuns, WriteRuns};
use shared::Shared;
use tenants::{ReadTenants, WriteTenants};
use uploads::{ReadUploads, WriteUploads};
use usage::ReadUsage;

/// All that can be asked: of one moment.
pub trait Reads:
    ReadUsage
    + ReadUploads
    + ReadKeys
    + ReadJobs
    + ReadRuns
    + ReadDeletions
    + ReadTenants
    + ReadAudit
    + ReadOperating
{
}

/// All that can be done: in one transaction, which sees what it did.
pub trait Writes:
    Reads
    + WriteUploads
    + WriteKeys
    + WriteJobs
    + WriteRuns
    + WriteDeletions
    + WriteTenants
    + WriteAudit
    + WriteOperating
{
}

/// A database with these rows.
pub trait State: Debug + Send + Sync {
    /// Shows one moment, without waiting for who writes.
    ///
    /// # Errors
    /// When the database fails.
    fn look(&self, f: &mut dyn FnMut(&dyn Reads)) -> Result<()>;

    /// Runs a transaction that is durable when this returns. It leaves no trace where `f` says
    /// `false`; `f` may be run again where the database asks for that.
    ///
    /// # Errors
    /// When the database fails.
    fn change(&self, f: &mut dyn FnMut(&dyn Writes) -> bool) -> Result<()>;

    /// Elects this process for `what`, if no other process is: until the guard is dropped, or the
    /// process ends.
    ///
    /// # Errors
    /// When the database fails.
    fn elect(&self, what: &str) -> Result<Option<Box<dyn Elected>>>;

    /// What several processes use together, where the database can be shared.
    fn shared(&self) -> Option<&dyn Shared> {
        None
    }
}

/// Held by whoever is elected.
pub trait Elected: Debug + Send {
    /// Whether the election still holds, as far as was noticed. Another process may have been elected
    /// a moment ago, so nothing may be wrong if two do at once what one is elected for.
    fn holds(&self) -> bool;
}

/// The door to a database. Its methods block: call them where that is allowed.
#[derive(Debug)]
pub struct Database(Box<dyn State>);

impl Database {
    /// The rows of `state`.
    #[must_use]
    pub fn new(state: impl State + 'static) -> Self {
        Self(Box::new(state))
    }

    /// Reads, without waiting for a writer.
    ///
    /// # Errors
    /// Those of `f`, and those of the database.
    pub fn read<T, E: From<StateError>>(
        &self,
        mut f: impl FnMut(&dyn Reads) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut read = None;
        self.0.look(&mut |rows| read = Some(f(rows)))?;
        read.unwrap_or_else(|| Err(StateError::skipped().into()))
    }

    /// What several processes use together, if they can share this database.
    #[must_use]
    pub fn shared(&self) -> Option<&dyn Shared> {
        self.0.shared()
    }

    /// Runs `f` in a transaction that is durable when this returns, and leaves no trace if `f`
    /// fails.
    ///
    /// # Errors
    /// Those of `f`, and those of the commit.
    pub fn write<T, E: From<StateError>>(
        &self,
        mut f: impl FnMut(&dyn Writes) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut written = None;
        self.0.change(&mut |rows| written.insert(f(rows)).is_ok())?;
        written.unwrap_or_else(|| Err(StateError::skipped().into()))
    }

    /// Elects this process for `what`, if no other process is: until the guard is dropped.
    ///
    /// # Errors
    /// When the database fails.
    pub fn elect(&self, what: &str) -> Result<Option<Box<dyn Elected>>> {
        self.0.elect(what)
    }
}

/// A failure of the database.
#[derive(Debug, Error)]
#[error("{source}")]
pub struct StateError {
    /// Whether its disk is full.
    pub(crate) is_full: bool,
    /// Whether it cannot be reached at the moment.
    pub(crate) is_away: bool,
    source: Box<dyn Error + Send + Sync>,
}

impl StateError {
    /// A failure, and whether it is for want of room.
    pub(crate) fn new(is_full: bool, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { is_full, is_away: false, source: source.into() }
    }

    /// The database cannot be reached.
    #[cfg(feature = "postgres")]
    pub(crate) fn away(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { is_full: false, is_away: true, source: source.into() }
    }

    fn skipped() -> Self {
        Self::new(false, "the database did not run what it was given")
    }
}

/// What can fail because the database can.
pub type Result<T, E = StateError> = std::result::Result<T, E>;
