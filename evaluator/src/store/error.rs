//! What can go wrong with storage.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::path::PathBuf;

use thiserror::Error;

use super::state::StateError;
use crate::refusal::{Code, Refusal};

/// A failure of storage. None is a client's fault.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The database.
    #[error("database: {0}")]
    Database(#[from] StateError),
    /// A file or a folder.
    #[error("file: {0}")]
    File(#[from] io::Error),
    /// The data folder.
    #[error("data folder {}: {source}", path.display())]
    Folder {
        /// Where it should be.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
    /// The blob store.
    #[error("blobs: {0}")]
    Blob(#[from] object_store::Error),
    /// An address of the database or of the blob store cannot be used.
    #[error("{0}")]
    Address(String),
    /// A database written by a later version.
    #[error(
        "the database has schema version {found}, which programs can use that know version \
         {readable_by} or a later one, but this program knows only {known}: take a newer one"
    )]
    Schema {
        /// Version of the database.
        found: i64,
        /// The oldest program that can use it.
        readable_by: i64,
        /// Version of the program.
        known: i64,
    },
    /// A database whose tables are to be brought up to date first.
    #[error(
        "the database has schema version {found}, and this program needs {known}: start the \
         service, or say `blindsight-evaluator migrate`"
    )]
    Outdated {
        /// Version of the database.
        found: i64,
        /// Version of the program.
        known: i64,
    },
    /// A pooler of transactions stands before the database.
    #[error(
        "between this program and the database stands a pooler that gives each transaction another \
         connection; locks that say who is present do not hold there: give the address of the \
         database itself, or a pooler of sessions"
    )]
    Pooler,
    /// The bytes of an upload are not those that were stored.
    #[error("what was stored of an upload is not there as it was")]
    Damaged,
    /// There is no database yet.
    #[error(
        "there is no database {}: start the service, or say `blindsight-evaluator migrate` \
         (--data names the folder)", .0.display()
    )]
    NoDatabase(PathBuf),
    /// A database that others can reach, with files that they cannot.
    #[error("a database needs blobs at an address too: give --blobs s3://BUCKET/PREFIX")]
    LocalBlobs,
    /// Another process holds the data folder.
    #[error("another evaluator uses {}", .0.display())]
    InUse(PathBuf),
}

impl StoreError {
    /// Whether the blob that was asked for does not exist.
    #[must_use]
    pub fn is_missing_blob(&self) -> bool {
        matches!(self, Self::Blob(object_store::Error::NotFound { .. }))
    }

    /// Whether the disk is full, or the system's quota used up.
    fn is_full(&self) -> bool {
        let mut cause: Option<&(dyn Error + 'static)> = Some(self);
        while let Some(error) = cause {
            let file = error.downcast_ref().map(io::Error::kind);
            let database = error.downcast_ref().is_some_and(|state: &StateError| state.is_full);
            if matches!(file, Some(ErrorKind::StorageFull | ErrorKind::QuotaExceeded)) || database {
                return true;
            }
            cause = error.source();
        }
        false
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        if let StoreError::Database(state) = &error
            && state.is_away
        {
            tracing::warn!(cause = %error, "the database cannot be reached");
            let detail = "The service's storage does not answer; try again in a moment.";
            return Self::new(Code::StorageUnavailable, detail).retry_after(2);
        }
        if error.is_full() {
            tracing::error!(cause = %error, "the disk is full");
            let detail = "The service's disk is full. It is not your fault; try again later.";
            return Self::new(Code::StorageFull, detail).retry_after(600);
        }
        Self::internal(error)
    }
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        StoreError::from(error).into()
    }
}

impl From<StateError> for Refusal {
    fn from(error: StateError) -> Self {
        StoreError::from(error).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_from_a_broken_one() {
        let full = || io::Error::from(ErrorKind::StorageFull);
        let wrapped = || object_store::Error::Generic { store: "local", source: Box::new(full()) };
        let errors: [StoreError; 3] =
            [full().into(), wrapped().into(), StateError::new(true, "full").into()];
        for error in errors {
            assert_eq!(Refusal::from(error).code, Code::StorageFull);
        }
        let errors: [StoreError; 2] = [
            io::Error::from(ErrorKind::PermissionDenied).into(),
            StateError::new(false, "corrupt").into(),
        ];
        for error in errors {
            assert_eq!(Refusal::from(error).code, Code::Internal);
        }
    }
}
