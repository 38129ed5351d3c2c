//! The rows in PostgreSQL, 15 or newer.
//!
//! Changes are made one after the other, as in SQLite: each takes a lock of the database first. What
//! the rules ask and do within a change is therefore true when it is committed, without a word about
//! isolation in the rules.

mod connect;
mod deletions;
mod jobs;
mod keys;
mod migrate;
#[cfg(test)]
pub(super) mod testing;
mod uploads;
mod usage;

use deadpool_postgres::{Pool, PoolError, Transaction};
use tokio::runtime::{Handle, Runtime};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{FromSql, ToSql};
use tokio_postgres::{IsolationLevel, Row};
use uuid::Uuid;

use super::StoreError;
use super::state::{self, Elected, Reads, State, StateError, Writes};
use crate::capability::Owner;

/// A database that is reached over the network.
#[derive(Debug)]
pub(super) struct Postgres {
    pool: Pool,
    /// The threads on which connections live. Whoever asks waits, as with a file.
    runtime: Runtime,
    /// How to connect beside the pool.
    settings: tokio_postgres::Config,
    _only_one: Option<connect::Held>,
}

impl Postgres {
    /// Connects, and makes the tables or brings them up to date. `url` is
    /// `postgres://USER:PASSWORD@HOST/DATABASE`, with `?sslmode=require` for TLS.
    ///
    /// # Errors
    /// When the database cannot be reached or used, was written by a later version, or another
    /// evaluator uses it.
    pub(super) fn open(url: &str) -> Result<Self, StoreError> {
        Self::open_and(url, true)
    }

    /// As [`Postgres::open`], but others may use the database too.
    ///
    /// # Errors
    /// When the database cannot be reached or used, or was written by a later version.
    pub(super) fn open_beside_others(url: &str) -> Result<Self, StoreError> {
        Self::open_and(url, false)
    }

    fn open_and(url: &str, keeps_others_out: bool) -> Result<Self, StoreError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("postgres")
            .enable_all()
            .build()?;
        let settings = connect::settings(url)?;
        let only_one = if keeps_others_out {
            let held = runtime.block_on(connect::hold(&settings, connect::ONLY_ONE))?;
            Some(held.ok_or(StoreError::StateInUse)?)
        } else {
            None
        };
        let pool = connect::pool(settings.clone())?;
        runtime.block_on(async {
            let mut client = pool.get().await.map_err(StateError::from)?;
            migrate::migrate(&mut client).await
        })?;
        Ok(Self { pool, runtime, settings, _only_one: only_one })
    }

    fn with(
        &self,
        level: IsolationLevel,
        writes: bool,
        f: &mut dyn FnMut(&Rows<'_>) -> bool,
    ) -> state::Result<()> {
        let wait = self.runtime.handle();
        let mut client = wait.block_on(self.pool.get())?;
        let transaction = client.build_transaction().isolation_level(level).read_only(!writes);
        let transaction = wait.block_on(transaction.start())?;
        let rows = Rows { transaction, wait };
        if writes {
            rows.execute("SELECT pg_advisory_xact_lock($1)", &[&connect::CHANGES])?;
        }
        let keep = f(&rows);
        let end = rows.transaction;
        wait.block_on(async { if keep { end.commit().await } else { end.rollback().await } })?;
        Ok(())
    }
}

impl State for Postgres {
    fn look(&self, f: &mut dyn FnMut(&dyn Reads)) -> state::Result<()> {
        self.with(IsolationLevel::RepeatableRead, false, &mut |rows| {
            f(rows);
            false
        })
    }

    fn change(&self, f: &mut dyn FnMut(&dyn Writes) -> bool) -> state::Result<()> {
        // Read committed: what is asked after the lock was given is the newest there is.
        self.with(IsolationLevel::ReadCommitted, true, &mut |rows| f(rows))
    }

    fn elect(&self, what: &str) -> state::Result<Option<Box<dyn Elected>>> {
        let held = self.runtime.block_on(connect::hold(&self.settings, connect::office(what)));
        match held {
            Ok(held) => Ok(held.map(|held| Box::new(held) as Box<dyn Elected>)),
            Err(StoreError::Database(error)) => Err(error),
            Err(error) => Err(StateError::new(false, error)),
        }
    }
}

/// What can be asked and done in one transaction.
struct Rows<'a> {
    transaction: Transaction<'a>,
    wait: &'a Handle,
}

type Parameters<'a> = &'a [&'a (dyn ToSql + Sync)];

impl Rows<'_> {
    fn all<T>(
        &self,
        query: &str,
        parameters: Parameters<'_>,
        read: impl Fn(&Row) -> state::Result<T>,
    ) -> state::Result<Vec<T>> {
        let rows = self.wait.block_on(async {
            let query = self.transaction.prepare_cached(query).await?;
            self.transaction.query(&query, parameters).await
        })?;
        rows.iter().map(read).collect()
    }

    fn maybe<T>(
        &self,
        query: &str,
        parameters: Parameters<'_>,
        read: impl Fn(&Row) -> state::Result<T>,
    ) -> state::Result<Option<T>> {
        Ok(self.all(query, parameters, read)?.into_iter().next())
    }

    fn one<T>(
        &self,
        query: &str,
        parameters: Parameters<'_>,
        read: impl Fn(&Row) -> state::Result<T>,
    ) -> state::Result<T> {
        let found = self.maybe(query, parameters, read)?;
        found.ok_or_else(|| StateError::new(false, "a row that must be there is missing"))
    }

    /// Returns how many rows changed.
    fn execute(&self, query: &str, parameters: Parameters<'_>) -> state::Result<u64> {
        Ok(self.wait.block_on(async {
            let query = self.transaction.prepare_cached(query).await?;
            self.transaction.execute(&query, parameters).await
        })?)
    }
}

/// A column.
fn get<'a, T: FromSql<'a>>(row: &'a Row, column: usize) -> state::Result<T> {
    Ok(row.try_get(column)?)
}

/// A column with a number that is never negative.
fn number<T: TryFrom<i64>>(row: &Row, column: usize) -> state::Result<T> {
    let value: i64 = get(row, column)?;
    T::try_from(value).map_err(|_| out_of_range(value))
}

/// A column with a hash.
fn hash(row: &Row, column: usize) -> state::Result<[u8; 32]> {
    let bytes: &[u8] = get(row, column)?;
    bytes.try_into().map_err(|_| out_of_range(bytes.len()))
}

fn owner_and_id(row: &Row) -> state::Result<(Owner, Uuid)> {
    Ok((Owner(hash(row, 0)?), get(row, 1)?))
}

/// A number as it is stored.
fn stored(number: u64) -> state::Result<i64> {
    i64::try_from(number).map_err(|_| out_of_range(number))
}

fn out_of_range(value: impl std::fmt::Display) -> StateError {
    StateError::new(false, format!("{value} is out of range"))
}

impl From<tokio_postgres::Error> for StateError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::new(error.code() == Some(&SqlState::DISK_FULL), error)
    }
}

impl From<PoolError> for StateError {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) => error.into(),
            error => Self::new(false, error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::testing::new_database;
    use super::*;
    use crate::store::state::deletions::{Discarded, Pending};

    #[test]
    fn one_evaluator_uses_a_database_and_the_next_one_finds_its_rows() {
        let Some(url) = new_database() else { return };
        let first = Postgres::open(&url).unwrap();
        assert!(matches!(Postgres::open(&url), Err(StoreError::StateInUse)));
        first.change(&mut |t| t.discard(Discarded::Request(Uuid::nil()), 5).is_ok()).unwrap();
        drop(first);
        let second = reopened(&url).unwrap();
        let mut pending = None;
        second.look(&mut |c| pending = c.pending_deletions().ok()).unwrap();
        assert_eq!(pending, Some(Pending { count: 1, bytes: 5 }));
    }

    #[test]
    fn later_schemas_are_refused() {
        let Some(url) = new_database() else { return };
        let database = Postgres::open(&url).unwrap();
        let newer = "UPDATE schema_version SET version = 99";
        let set = |rows: &Rows<'_>| rows.execute(newer, &[]).is_ok();
        database.with(IsolationLevel::ReadCommitted, true, &mut |rows| set(rows)).unwrap();
        drop(database);
        let refused = reopened(&url);
        assert!(matches!(refused, Err(StoreError::Schema { found: 99, known: 2 })), "{refused:?}");
    }

    #[test]
    fn one_of_several_is_elected_until_its_connection_ends() {
        let Some(url) = new_database() else { return };
        let [first, second] = [(); 2].map(|()| Postgres::open_beside_others(&url).unwrap());
        let soon = |is_so: &dyn Fn() -> bool| {
            let deadline = Instant::now() + Duration::from_secs(10);
            while !is_so() {
                assert!(Instant::now() < deadline, "waited too long");
                std::thread::sleep(Duration::from_millis(10));
            }
        };
        let elected = first.elect("one thing").unwrap().unwrap();
        assert!(second.elect("one thing").unwrap().is_none());
        assert!(second.elect("another").unwrap().is_some());
        drop(elected);
        soon(&|| second.elect("one thing").unwrap().is_some());
        let elected = first.elect("a third").unwrap().unwrap();
        assert!(elected.holds());
        let query = "SELECT pg_terminate_backend(pid) FROM pg_locks
                     WHERE locktype = 'advisory' AND pid <> pg_backend_pid()
                         AND database = (SELECT oid FROM pg_database
                                         WHERE datname = current_database())";
        let end = |rows: &Rows<'_>| rows.execute(query, &[]).is_ok();
        second.with(IsolationLevel::ReadCommitted, false, &mut |rows| end(rows)).unwrap();
        soon(&|| !elected.holds());
        soon(&|| second.elect("a third").unwrap().is_some());
    }

    #[test]
    fn a_change_that_breaks_off_leaves_no_trace_and_no_lock() {
        let Some(url) = new_database() else { return };
        let database = Postgres::open(&url).unwrap();
        for _ in 0..20 {
            let broken = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                database.change(&mut |t| {
                    t.discard(Discarded::Request(Uuid::nil()), 5).unwrap();
                    panic!("on purpose")
                })
            }));
            assert!(broken.is_err());
        }
        let mut pending = None;
        database.look(&mut |c| pending = c.pending_deletions().ok()).unwrap();
        assert_eq!(pending, Some(Pending::default()));
    }

    #[test]
    fn a_server_that_is_not_there_is_an_error_and_passwords_are_not_repeated() {
        let missing = Postgres::open("postgres://someone:hunter2@127.0.0.1:1/x").unwrap_err();
        let wrong = Postgres::open("postgres://someone:hunter2@[/x").unwrap_err();
        for error in [missing, wrong] {
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }

    /// The lock of a connection is free a moment after the connection is gone.
    fn reopened(url: &str) -> Result<Postgres, StoreError> {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            match Postgres::open(url) {
                Err(StoreError::StateInUse) if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(10));
                }
                opened => return opened,
            }
        }
    }
}
