//! Connections.

use std::str::FromStr as _;
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod};
use rustls::ClientConfig;
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio::task::JoinHandle;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::store::StoreError;
use crate::store::state::StateError;

/// The lock that a change takes, and the one of whoever uses the database: any two numbers.
pub(super) const CHANGES: i64 = 0x626C_696E_6473_0001;
const ONLY_ONE: i64 = 0x626C_696E_6473_0002;

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
    let own = settings.get_options().unwrap_or_default().to_owned();
    // Whoever stops in the midst of a change, or is cut off, keeps all others from changing anything.
    let limits = "-c statement_timeout=30s -c lock_timeout=30s \
                  -c idle_in_transaction_session_timeout=4s";
    settings.options(format!("{limits} {own}").trim());
    Ok(settings)
}

/// Connections that are kept and used again.
pub(super) fn pool(settings: Config) -> Result<Pool, StoreError> {
    let manager_config = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = Manager::from_config(settings.clone(), tls(&settings)?, manager_config);
    let pool = Pool::builder(manager)
        .max_size(CONNECTIONS)
        .wait_timeout(Some(Duration::from_secs(30)))
        .runtime(deadpool_postgres::Runtime::Tokio1);
    pool.build().map_err(|error| StoreError::Address(error.to_string()))
}

fn tls(settings: &Config) -> Result<MakeRustlsConnect, StoreError> {
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

/// A connection that holds a lock for as long as the process lives: two evaluators that know nothing
/// of each other would run the same jobs.
#[derive(Debug)]
pub(super) struct OnlyOne {
    _client: Client,
    connection: JoinHandle<()>,
}

impl Drop for OnlyOne {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

/// Takes the lock.
pub(super) async fn only_one(settings: &Config) -> Result<OnlyOne, StoreError> {
    let (client, connection) = settings.connect(tls(settings)?).await.map_err(StateError::from)?;
    let connection = tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::error!(%error, "the connection that keeps other evaluators out broke");
        }
    });
    let row = client.query_one("SELECT pg_try_advisory_lock($1)", &[&ONLY_ONE]).await;
    let taken: bool = row.and_then(|row| row.try_get(0)).map_err(StateError::from)?;
    if taken { Ok(OnlyOne { _client: client, connection }) } else { Err(StoreError::StateInUse) }
}
