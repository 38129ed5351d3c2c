//! The rows behind a service: in SQLite, or in PostgreSQL where `with-postgres.sh` offers one.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use blindsight_evaluator::config::Config;
use blindsight_evaluator::models::Parse;
use blindsight_evaluator::service::{OpenError, Service};
use blindsight_evaluator::store::Store;
use tokio_postgres::NoTls;

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
        match self {
            Self::Sqlite => Service::open(config.clone(), parse),
            Self::Postgres(url) => Service::open_on(config.clone(), parse, || {
                Store::with_local_blobs(&config.data, url)
            }),
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
}

fn in_postgres(url: &str, statement: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
        tokio::spawn(connection);
        client.batch_execute(statement).await.unwrap();
    });
}
