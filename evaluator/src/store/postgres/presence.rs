//! Who is present: a connection that holds a lock for as long as the process lives, and hears what
//! others announce.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::{AsyncMessage, Client, Config};
use uuid::Uuid;

use super::connect;
use super::shared::CHANNEL;
use crate::store::StoreError;
use crate::store::state::StateError;
use crate::store::state::shared::{Heard, Note};

type Hear = Arc<dyn Fn(Heard) + Send + Sync>;

/// The pause before a broken connection is made anew.
const PAUSE: Duration = Duration::from_millis(200);

/// The pause between signs of life, and how long one may take.
const PULSE: Duration = Duration::from_secs(2);

/// The lock that says that a process is present.
pub(super) fn lock(process: Uuid) -> i64 {
    process.as_u64_pair().0 as i64
}

/// Refuses what gives each transaction another connection: there, locks and `LISTEN` belong to
/// nobody. Two clients that ask one after the other are then served by the same connection.
pub(super) async fn check_connections(settings: &Config) -> Result<(), StoreError> {
    let [first, second] = [client(settings).await?, client(settings).await?];
    let before = backend(&first).await?;
    if backend(&second).await? == before || backend(&first).await? != before {
        return Err(StoreError::Pooler);
    }
    Ok(())
}

async fn client(settings: &Config) -> Result<Client, StoreError> {
    let connected = settings.connect(connect::tls(settings)?).await;
    let (client, connection) = connected.map_err(|error| {
        // What PgBouncer says of settings of a session.
        let is_pooler = (error.as_db_error())
            .is_some_and(|error| error.message().contains("unsupported startup parameter"));
        if is_pooler { StoreError::Pooler } else { StateError::from(error).into() }
    })?;
    // It ends with the client.
    tokio::spawn(connection);
    Ok(client)
}

async fn backend(client: &Client) -> Result<i32, StateError> {
    Ok(client.query_one("SELECT pg_backend_pid()", &[]).await?.try_get(0)?)
}

/// Keeps a process present until the runtime ends.
pub(super) async fn keep(settings: Config, process: Uuid, hear: Hear) {
    loop {
        if let Err(error) = present(&settings, process, &hear).await {
            tracing::warn!(%error, "the connection to the other processes broke");
        }
        hear(Heard::Lost);
        tokio::time::sleep(PAUSE).await;
    }
}

/// Present and listening, until the connection breaks.
async fn present(settings: &Config, process: Uuid, hear: &Hear) -> Result<(), StoreError> {
    let connected = settings.connect(connect::tls(settings)?).await;
    let (client, mut connection) = connected.map_err(StateError::from)?;
    let listen = async {
        while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
            if let AsyncMessage::Notification(sent) = message.map_err(StateError::from)?
                && let Some(note) = Note::parse(sent.payload())
            {
                hear(Heard::Note(note));
            }
        }
        Ok(())
    };
    tokio::select! {
        ended = listen => ended,
        ended = live(&client, process, hear) => ended,
    }
}

async fn live(client: &Client, process: Uuid, hear: &Hear) -> Result<(), StoreError> {
    let listen = format!("LISTEN {CHANNEL}");
    client.batch_execute(&listen).await.map_err(StateError::from)?;
    hear(Heard::Connected);
    let mut is_held = false;
    loop {
        let pulse = async {
            if is_held {
                client.batch_execute("SELECT").await?;
                return Ok(true);
            }
            // Not there for the moment of a look, or still with a connection of ours that the
            // server does not know to be dead.
            let lock = lock(process);
            client.query_one("SELECT pg_try_advisory_lock($1)", &[&lock]).await?.try_get(0)
        };
        let pulse = tokio::time::timeout(PULSE, pulse).await;
        let late = |_| StateError::away("the database does not answer");
        is_held = pulse.map_err(late)?.map_err(StateError::from)?;
        tokio::time::sleep(if is_held { PULSE } else { PAUSE }).await;
    }
}
