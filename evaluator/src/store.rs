//! Everything that outlives the process: rows in a database, objects in a blob store, and
//! unfinished uploads as files.

pub mod blobs;
mod error;
mod sqlite;
pub mod staging;
pub mod state;

use std::fs::File;
use std::path::Path;

use tokio::sync::Notify;

pub use blobs::Blobs;
pub use error::StoreError;
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
    /// Opens, or makes, the stores of a data folder. `blobs` is a URL such as
    /// `s3://bucket/prefix`; without one, blobs lie in the folder too.
    ///
    /// # Errors
    /// When the folder cannot be used, or another process uses it.
    pub fn open(folder: &Path, blobs: Option<&str>) -> Result<Self, StoreError> {
        let lock = std::fs::create_dir_all(folder).and_then(|()| File::create(folder.join("lock")));
        let lock = lock.map_err(|source| StoreError::Folder { path: folder.to_owned(), source })?;
        if lock.try_lock().is_err() {
            return Err(StoreError::InUse(folder.to_owned()));
        }
        let blobs = match blobs {
            Some(url) => Blobs::at_url(url)?,
            None => Blobs::in_folder(&folder.join("blobs"))?,
        };
        Ok(Self {
            db: Database::new(Sqlite::open(&folder.join("state.sqlite"))?),
            blobs,
            staging: Staging::open(&folder.join("uploads"))?,
            _lock: lock,
            discarded: Notify::new(),
        })
    }
}
