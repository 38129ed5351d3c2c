//! The row of a job.

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::order::Waiting;
use crate::caller::Caller;
use crate::capability::Owner;
use crate::time::Timestamp;

/// Where a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It waits.
    Queued,
    /// It runs.
    Running,
    /// It ended with a result.
    Done,
    /// It ended without: its request or its keys do not fit.
    Failed,
    /// Its owner cancelled it.
    Cancelled,
    /// It was started too often without coming to an end.
    Dead,
}

impl State {
    /// All states.
    pub const ALL: [Self; 6] =
        [Self::Queued, Self::Running, Self::Done, Self::Failed, Self::Cancelled, Self::Dead];

    /// The state's name in the database and in the protocol.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Dead => "dead",
        }
    }

    /// Whether a job stays in this state for ever.
    #[must_use]
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }
}

/// A job as it is stored.
#[derive(Debug, Clone)]
pub struct Record {
    /// Its place in the order of acceptance.
    pub seq: i64,
    /// Its name.
    pub id: Uuid,
    /// The key set it uses.
    pub keys: Uuid,
    /// The model it runs.
    pub model: String,
    /// SHA-256 of the contract that its request was made for.
    pub contract: [u8; 32],
    /// Steps of its run.
    pub steps: u32,
    /// Where it is.
    pub state: State,
    /// How often it was started.
    pub attempts: u32,
    /// SHA-256 of its request.
    pub request_sha256: [u8; 32],
    /// Length of its result, while that is kept.
    pub result_bytes: Option<u64>,
    /// Why it has no result: code and sentence.
    pub error: Option<(String, String)>,
    /// How long its last run took.
    pub evaluate_ms: Option<u64>,
    /// How long its run was expected to take when it was accepted.
    pub cost_ms: u64,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When it was last started.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

type Sql<T> = Result<T, rusqlite::Error>;

const COLUMNS: &str = "seq, id, keys, model, state, attempts, request_sha256, result_bytes,
     error_code, error_detail, evaluate_ms, created_at, started_at, finished_at, contract, steps,
     cost_ms";

impl Record {
    pub(super) fn find(c: &Connection, owner: Owner, id: Uuid) -> Sql<Option<Self>> {
        let query = format!("SELECT {COLUMNS} FROM jobs WHERE id = ?1 AND owner = ?2");
        c.query_row(&query, params![id.to_string(), owner.0], Self::read).optional()
    }

    /// The job that was submitted with this idempotency key.
    pub(super) fn find_idempotent(c: &Connection, keys: Uuid, key: &str) -> Sql<Option<Self>> {
        let query = format!("SELECT {COLUMNS} FROM jobs WHERE keys = ?1 AND idempotency_key = ?2");
        c.query_row(&query, params![keys.to_string(), key], Self::read).optional()
    }

    /// A job by its place in the order of acceptance.
    pub(super) fn at(c: &Connection, seq: i64) -> Sql<Option<Self>> {
        let query = format!("SELECT {COLUMNS} FROM jobs WHERE seq = ?1");
        c.prepare_cached(&query)?.query_row([seq], Self::read).optional()
    }

    /// All jobs that wait, in the order of acceptance.
    pub(super) fn waiting(c: &Connection) -> Sql<Vec<Waiting<Self>>> {
        let query =
            format!("SELECT {COLUMNS}, caller FROM jobs WHERE state = 'queued' ORDER BY seq");
        let waiting = |row: &Row<'_>| {
            let job = Self::read(row)?;
            let caller = Caller::stored(&row.get::<_, String>("caller")?);
            Ok(Waiting { seq: job.seq, caller, cost_ms: job.cost_ms, job })
        };
        c.prepare_cached(&query)?.query_map([], waiting)?.collect()
    }

    /// Whose job it is.
    pub(super) fn owner(c: &Connection, seq: i64) -> Sql<Owner> {
        c.query_row("SELECT owner FROM jobs WHERE seq = ?1", [seq], |row| row.get(0).map(Owner))
    }

    fn read(row: &Row<'_>) -> Sql<Self> {
        let error: (Option<String>, Option<String>) = (row.get(8)?, row.get(9)?);
        Ok(Self {
            seq: row.get(0)?,
            id: uuid(row, 1)?,
            keys: uuid(row, 2)?,
            model: row.get(3)?,
            state: state(row, 4)?,
            attempts: row.get(5)?,
            request_sha256: row.get(6)?,
            result_bytes: row.get(7)?,
            error: error.0.zip(error.1),
            evaluate_ms: row.get(10)?,
            created_at: Timestamp(row.get(11)?),
            started_at: row.get::<_, Option<i64>>(12)?.map(Timestamp),
            finished_at: row.get::<_, Option<i64>>(13)?.map(Timestamp),
            contract: row.get(14)?,
            steps: row.get(15)?,
            cost_ms: row.get(16)?,
        })
    }
}

/// The key sets that a job uses beside the one it was submitted for.
pub(super) fn further_keys(c: &Connection, seq: i64) -> Sql<Vec<Uuid>> {
    let mut query = c.prepare("SELECT keys FROM job_keys WHERE job = ?1 ORDER BY place")?;
    query.query_map([seq], |row| uuid(row, 0))?.collect()
}

/// Jobs that end with a key set: those that were submitted for it, and unfinished ones that use it.
pub(super) fn of_keys(c: &Connection, keys: Uuid) -> Sql<Vec<(i64, Uuid)>> {
    let query = "SELECT seq, id FROM jobs WHERE keys = ?1
                 UNION
                 SELECT seq, id FROM jobs JOIN job_keys ON job_keys.job = jobs.seq
                 WHERE job_keys.keys = ?1 AND state IN ('queued', 'running')";
    let mut query = c.prepare(query)?;
    query.query_map([keys.to_string()], |row| Ok((row.get(0)?, uuid(row, 1)?)))?.collect()
}

pub(super) fn uuid(row: &Row<'_>, column: usize) -> Sql<Uuid> {
    let text: String = row.get(column)?;
    Uuid::parse_str(&text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
    })
}

fn state(row: &Row<'_>, column: usize) -> Sql<State> {
    let text: String = row.get(column)?;
    let state = State::ALL.into_iter().find(|state| state.as_str() == text);
    state.ok_or_else(|| rusqlite::Error::InvalidColumnType(column, text, Type::Text))
}
