//! The rows behind a service: in SQLite, or in PostgreSQL where `with-postgres.sh` offers one.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use blindsight_evaluator::config::Config;
use blindsight_evaluator::models::Parse;
use blindsight_evaluator::service::{OpenError, Service};
use blindsight_evaluator::store::{Blobs, Store};
use tokio_postgres::NoTls;

/// The setting `blobs` of a service whose bytes are all objects, as in a bucket.
pub(crate) const OBJECTS: &str = "objects";

/// The lock that a change takes in PostgreSQL.
const CHANGES: i64 = 0x626C_696E_6473_0001;

/// Where a service has its rows.
#[derive(Debug, Clone)]
pub(crate) enum Rows {
    /// In the data folder.
    Sqlite,
    /// At this address, in a database that nobody else uses.
    Postgres(String),
}

impl Rows {
    /// A new place.
    pub(crate) fn new() -> Self {
        let Ok(server) = std::env::var("BLINDSIGHT_TEST_POSTGRES") else {
            return Self::Sqlite;
        };
        let name = format!("http-{}", blindsight_evaluator::capability::new_id());
        in_postgres(&format!("{server}/postgres"), &format!("CREATE DATABASE \"{name}\""));
        Self::Postgres(format!("{server}/{name}"))
    }

    /// A service that has its rows here.
    pub(crate) fn open(&self, config: &Config, parse: Parse) -> Result<Arc<Service>, OpenError> {
        if config.blobs.as_deref() == Some(OBJECTS) {
            let blobs = Blobs::in_folder(&config.data.join("blobs")).unwrap();
            return self.open_beside_others(config, parse, blobs);
        }
        match self {
            Self::Sqlite => Service::open(config.clone(), parse),
            Self::Postgres(url) => Service::open_on(config.clone(), parse, || {
                Store::with_local_blobs(&config.data, url)
            }),
        }
    }

    /// A service that has its rows here and its bytes there, as others may.
    pub(crate) fn open_beside_others(
        &self,
        config: &Config,
        parse: Parse,
        blobs: Blobs,
    ) -> Result<Arc<Service>, OpenError> {
        let state = match self {
            Self::Sqlite => None,
            Self::Postgres(url) => Some(url.as_str()),
        };
        Service::open_on(config.clone(), parse, || Store::with_objects(&config.data, state, blobs))
    }

    /// Bytes as a constant in a statement.
    pub(crate) fn constant(&self, bytes: &[u8]) -> String {
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        match self {
            Self::Sqlite => format!("x'{digits}'"),
            Self::Postgres(_) => format!("'\\x{digits}'::bytea"),
        }
    }

    /// Changes rows behind the service's back.
    pub(crate) fn execute(&self, data: &Path, statement: &str) {
        match self {
            Self::Sqlite => {
                let connection = rusqlite::Connection::open(data.join("state.sqlite")).unwrap();
                connection.busy_timeout(Duration::from_secs(5)).unwrap();
                connection.execute(statement, []).unwrap();
            }
            Self::Postgres(url) => in_postgres(url, statement),
        }
    }

    /// Has changes wait while `meanwhile` runs; `None` where others cannot.
    pub(crate) fn while_changes_wait<T>(&self, meanwhile: impl FnOnce() -> T) -> Option<T> {
        let Self::Postgres(url) = self else { return None };
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let client = runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
            tokio::spawn(connection);
            client.execute("SELECT pg_advisory_lock($1)", &[&CHANGES]).await.unwrap();
            client
        });
        let result = meanwhile();
        drop(client);
        Some(result)
    }

    /// The one number that a question gives, which all services that share the rows see.
    pub(crate) fn number(&self, question: &str) -> i64 {
        let Self::Postgres(url) = self else { panic!("nobody shares these rows") };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
            tokio::spawn(connection);
            client.query_one(question, &[]).await.unwrap().get(0)
        })
    }
}

fn in_postgres(url: &str, statement: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
        tokio::spawn(connection);
        client.batch_execute(statement).await.unwrap();
    });
}
