//! The rows in SQLite: in WAL mode, one connection that writes and one that reads.

mod audit;
mod deletions;
mod jobs;
mod keys;
mod operating;
mod runs;
mod tenants;
mod turns;
mod uploads;
mod usage;

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rusqlite::types::Type;
use rusqlite::{
    Connection, ErrorCode, OpenFlags, OptionalExtension as _, Row, TransactionBehavior,
};
use uuid::Uuid;

use super::StoreError;
use super::schema::{Found, Migrated};
use super::state::{self, Elected, Reads, State, StateError, Writes};
use crate::capability::Owner;

/// The database of one process.
#[derive(Debug)]
pub(super) struct Sqlite {
    writer: Mutex<Connection>,
    reader: Mutex<Connection>,
}

impl Sqlite {
    /// Opens or makes the database, and brings its tables up to date.
    ///
    /// # Errors
    /// When the file cannot be used, or was written by a later version that keeps this one out.
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let mut writer = open_writer(path).map_err(StateError::from)?;
        migrate(&mut writer)?;
        Self::of(writer, path)
    }

    /// Opens the database of a service that may be running, and changes no table.
    ///
    /// # Errors
    /// When there is none, or its tables are not those that this program knows.
    pub(super) fn beside(path: &Path) -> Result<Self, StoreError> {
        if !path.is_file() {
            return Err(StoreError::NoDatabase(path.to_owned()));
        }
        let writer = open_writer(path).map_err(StateError::from)?;
        found(&writer).map_err(StateError::from)?.check_usable(KNOWN)?;
        Self::of(writer, path)
    }

    /// Makes the database, or brings its tables up to date.
    ///
    /// # Errors
    /// Those of [`Sqlite::open`].
    pub(super) fn migrate(path: &Path) -> Result<Migrated, StoreError> {
        migrate(&mut open_writer(path).map_err(StateError::from)?)
    }

    fn of(writer: Connection, path: &Path) -> Result<Self, StoreError> {
        let reader = open_reader(path).map_err(StateError::from)?;
        Ok(Self { writer: Mutex::new(writer), reader: Mutex::new(reader) })
    }
}

impl Reads for Connection {}
impl Writes for Connection {}

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

fn open_writer(path: &Path) -> rusqlite::Result<Connection> {
    let writer = Connection::open(path)?;
    writer.busy_timeout(BUSY)?;
    writer.pragma_update(None, "journal_mode", "WAL")?;
    // A commit is on the disk when it returns: what was accepted survives a power cut.
    writer.pragma_update(None, "synchronous", "FULL")?;
    writer.pragma_update(None, "foreign_keys", true)?;
    Ok(writer)
}

fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let reader = Connection::open_with_flags(path, flags)?;
    reader.busy_timeout(BUSY)?;
    Ok(reader)
}

/// What takes an empty database to each version. Lines are only ever added.
const MIGRATIONS: [&str; 7] = [
    include_str!("sqlite/schema_1.sql"),
    include_str!("sqlite/schema_2.sql"),
    include_str!("sqlite/schema_3.sql"),
    include_str!("sqlite/schema_4.sql"),
    include_str!("sqlite/schema_5.sql"),
    include_str!("sqlite/schema_6.sql"),
    include_str!("sqlite/schema_7.sql"),
];

/// The newest schema that this program knows.
const KNOWN: i64 = MIGRATIONS.len() as i64;

/// The oldest program that can use that schema, named by the newest that it knows: a migration that
/// takes away what it uses raises this. Programs before 6 do not ask.
const READABLE_BY: i64 = 6;

/// All in one transaction, of which there is one at a time: another process may be about to do the
/// same.
fn migrate(connection: &mut Connection) -> Result<Migrated, StoreError> {
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(StateError::from)?;
    let before = found(&transaction).map_err(StateError::from)?;
    before.check_readable(KNOWN)?;
    let to = before.version.max(KNOWN);
    if before.is_behind(KNOWN) {
        apply(&transaction, before.version).map_err(StateError::from)?;
        transaction.commit().map_err(StateError::from)?;
    }
    Ok(Migrated { from: before.version, to })
}

fn apply(connection: &Connection, found: i64) -> rusqlite::Result<()> {
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
    for (_, migration) in (0_i64..).zip(MIGRATIONS).filter(|&(version, _)| version >= found) {
        connection.execute_batch(migration)?;
    }
    connection.pragma_update(None, "user_version", KNOWN)?;
    connection.execute("DELETE FROM schema_version", [])?;
    connection.execute("INSERT INTO schema_version VALUES (?1, ?2)", [KNOWN, READABLE_BY])?;
    Ok(())
}

fn found(connection: &Connection) -> rusqlite::Result<Found> {
    let version = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let query = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'schema_version')";
    let says: bool = connection.query_row(query, [], |row| row.get(0))?;
    let readable_by = if says {
        let query = "SELECT readable_by FROM schema_version WHERE version = ?1";
        connection.query_row(query, [version], |row| row.get(0)).optional()?
    } else {
        None
    };
    Ok(Found { version, readable_by })
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
    fn later_schemas_are_refused_unless_they_say_that_this_program_may_use_them() {
        let folder = TempFolder::new();
        let path = folder.path().join("x.sqlite");
        drop(Sqlite::open(&path).unwrap());
        let connection = Connection::open(&path).unwrap();
        connection.pragma_update(None, "user_version", 99).unwrap();
        for result in [Sqlite::open(&path), Sqlite::beside(&path)] {
            let refused = result.unwrap_err();
            assert!(
                matches!(refused, StoreError::Schema { found: 99, known: KNOWN, .. }),
                "{refused}"
            );
        }
        let say = |readable_by| {
            connection.execute("DELETE FROM schema_version", []).unwrap();
            let query = "INSERT INTO schema_version VALUES (99, ?1)";
            connection.execute(query, [readable_by]).unwrap();
        };
        say(KNOWN + 1);
        assert!(Sqlite::open(&path).is_err());
        say(KNOWN);
        drop(Sqlite::open(&path).unwrap());
        drop(Sqlite::beside(&path).unwrap());
        // It is left as it is.
        assert_eq!(Sqlite::migrate(&path).unwrap(), Migrated { from: 99, to: 99 });
    }

    #[test]
    fn tables_are_made_and_brought_up_to_date_on_request() {
        let folder = TempFolder::new();
        let path = folder.path().join("x.sqlite");
        assert!(matches!(Sqlite::beside(&path), Err(StoreError::NoDatabase(_))));
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch(&MIGRATIONS[..3].concat()).unwrap();
        connection.pragma_update(None, "user_version", 3).unwrap();
        drop(connection);
        let behind = Sqlite::beside(&path);
        assert!(matches!(behind, Err(StoreError::Outdated { found: 3, known: KNOWN })));
        assert_eq!(Sqlite::migrate(&path).unwrap(), Migrated { from: 3, to: KNOWN });
        assert_eq!(Sqlite::migrate(&path).unwrap(), Migrated { from: KNOWN, to: KNOWN });
        drop(Sqlite::beside(&path).unwrap());
    }

    #[test]
    fn tables_are_made_once_whoever_comes_at_the_same_time() {
        let folder = TempFolder::new();
        let path = folder.path().join("x.sqlite");
        let made = std::thread::scope(|scope| {
            let migrate = || Sqlite::migrate(&path).unwrap().from;
            let all: Vec<_> = (0..6).map(|_| scope.spawn(migrate)).collect();
            all.into_iter().map(|thread| thread.join().unwrap()).filter(|&from| from == 0).count()
        });
        assert_eq!(made, 1);
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
