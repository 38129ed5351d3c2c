//! One transaction, in as few journeys to the server as its rules allow.
//!
//! Statements are sent one behind the other, without waiting for each answer: the beginning, and what
//! needs no answer, travel with the next question or with the end. While a change goes on all others
//! wait for its lock, so that a journey saved is time for all of them.

use std::cell::{Cell, RefCell};

use deadpool_postgres::{Client, Object};
use futures_util::future::{join, join_all, join3};
use tokio::runtime::Handle;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row};

use crate::store::state::{Reads, Result, StateError, Writes};

/// What can be asked and done in one transaction. Where it neither commits nor rolls back, its
/// connection is closed.
pub(super) struct Rows<'a> {
    client: Option<Client>,
    wait: &'a Handle,
    /// How it begins, until that is sent.
    begin: Cell<Option<&'static str>>,
    later: RefCell<Vec<Later>>,
    has_failed: Cell<bool>,
}

pub(super) type Parameters<'a> = &'a [&'a (dyn ToSql + Sync)];

/// A statement whose answer nobody waits for.
struct Later {
    statement: &'static str,
    values: Vec<Box<dyn ToSql + Sync>>,
}

/// How many of them are sent together at most.
const TOGETHER: usize = 16;

impl Reads for Rows<'_> {}
impl Writes for Rows<'_> {}

impl<'a> Rows<'a> {
    /// A transaction that begins so. Nothing is sent yet.
    pub(super) fn new(client: Client, wait: &'a Handle, begin: &'static str) -> Self {
        Self {
            client: Some(client),
            wait,
            begin: Cell::new(Some(begin)),
            later: RefCell::default(),
            has_failed: Cell::new(false),
        }
    }

    pub(super) fn all<T>(
        &self,
        query: &str,
        parameters: Parameters<'_>,
        read: impl Fn(&Row) -> Result<T>,
    ) -> Result<Vec<T>> {
        let rows = self.send(async |client: &Client| {
            let query = client.prepare_cached(query).await?;
            client.query(&query, parameters).await
        })?;
        rows.iter().map(read).collect()
    }

    pub(super) fn maybe<T>(
        &self,
        query: &str,
        parameters: Parameters<'_>,
        read: impl Fn(&Row) -> Result<T>,
    ) -> Result<Option<T>> {
        Ok(self.all(query, parameters, read)?.into_iter().next())
    }

    pub(super) fn one<T>(
        &self,
        query: &str,
        parameters: Parameters<'_>,
        read: impl Fn(&Row) -> Result<T>,
    ) -> Result<T> {
        let found = self.maybe(query, parameters, read)?;
        found.ok_or_else(|| StateError::new(false, "a row that must be there is missing"))
    }

    /// What two questions bring, the second of which does not depend on the first one's answer.
    pub(super) fn both(
        &self,
        (first, its): (&str, Parameters<'_>),
        (second, others): (&str, Parameters<'_>),
    ) -> Result<(Vec<Row>, Vec<Row>)> {
        self.send(async |client: &Client| {
            let first = client.prepare_cached(first).await?;
            let second = client.prepare_cached(second).await?;
            let (first, second) =
                join(client.query(&first, its), client.query(&second, others)).await;
            Ok((first?, second?))
        })
    }

    /// Returns how many rows changed.
    pub(super) fn execute(&self, query: &str, parameters: Parameters<'_>) -> Result<u64> {
        self.send(async |client: &Client| {
            let query = client.prepare_cached(query).await?;
            client.execute(&query, parameters).await
        })
    }

    /// Makes a change whose outcome matters to nobody: it is sent with what comes next, and if it fails,
    /// then that does.
    pub(super) fn later(
        &self,
        statement: &'static str,
        values: Vec<Box<dyn ToSql + Sync>>,
    ) -> Result<()> {
        self.later.borrow_mut().push(Later { statement, values });
        if self.later.borrow().len() < TOGETHER {
            return Ok(());
        }
        self.send(async |_: &Client| Ok(()))
    }

    /// Makes all of it true at once, and for good.
    pub(super) fn commit(mut self) -> Result<()> {
        if self.has_failed.get() {
            self.roll_back()?;
            return Err(StateError::new(false, "a change went on after it had failed"));
        }
        if self.begin.get().is_none() || !self.later.borrow().is_empty() {
            self.send(async |client: &Client| client.batch_execute("COMMIT").await)?;
        }
        self.client = None;
        Ok(())
    }

    /// Makes all of it undone.
    pub(super) fn roll_back(mut self) -> Result<()> {
        self.later.take();
        if self.begin.take().is_none() {
            self.send(async |client: &Client| client.batch_execute("ROLLBACK").await)?;
        }
        self.client = None;
        Ok(())
    }

    /// Sends what waits to be sent and then the last words of a journey, and waits for all answers.
    fn send<T>(&self, last: impl AsyncFnOnce(&Client) -> Answer<T>) -> Result<T> {
        let Some(client) = &self.client else {
            return Err(StateError::new(false, "the transaction has ended"));
        };
        let sent = self.wait.block_on(async {
            let (begin, later) = (self.begin.take(), self.later.take());
            let mut prepared = Vec::new();
            for Later { statement, values } in &later {
                let values: Vec<_> =
                    values.iter().map(|value| &**value as &(dyn ToSql + Sync)).collect();
                prepared.push((client.prepare_cached(statement).await?, values));
            }
            // Each is sent when it is first polled, in this order.
            let begun = async {
                match begin {
                    Some(begin) => client.batch_execute(begin).await,
                    None => Ok(()),
                }
            };
            let done = join_all(
                prepared.iter().map(|(statement, values)| client.execute(statement, values)),
            );
            let (begun, done, last) = join3(begun, done, last(client)).await;
            // Of several that failed, the first is the cause.
            begun?;
            done.into_iter().collect::<Answer<Vec<_>>>()?;
            last
        });
        self.has_failed.set(self.has_failed.get() || sent.is_err());
        Ok(sent?)
    }
}

type Answer<T> = std::result::Result<T, Error>;

impl Drop for Rows<'_> {
    fn drop(&mut self) {
        // In the midst of a transaction: nobody may use the connection again.
        if let Some(client) = self.client.take()
            && self.begin.get().is_none()
        {
            drop(Object::take(client));
        }
    }
}
