//! Everything that outlives the process: rows in a database, objects in a blob store, and
//! unfinished uploads as files.

mod beside;
pub mod blobs;
mod error;
#[cfg(feature = "postgres")]
mod postgres;
mod schema;
mod sqlite;
pub mod staging;
pub mod state;

use std::fs::File;
use std::path::Path;

use tokio::sync::Notify;

pub use beside::{beside, migrate};
pub use blobs::Blobs;
pub use error::StoreError;
pub use schema::Migrated;
pub use staging::Staging;
pub use state::Database;

use sqlite::Sqlite;

/// The three stores of one data folder.
#[derive(Debug)]
pub struct Store {
    /// Rows: the state of uploads, key sets and jobs.
    pub db: Database,
    /// Keys, requests and results.
    pub blobs: Blobs,
    /// Unfinished uploads.
    pub staging: Staging,
    /// Held while the process lives, so that no second evaluator runs the same jobs.
    _lock: File,
    /// Told when something was noted that is to be deleted.
    pub discarded: Notify,
}

impl Store {
    /// Opens, or makes, the stores of a data folder. `state` is a database's address,
    /// `postgres://...`, and `blobs` a bucket's, `s3://bucket/prefix`; without them, both lie in the
    /// folder.
    ///
    /// # Errors
    /// When the folder or an address cannot be used, another process uses it, or a database was
    /// given without a bucket.
    pub fn open(
        folder: &Path,
        state: Option<&str>,
        blobs: Option<&str>,
    ) -> Result<Self, StoreError> {
        if state.is_some() && blobs.is_none() {
            return Err(StoreError::LocalBlobs);
        }
        let lock = lock(folder)?;
        let blobs = match blobs {
            Some(url) => Blobs::at_url(url)?,
            None => Blobs::in_folder(&folder.join("blobs"))?,
        };
        Self::of(folder, lock, state, blobs)
    }

    /// Rows in a database, everything else in a folder: for tests, which look at what lies there.
    ///
    /// # Errors
    /// When the folder or the address cannot be used, or another process uses it.
    pub fn with_local_blobs(folder: &Path, state: &str) -> Result<Self, StoreError> {
        let lock = lock(folder)?;
        Self::of(folder, lock, Some(state), Blobs::in_folder(&folder.join("blobs"))?)
    }

    fn of(
        folder: &Path,
        lock: File,
        state: Option<&str>,
        blobs: Blobs,
    ) -> Result<Self, StoreError> {
        let db = match state {
            Some(url) => at_url(url)?,
            None => Database::new(Sqlite::open(&folder.join(beside::FILE))?),
        };
        Ok(Self {
            db,
            blobs,
            staging: Staging::open(&folder.join("uploads"))?,
            _lock: lock,
            discarded: Notify::new(),
        })
    }
}

fn lock(folder: &Path) -> Result<File, StoreError> {
    let lock = std::fs::create_dir_all(folder).and_then(|()| File::create(folder.join("lock")));
    let lock = lock.map_err(|source| StoreError::Folder { path: folder.to_owned(), source })?;
    if lock.try_lock().is_err() {
        return Err(StoreError::InUse(folder.to_owned()));
    }
    Ok(lock)
}

fn at_url(url: &str) -> Result<Database, StoreError> {
    #[cfg(feature = "postgres")]
    if is_postgres(url) {
        return Ok(Database::new(postgres::Postgres::open(url)?));
    }
    Err(unusable(url))
}

#[cfg(feature = "postgres")]
fn is_postgres(url: &str) -> bool {
    url.starts_with("postgres://") || url.starts_with("postgresql://")
}

fn unusable(url: &str) -> StoreError {
    let scheme = url.split(':').next().unwrap_or_default();
    StoreError::Address(format!("{scheme} is not a kind of database that this program can use"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TempFolder;

    #[test]
    fn addresses_that_cannot_be_used_are_refused_with_a_sentence() {
        let folder = TempFolder::new();
        let open = |state, blobs| Store::open(folder.path(), Some(state), blobs).unwrap_err();
        let refused = open("postgres://localhost/x", None);
        assert!(matches!(refused, StoreError::LocalBlobs));
        assert!(refused.to_string().contains("--blobs"));
        for (state, blobs) in [("mysql://a:secret@b/c", "s3://b"), ("x", "ftp://b")] {
            let refused = open(state, Some(blobs));
            assert!(matches!(refused, StoreError::Address(_)), "{refused}");
            assert!(!refused.to_string().contains("secret"), "{refused}");
        }
    }
}
