//! The tables' versions.

use deadpool_postgres::Client;
use tokio_postgres::GenericClient;
use tokio_postgres::error::SqlState;

use super::connect::CHANGES;
use crate::store::StoreError;
use crate::store::schema::{Found, Migrated};
use crate::store::state::StateError;

/// What takes an empty database to each version. Lines are only ever added.
const MIGRATIONS: [&str; 6] = [
    include_str!("schema_1.sql"),
    include_str!("schema_2.sql"),
    include_str!("schema_3.sql"),
    include_str!("schema_4.sql"),
    include_str!("schema_5.sql"),
    include_str!("schema_6.sql"),
];

/// The newest schema that this program knows.
pub(super) const KNOWN: i64 = MIGRATIONS.len() as i64;

/// The oldest program that can use that schema, named by the newest that it knows: a migration that
/// takes away what it uses raises this. Programs before 4 do not ask.
const READABLE_BY: i64 = 4;

/// Makes the tables, or brings them up to date.
pub(super) async fn migrate(client: &mut Client) -> Result<Migrated, StoreError> {
    let found = apply(client).await.map_err(|error| {
        let too_old = error.code() == Some(&SqlState::SYNTAX_ERROR);
        if too_old {
            tracing::error!("the database is older than PostgreSQL 15");
        }
        StateError::from(error)
    })?;
    found.check_readable(KNOWN)?;
    Ok(Migrated { from: found.version, to: found.version.max(KNOWN) })
}

/// Lets nobody pass who would need other tables.
pub(super) async fn check(client: &Client) -> Result<(), StoreError> {
    let query = "SELECT to_regclass('schema_version') IS NOT NULL";
    let has_tables = client.query_one(query, &[]).await.and_then(|row| row.try_get(0));
    let found = if has_tables.map_err(StateError::from)? {
        found(&***client).await.map_err(StateError::from)?
    } else {
        Found { version: 0, readable_by: None }
    };
    found.check_usable(KNOWN)
}

/// Returns what was found.
async fn apply(client: &mut Client) -> Result<Found, tokio_postgres::Error> {
    let transaction = client.transaction().await?;
    transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&CHANGES]).await?;
    transaction
        .batch_execute("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)")
        .await?;
    let before = found(&*transaction).await?;
    if before.is_behind(KNOWN) {
        let missing = (0..KNOWN).zip(MIGRATIONS).filter(|&(version, _)| version >= before.version);
        for (_, migration) in missing {
            transaction.batch_execute(migration).await?;
        }
        transaction.batch_execute("DELETE FROM schema_version").await?;
        let query = "INSERT INTO schema_version (version, readable_by) VALUES ($1, $2)";
        transaction.execute(query, &[&KNOWN, &READABLE_BY]).await?;
    }
    transaction.commit().await?;
    Ok(before)
}

async fn found(client: &impl GenericClient) -> Result<Found, tokio_postgres::Error> {
    // The first version had no such column.
    let query = "SELECT version, (to_jsonb(schema_version) ->> 'readable_by')::bigint
                 FROM schema_version";
    match client.query_opt(query, &[]).await? {
        Some(row) => Ok(Found { version: row.try_get(0)?, readable_by: row.try_get(1)? }),
        None => Ok(Found { version: 0, readable_by: None }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::postgres::Postgres;
    use crate::store::postgres::testing::new_database;

    #[test]
    fn tables_of_the_first_version_are_brought_up_to_date() {
        let Some(url) = new_database() else { return };
        let database = Postgres::alone(&url).unwrap();
        let first = format!(
            "{} CREATE TABLE schema_version (version BIGINT NOT NULL);
             INSERT INTO schema_version VALUES (1);",
            MIGRATIONS[0]
        );
        database.threads.handle().unwrap().block_on(async {
            let client = database.pool.get().await.unwrap();
            client.batch_execute(&first).await.unwrap();
        });
        let behind = Postgres::beside(&url);
        assert!(matches!(behind, Err(StoreError::Outdated { found: 1, known: KNOWN })));
        assert_eq!(database.bring_up_to_date().unwrap(), Migrated { from: 1, to: KNOWN });
        assert_eq!(Postgres::migrate(&url).unwrap(), Migrated { from: KNOWN, to: KNOWN });
        drop(Postgres::beside(&url).unwrap());
    }
}
