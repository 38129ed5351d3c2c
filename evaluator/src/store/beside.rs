//! The rows for whoever operates the service: beside it, while it runs.

use std::path::Path;

#[cfg(feature = "postgres")]
use super::postgres::Postgres;
use super::sqlite::Sqlite;
use super::{Database, Migrated, StoreError};

/// The rows of a service, which may be running: at the address `state`, or else in its data folder.
///
/// # Errors
/// When there are none, or their tables are not those that this program knows.
pub fn beside(folder: &Path, state: Option<&str>) -> Result<Database, StoreError> {
    match state {
        #[cfg(feature = "postgres")]
        Some(url) if super::is_postgres(url) => Ok(Database::new(Postgres::beside(url)?)),
        Some(url) => Err(super::unusable(url)),
        None => Ok(Database::new(Sqlite::beside(&folder.join(FILE))?)),
    }
}

/// Makes the tables of a service, or brings them up to date. It may be running, if the release that
/// it is of can use the new ones.
///
/// # Errors
/// When the database cannot be reached, or was written by a later version that keeps this one out.
pub fn migrate(folder: &Path, state: Option<&str>) -> Result<Migrated, StoreError> {
    match state {
        #[cfg(feature = "postgres")]
        Some(url) if super::is_postgres(url) => Postgres::migrate(url),
        Some(url) => Err(super::unusable(url)),
        None => {
            std::fs::create_dir_all(folder)
                .map_err(|source| StoreError::Folder { path: folder.to_owned(), source })?;
            Sqlite::migrate(&folder.join(FILE))
        }
    }
}

/// The database's file in a data folder.
pub(super) const FILE: &str = "state.sqlite";
