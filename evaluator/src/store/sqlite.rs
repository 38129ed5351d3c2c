//! The rows in SQLite: in WAL mode, one connection that writes and one that reads.

mod deletions;
mod jobs;
mod keys;
mod runs;
mod turns;
mod uploads;
mod usage;

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rusqlite::types::Type;
use rusqlite::{Connection, ErrorCode, OpenFlags, Row, TransactionBehavior};
use uuid::Uuid;

use super::StoreError;
use super::state::{self, Elected, Reads, State, StateError, Writes};
use crate::capability::Owner;

/// The database of one process.
#[derive(Debug)]
pub(super) struct Sqlite {
    writer: Mutex<Connection>,
    reader: Mutex<Connection>,
}

impl Sqlite {
    /// Opens or makes the database.
    ///
    /// # Errors
    /// When the file cannot be used or was written by a later version.
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        Ok(Self {
            writer: Mutex::new(open_writer(path)?),
            reader: Mutex::new(open_reader(path).map_err(StateError::from)?),
        })
    }
}

impl State for Sqlite {
    fn look(&self, f: &mut dyn FnMut(&dyn Reads)) -> state::Result<()> {
        f(&*self.reader.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(())
    }

    fn change(&self, f: &mut dyn FnMut(&dyn Writes) -> bool) -> state::Result<()> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let connection: &Connection = &transaction;
        if f(connection) {
            transaction.commit()?;
        }
        Ok(())
    }

    fn elect(&self, _: &str) -> state::Result<Option<Box<dyn Elected>>> {
        Ok(Some(Box::new(Only)))
    }
}

/// There is no other process.
#[derive(Debug)]
struct Only;

impl Elected for Only {
    fn holds(&self) -> bool {
        true
    }
}

const BUSY: Duration = Duration::from_secs(5);

fn open_writer(path: &Path) -> Result<Connection, StoreError> {
    let open = || {
        let writer = Connection::open(path)?;
        writer.busy_timeout(BUSY)?;
        writer.pragma_update(None, "journal_mode", "WAL")?;
        // A commit is on the disk when it returns: what was accepted survives a power cut.
        writer.pragma_update(None, "synchronous", "FULL")?;
        writer.pragma_update(None, "foreign_keys", true)?;
        let version = writer.pragma_query_value(None, "user_version", |row| row.get(0))?;
        Ok::<_, StateError>((writer, version))
    };
    let (mut writer, version) = open()?;
    let known = MIGRATIONS.len() as i64;
    if version > known {
        return Err(StoreError::Schema { found: version, known });
    }
    migrate(&mut writer, version).map_err(StateError::from)?;
    Ok(writer)
}

fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let reader = Connection::open_with_flags(path, flags)?;
    reader.busy_timeout(BUSY)?;
    Ok(reader)
}

/// What takes an empty database to each version. Lines are only ever added.
const MIGRATIONS: [&str; 5] = [
    include_str!("sqlite/schema_1.sql"),
    include_str!("sqlite/schema_2.sql"),
    include_str!("sqlite/schema_3.sql"),
    include_str!("sqlite/schema_4.sql"),
    include_str!("sqlite/schema_5.sql"),
];

fn migrate(connection: &mut Connection, found: i64) -> rusqlite::Result<()> {
    if found == 1 {
        let query = "SELECT (SELECT count(*) FROM uploads), (SELECT count(*) FROM keys),
                            (SELECT count(*) FROM jobs)";
        let (uploads, keys, jobs): (u64, u64, u64) =
            connection.query_row(query, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        tracing::warn!(
            uploads,
            keys,
            jobs,
            "an earlier version left keys of another format: they are deleted with their jobs"
        );
    }
    for (version, migration) in (0_i64..).zip(MIGRATIONS) {
        if version < found {
            continue;
        }
        let transaction = connection.transaction()?;
        transaction.execute_batch(migration)?;
        transaction.pragma_update(None, "user_version", version + 1)?;
        transaction.commit()?;
    }
    Ok(())
}

impl From<rusqlite::Error> for StateError {
    fn from(error: rusqlite::Error) -> Self {
        Self::new(error.sqlite_error_code() == Some(ErrorCode::DiskFull), error)
    }
}

fn uuid(row: &Row<'_>, column: usize) -> rusqlite::Result<Uuid> {
    let text: String = row.get(column)?;
    Uuid::parse_str(&text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
    })
}

fn maybe_uuid(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Uuid>> {
    let text: Option<String> = row.get(column)?;
    text.map(|_| uuid(row, column)).transpose()
}

fn owner_and_id(row: &Row<'_>) -> rusqlite::Result<(Owner, Uuid)> {
    Ok((Owner(row.get(0)?), uuid(row, 1)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::state::Database;
    use crate::store::state::deletions::{Discarded, Pending};
    use crate::testing::TempFolder;

    #[test]
    fn what_was_written_is_there_the_next_time() {
        let folder = TempFolder::new();
        let path = folder.path().join("x.sqlite");
        let open = || Database::new(Sqlite::open(&path).unwrap());
        open().write(|t| t.discard(Discarded::Request(Uuid::nil()), 5)).unwrap();
        let pending = open().read(|c| c.pending_deletions()).unwrap();
        assert_eq!(pending, Pending { count: 1, bytes: 5 });
    }

    #[test]
    fn what_the_first_schema_held_is_gone() {
        let folder = TempFolder::new();
        let path = folder.path().join("x.sqlite");
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch(MIGRATIONS[0]).unwrap();
        connection.pragma_update(None, "user_version", 1).unwrap();
        connection.execute("INSERT INTO bundles VALUES (x'00', 1, 2)", []).unwrap();
        let keys = "INSERT INTO keys VALUES ('k', x'01', x'00', 'model', 1, 2, 3)";
        connection.execute(keys, []).unwrap();
        drop(connection);
        drop(Sqlite::open(&path).unwrap());
        let connection = Connection::open(&path).unwrap();
        for table in ["uploads", "bundles", "keys", "jobs", "job_keys"] {
            let count = format!("SELECT count(*) FROM {table}");
            let count: u64 = connection.query_row(&count, [], |row| row.get(0)).unwrap();
            assert_eq!(count, 0, "{table}");
        }
    }

    #[test]
    fn later_schemas_are_refused() {
        let folder = TempFolder::new();
        let path = folder.path().join("x.sqlite");
        drop(Sqlite::open(&path).unwrap());
        let connection = Connection::open(&path).unwrap();
        connection.pragma_update(None, "user_version", 99).unwrap();
        drop(connection);
        assert!(matches!(Sqlite::open(&path), Err(StoreError::Schema { found: 99, known: 5 })));
    }

    #[test]
    fn a_full_disk_is_told_from_a_broken_one() {
        let error = |code| {
            let code = rusqlite::ffi::Error::new(code);
            StateError::from(rusqlite::Error::SqliteFailure(code, None))
        };
        assert!(error(rusqlite::ffi::SQLITE_FULL).is_full);
        assert!(!error(rusqlite::ffi::SQLITE_CORRUPT).is_full);
    }
}
