//! Databases for tests.

use tokio_postgres::NoTls;

/// The address of an empty database, on the server that the environment names; it goes with the
/// server.
pub(crate) fn new_database() -> Option<String> {
    let server = std::env::var("BLINDSIGHT_TEST_POSTGRES").ok()?;
    let name = format!("test-{}", crate::capability::new_id());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (client, connection) =
            tokio_postgres::connect(&format!("{server}/postgres"), NoTls).await.unwrap();
        tokio::spawn(connection);
        client.batch_execute(&format!("CREATE DATABASE \"{name}\"")).await.unwrap();
    });
    Some(format!("{server}/{name}"))
}
