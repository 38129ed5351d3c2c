//! Everything that outlives the process: rows in a database, objects in a blob store, and
//! unfinished uploads as files or as objects too.

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

/// The three stores of a service.
#[derive(Debug)]
pub struct Store {
    /// Rows: the state of uploads, key sets and jobs.
    pub db: Database,
    /// Keys, requests and results.
    pub blobs: Blobs,
    /// Unfinished uploads.
    pub staging: Staging,
    /// Whether other processes may use the same rows and objects at the same time. If not, what no
    /// row names at the start belongs to nobody.
    pub is_shared: bool,
    /// Held while the process lives, so that no second evaluator runs the same jobs.
    _lock: File,
    /// Told when something was noted that is to be deleted.
    pub discarded: Notify,
}

impl Store {
    /// Opens, or makes, the stores of a data folder. `state` is a database's address,
    /// `postgres://...`, and `blobs` a bucket's, `s3://bucket/prefix`; without them, both lie in the
    /// folder. With a bucket, unfinished uploads are objects in it.
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
        match blobs {
            Some(url) => Self::with_objects(folder, state, Blobs::at_url(url)?),
            None => Self::with_files(folder, state),
        }
    }

    /// As with a bucket, all bytes are objects of `blobs`: for tests.
    ///
    /// # Errors
    /// When the folder or the address cannot be used, or another process uses the folder.
    pub fn with_objects(
        folder: &Path,
        state: Option<&str>,
        blobs: Blobs,
    ) -> Result<Self, StoreError> {
        let lock = lock(folder)?;
        let staging = Staging::in_objects(&blobs);
        Self::of(lock, database(folder, state)?, (blobs, staging), state.is_some())
    }

    /// Rows in a database, everything else in a folder: for tests, which look at what lies there.
    ///
    /// # Errors
    /// When the folder or the address cannot be used, or another process uses it.
    pub fn with_local_blobs(folder: &Path, state: &str) -> Result<Self, StoreError> {
        Self::with_files(folder, Some(state))
    }

    fn with_files(folder: &Path, state: Option<&str>) -> Result<Self, StoreError> {
        let lock = lock(folder)?;
        let blobs = Blobs::in_folder(&folder.join("blobs"))?;
        let staging = Staging::in_folder(&folder.join("uploads"))?;
        Self::of(lock, database(folder, state)?, (blobs, staging), false)
    }

    fn of(
        lock: File,
        db: Database,
        (blobs, staging): (Blobs, Staging),
        is_shared: bool,
    ) -> Result<Self, StoreError> {
        Ok(Self { db, blobs, staging, is_shared, _lock: lock, discarded: Notify::new() })
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

fn database(folder: &Path, state: Option<&str>) -> Result<Database, StoreError> {
    let Some(url) = state else {
        return Ok(Database::new(Sqlite::open(&folder.join(beside::FILE))?));
    };
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
