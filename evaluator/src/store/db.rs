//! The rows: SQLite in WAL mode, one connection that writes and one that reads.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use super::StoreError;

/// The database. Its methods block: call them where that is allowed.
#[derive(Debug)]
pub struct Database {
    writer: Mutex<Connection>,
    reader: Mutex<Connection>,
}

impl Database {
    /// Opens or makes the database.
    ///
    /// # Errors
    /// When the file cannot be used or was written by a later version.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let mut writer = Connection::open(path)?;
        writer.busy_timeout(BUSY)?;
        writer.pragma_update(None, "journal_mode", "WAL")?;
        // A commit is on the disk when it returns: what was accepted survives a power cut.
        writer.pragma_update(None, "synchronous", "FULL")?;
        writer.pragma_update(None, "foreign_keys", true)?;
        migrate(&mut writer)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let reader = Connection::open_with_flags(path, flags)?;
        reader.busy_timeout(BUSY)?;
        Ok(Self { writer: Mutex::new(writer), reader: Mutex::new(reader) })
    }

    /// Reads, without waiting for a writer.
    ///
    /// # Errors
    /// Those of `f`.
    pub fn read<T, E>(&self, f: impl FnOnce(&Connection) -> Result<T, E>) -> Result<T, E> {
        f(&self.reader.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Runs `f` in a transaction that is durable when this returns, and leaves no trace if `f`
    /// fails.
    ///
    /// # Errors
    /// Those of `f`, and those of the commit.
    pub fn write<T, E: From<rusqlite::Error>>(
        &self,
        f: impl FnOnce(&Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let value = f(&transaction)?;
        transaction.commit()?;
        Ok(value)
    }
}

const BUSY: Duration = Duration::from_secs(5);

/// What takes an empty database to each version. Lines are only ever added.
const MIGRATIONS: [&str; 3] =
    [include_str!("schema_1.sql"), include_str!("schema_2.sql"), include_str!("schema_3.sql")];

fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let known = MIGRATIONS.len() as i64;
    if found > known {
        return Err(StoreError::Schema { found, known });
    }
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
    for version in found..known {
        let transaction = connection.transaction()?;
        transaction.execute_batch(MIGRATIONS[version as usize])?;
        transaction.pragma_update(None, "user_version", version + 1)?;
        transaction.commit()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_no_trace() {
        let folder = crate::testing::TempFolder::new();
        let db = Database::open(&folder.path().join("x.sqlite")).unwrap();
        let insert = "INSERT INTO bundles VALUES (x'00', x'01', x'02', x'03', 1, 2, 3)";
        let result: Result<(), rusqlite::Error> = db.write(|t| {
            t.execute(insert, [])?;
            Err(rusqlite::Error::InvalidQuery)
        });
        assert!(result.is_err());
        let count = |db: &Database| -> i64 {
            db.read(|c| c.query_row("SELECT count(*) FROM bundles", [], |row| row.get(0))).unwrap()
        };
        assert_eq!(count(&db), 0);
        db.write(|t| t.execute(insert, [])).unwrap();
        assert_eq!(count(&db), 1);
        drop(db);
        let db = Database::open(&folder.path().join("x.sqlite")).unwrap();
        assert_eq!(count(&db), 1);
    }

    #[test]
    fn what_the_first_schema_held_is_gone() {
        let folder = crate::testing::TempFolder::new();
        let path = folder.path().join("x.sqlite");
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch(MIGRATIONS[0]).unwrap();
        connection.pragma_update(None, "user_version", 1).unwrap();
        connection.execute("INSERT INTO bundles VALUES (x'00', 1, 2)", []).unwrap();
        let keys = "INSERT INTO keys VALUES ('k', x'01', x'00', 'model', 1, 2, 3)";
        connection.execute(keys, []).unwrap();
        drop(connection);
        let db = Database::open(&path).unwrap();
        for table in ["uploads", "bundles", "keys", "jobs", "job_keys"] {
            let count = format!("SELECT count(*) FROM {table}");
            let count: u64 = db.read(|c| c.query_row(&count, [], |row| row.get(0))).unwrap();
            assert_eq!(count, 0, "{table}");
        }
    }

    #[test]
    fn later_schemas_are_refused() {
        let folder = crate::testing::TempFolder::new();
        let path = folder.path().join("x.sqlite");
        drop(Database::open(&path).unwrap());
        let connection = Connection::open(&path).unwrap();
        connection.pragma_update(None, "user_version", 99).unwrap();
        drop(connection);
        assert!(matches!(Database::open(&path), Err(StoreError::Schema { found: 99, known: 3 })));
    }
}
