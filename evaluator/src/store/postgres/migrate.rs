//! The tables' versions.

use deadpool_postgres::Client;
use tokio_postgres::error::SqlState;

use super::connect::CHANGES;
use crate::store::StoreError;
use crate::store::state::StateError;

/// What takes an empty database to each version. Lines are only ever added.
const MIGRATIONS: [&str; 3] =
    [include_str!("schema_1.sql"), include_str!("schema_2.sql"), include_str!("schema_3.sql")];

/// Makes the tables, or brings them up to date.
pub(super) async fn migrate(client: &mut Client) -> Result<(), StoreError> {
    let known = MIGRATIONS.len() as i64;
    let found = apply(client, known).await.map_err(|error| {
        let too_old = error.code() == Some(&SqlState::SYNTAX_ERROR);
        if too_old {
            tracing::error!("the database is older than PostgreSQL 15");
        }
        StateError::from(error)
    })?;
    if found > known { Err(StoreError::Schema { found, known }) } else { Ok(()) }
}

/// Returns the version that was found.
async fn apply(client: &mut Client, known: i64) -> Result<i64, tokio_postgres::Error> {
    let transaction = client.transaction().await?;
    transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&CHANGES]).await?;
    transaction
        .batch_execute("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)")
        .await?;
    let row = transaction.query_opt("SELECT version FROM schema_version", &[]).await?;
    let found: i64 = row.map_or(Ok(0), |row| row.try_get(0))?;
    if found < known {
        for (_, migration) in (0..known).zip(MIGRATIONS).filter(|&(version, _)| version >= found) {
            transaction.batch_execute(migration).await?;
        }
        transaction.batch_execute("DELETE FROM schema_version").await?;
        transaction.execute("INSERT INTO schema_version VALUES ($1)", &[&known]).await?;
    }
    transaction.commit().await?;
    Ok(found)
}
