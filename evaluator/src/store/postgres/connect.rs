//! Connections.

use std::str::FromStr as _;
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod};
use rustls::ClientConfig;
use rustls_platform_verifier::BuilderVerifierExt as _;
use sha2::{Digest as _, Sha256};
use tokio::task::JoinHandle;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::store::StoreError;
use crate::store::state::{Elected, StateError};

/// The lock that a change takes: any number.
pub(super) const CHANGES: i64 = 0x626C_696E_6473_0001;

/// Connections at once.
const CONNECTIONS: usize = 8;

/// The settings of a connection, from an address. Nothing that is asked may take for ever.
pub(super) fn settings(url: &str) -> Result<Config, StoreError> {
    // The address may hold a password: it is not repeated.
    let mut settings = Config::from_str(url)
        .map_err(|error| StoreError::Address(format!("the address of the database: {error}")))?;
    if let (None, Ok(password)) = (settings.get_password(), std::env::var("PGPASSWORD")) {
        settings.password(password);
    }
    settings.application_name("blindsight");
    if settings.get_connect_timeout().is_none() {
        settings.connect_timeout(Duration::from_secs(5));
    }
    settings.keepalives_idle(Duration::from_secs(10));
    // What is sent and never confirmed: the network is gone, and nobody says so.
    settings.tcp_user_timeout(Duration::from_secs(8));
    let own = settings.get_options().unwrap_or_default().to_owned();
    // Whoever stops in the midst of a change, or is cut off, keeps all others from changing anything;
    // and as long as the server believes that somebody who was cut off is there, nobody takes over at
    // once what that process runs when it really ends.
    let limits = "-c statement_timeout=30s -c lock_timeout=30s \
                  -c idle_in_transaction_session_timeout=4s -c tcp_user_timeout=8s \
                  -c tcp_keepalives_idle=5 -c tcp_keepalives_interval=1 -c tcp_keepalives_count=3";
    settings.options(format!("{limits} {own}").trim());
    Ok(settings)
}

/// Connections for changes and looks, which are kept and used again.
pub(super) fn pool(settings: Config) -> Result<Pool, StoreError> {
    pool_of(settings, CONNECTIONS)
}

/// A connection for leases, which waits for nothing else. A lease that gets lost with the server is
/// no harm: it was shorter than the truth.
pub(super) fn lease_pool(mut settings: Config) -> Result<Pool, StoreError> {
    let own = settings.get_options().unwrap_or_default().to_owned();
    settings.options(format!("{own} -c statement_timeout=2s -c synchronous_commit=off"));
    settings.connect_timeout(Duration::from_secs(2));
    pool_of(settings, 2)
}

fn pool_of(settings: Config, connections: usize) -> Result<Pool, StoreError> {
    let manager_config = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = Manager::from_config(settings.clone(), tls(&settings)?, manager_config);
    let pool = Pool::builder(manager)
        .max_size(connections)
        .wait_timeout(Some(Duration::from_secs(30)))
        .runtime(deadpool_postgres::Runtime::Tokio1);
    pool.build().map_err(|error| StoreError::Address(error.to_string()))
}

pub(super) fn tls(settings: &Config) -> Result<MakeRustlsConnect, StoreError> {
    let unusable = |error: &dyn std::fmt::Display| StoreError::Address(error.to_string());
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(&error))?;
    // Without TLS, a machine without certificates is no hindrance.
    let config = if settings.get_ssl_mode() == SslMode::Disable {
        builder.with_root_certificates(rustls::RootCertStore::empty())
    } else {
        builder.with_platform_verifier().map_err(|error| unusable(&error))?
    };
    Ok(MakeRustlsConnect::new(config.with_no_client_auth()))
}

/// A connection that holds a lock for as long as it lives.
#[derive(Debug)]
pub(super) struct Held {
    client: Client,
    connection: JoinHandle<()>,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

impl Elected for Held {
    fn holds(&self) -> bool {
        !self.client.is_closed()
    }
}

/// Takes a lock on a connection of its own; `None` if somebody else holds it.
pub(super) async fn hold(settings: &Config, lock: i64) -> Result<Option<Held>, StoreError> {
    let (client, connection) = settings.connect(tls(settings)?).await.map_err(StateError::from)?;
    let connection = tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::error!(%error, "a connection that holds a lock broke");
        }
    });
    let held = Held { client, connection };
    let row = held.client.query_one("SELECT pg_try_advisory_lock($1)", &[&lock]).await;
    let taken: bool = row.and_then(|row| row.try_get(0)).map_err(StateError::from)?;
    Ok(taken.then_some(held))
}

/// The lock of whoever is elected for `what`.
pub(super) fn office(what: &str) -> i64 {
    let digest: [u8; 32] = Sha256::digest(format!("blindsight elects: {what}")).into();
    digest.iter().take(8).fold(0, |number, &byte| (number << 8) | i64::from(byte))
}
