//! The rows in PostgreSQL, 15 or newer, for any number of processes.
//!
//! Changes are made one after the other, as in SQLite: each takes a lock of the database first. What
//! the rules ask and do within a change is therefore true when it is committed, without a word about
//! isolation in the rules.

mod audit;
mod connect;
mod deletions;
mod jobs;
mod keys;
mod migrate;
mod operating;
mod presence;
mod rows;
mod runs;
mod shared;
mod tenants;
#[cfg(test)]
pub(super) mod testing;
mod uploads;
mod usage;

use std::error::Error;
use std::sync::LazyLock;

use deadpool_postgres::{Pool, PoolError};
use tokio::runtime::{Handle, Runtime};
use tokio_postgres::Row;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::FromSql;
use uuid::Uuid;

use self::rows::{Parameters, Rows};
use super::StoreError;
use super::schema::Migrated;
use super::state::{self, Elected, Reads, State, StateError, Writes};
use crate::capability::Owner;

/// A database that is reached over the network.
#[derive(Debug)]
pub(super) struct Postgres {
    pool: Pool,
    /// The threads on which connections live. Whoever asks waits, as with a file.
    threads: Threads,
    between: shared::Between,
    /// How to connect beside the pool.
    settings: tokio_postgres::Config,
}

/// They end with the database's door, whoever drops it: a task of theirs may.
#[derive(Debug)]
struct Threads(Option<Runtime>);

impl Threads {
    fn handle(&self) -> state::Result<&Handle> {
        let runtime = self.0.as_ref().map(Runtime::handle);
        runtime.ok_or_else(|| StateError::away("the service ends"))
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl Postgres {
    /// Connects, and makes the tables or brings them up to date. `url` is
    /// `postgres://USER:PASSWORD@HOST/DATABASE`, with `?sslmode=require` for TLS.
    ///
    /// # Errors
    /// When the database cannot be reached or used, was written by a later version, or something
    /// between here and there gives each statement another connection.
    pub(super) fn open(url: &str) -> Result<Self, StoreError> {
        let database = Self::alone(url)?;
        database.threads.handle()?.block_on(presence::check_connections(&database.settings))?;
        database.bring_up_to_date()?;
        Ok(database)
    }

    /// Connects beside an evaluator that may use the database, and changes no table.
    ///
    /// # Errors
    /// When the database cannot be reached, or its tables are not those that this program knows.
    pub(super) fn beside(url: &str) -> Result<Self, StoreError> {
        let database = Self::alone(url)?;
        database.threads.handle()?.block_on(async {
            let client = database.pool.get().await.map_err(StateError::from)?;
            migrate::check(&client).await
        })?;
        Ok(database)
    }

    /// Makes the tables, or brings them up to date, beside an evaluator that may use them.
    ///
    /// # Errors
    /// When the database cannot be reached, or was written by a later version that keeps this one
    /// out.
    pub(super) fn migrate(url: &str) -> Result<Migrated, StoreError> {
        Self::alone(url)?.bring_up_to_date()
    }

    fn alone(url: &str) -> Result<Self, StoreError> {
        let (runtime, settings) = (runtime()?, connect::settings(url)?);
        let pool = connect::pool(settings.clone())?;
        let between = shared::Between::new(settings.clone(), &pool, runtime.handle())?;
        Ok(Self { pool, threads: Threads(Some(runtime)), between, settings })
    }

    fn bring_up_to_date(&self) -> Result<Migrated, StoreError> {
        self.threads.handle()?.block_on(async {
            let mut client = self.pool.get().await.map_err(StateError::from)?;
            migrate::migrate(&mut client).await
        })
    }

    fn with(&self, begin: &'static str, f: &mut dyn FnMut(&Rows<'_>) -> bool) -> state::Result<()> {
        let wait = self.threads.handle()?;
        let rows = Rows::new(wait.block_on(self.pool.get())?, wait, begin);
        if f(&rows) { rows.commit() } else { rows.roll_back() }
    }
}

fn runtime() -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("postgres")
        .enable_all()
        .build()
}

/// How a change begins.
static CHANGE: LazyLock<String> = LazyLock::new(|| {
    let lock = connect::CHANGES;
    format!(
        "START TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE;
         SELECT pg_advisory_xact_lock({lock})"
    )
});

impl State for Postgres {
    fn look(&self, f: &mut dyn FnMut(&dyn Reads)) -> state::Result<()> {
        self.with("START TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY", &mut |rows| {
            f(rows);
            false
        })
    }

    fn change(&self, f: &mut dyn FnMut(&dyn Writes) -> bool) -> state::Result<()> {
        // Read committed: what is asked after the lock was given is the newest there is.
        self.with(CHANGE.as_str(), &mut |rows| f(rows))
    }

    fn elect(&self, what: &str) -> state::Result<Option<Box<dyn Elected>>> {
        let wait = self.threads.handle()?;
        let held = wait.block_on(connect::hold(&self.settings, connect::office(what)));
        match held {
            Ok(held) => Ok(held.map(|held| Box::new(held) as Box<dyn Elected>)),
            Err(StoreError::Database(error)) => Err(error),
            Err(error) => Err(StateError::new(false, error)),
        }
    }

    fn shared(&self) -> Option<&dyn state::shared::Shared> {
        Some(&self.between)
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
        if is_away(&error) {
            return Self::away(error);
        }
        Self::new(error.code() == Some(&SqlState::DISK_FULL), error)
    }
}

/// Whether the server cannot be reached, or says that it starts or stops: classes 08 and 57P.
fn is_away(error: &tokio_postgres::Error) -> bool {
    match error.code() {
        Some(state) => {
            let code = state.code();
            code.starts_with("08") || code.starts_with("57P") || code == "53300"
        }
        None => {
            let source = error.source();
            error.is_closed() || source.is_some_and(<dyn Error>::is::<std::io::Error>)
        }
    }
}

impl From<PoolError> for StateError {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) => error.into(),
            PoolError::Timeout(_) => Self::away(error),
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
    fn what_one_process_writes_is_there_for_the_others() {
        let Some(url) = new_database() else { return };
        let first = Postgres::open(&url).unwrap();
        let second = Postgres::open(&url).unwrap();
        first.change(&mut |t| t.discard(Discarded::Request(Uuid::nil()), 5).is_ok()).unwrap();
        let mut pending = None;
        second.look(&mut |c| pending = c.pending_deletions().ok()).unwrap();
        assert_eq!(pending, Some(Pending { count: 1, bytes: 5 }));
    }

    #[test]
    fn later_schemas_are_refused_unless_they_say_that_this_program_may_use_them() {
        let Some(url) = new_database() else { return };
        assert!(matches!(Postgres::beside(&url), Err(StoreError::Outdated { found: 0, .. })));
        let known = migrate::KNOWN;
        assert_eq!(Postgres::migrate(&url).unwrap(), Migrated { from: 0, to: known });
        let database = Postgres::beside(&url).unwrap();
        let say = |readable_by: Option<i64>| {
            let newer = "UPDATE schema_version SET version = 99, readable_by = $1";
            let mut set = |rows: &Rows<'_>| rows.execute(newer, &[&readable_by]).is_ok();
            database.with(&CHANGE, &mut set).unwrap();
        };
        for readable_by in [None, Some(known + 1)] {
            say(readable_by);
            for refused in [Postgres::open(&url), Postgres::beside(&url)] {
                assert!(
                    matches!(refused, Err(StoreError::Schema { found: 99, .. })),
                    "{refused:?}"
                );
            }
        }
        say(Some(known));
        drop(Postgres::open(&url).unwrap());
        drop(Postgres::beside(&url).unwrap());
        assert_eq!(Postgres::migrate(&url).unwrap(), Migrated { from: 99, to: 99 });
    }

    #[test]
    fn rows_are_changed_beside_an_evaluator() {
        let Some(url) = new_database() else { return };
        let evaluator = Postgres::open(&url).unwrap();
        let beside = Postgres::beside(&url).unwrap();
        beside.change(&mut |t| t.discard(Discarded::Request(Uuid::nil()), 5).is_ok()).unwrap();
        let mut pending = None;
        evaluator.look(&mut |c| pending = c.pending_deletions().ok()).unwrap();
        assert_eq!(pending, Some(Pending { count: 1, bytes: 5 }));
    }

    #[test]
    fn one_of_several_is_elected_until_its_connection_ends() {
        let Some(url) = new_database() else { return };
        let [first, second] = [(); 2].map(|()| Postgres::open(&url).unwrap());
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
        second.with("START TRANSACTION", &mut |rows| end(rows)).unwrap();
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
}
