//! What can go wrong with storage.

use std::path::PathBuf;

use thiserror::Error;

use crate::refusal::Refusal;

/// A failure of storage. None is a client's fault.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The database.
    #[error("database: {0}")]
    Database(#[from] rusqlite::Error),
    /// A file or a folder.
    #[error("file: {0}")]
    File(#[from] std::io::Error),
    /// The data folder.
    #[error("data folder {}: {source}", path.display())]
    Folder {
        /// Where it should be.
        path: PathBuf,
        /// What went wrong.
        source: std::io::Error,
    },
    /// The blob store.
    #[error("blobs: {0}")]
    Blob(#[from] object_store::Error),
    /// The blob store's address cannot be used.
    #[error("blobs: {0}")]
    Address(String),
    /// A database written by a later version.
    #[error("the database has schema version {found}, but this program knows only {known}")]
    Schema {
        /// Version of the file.
        found: i64,
        /// Version of the program.
        known: i64,
    },
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
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::internal(error)
    }
}

impl From<rusqlite::Error> for Refusal {
    fn from(error: rusqlite::Error) -> Self {
        StoreError::from(error).into()
    }
}
