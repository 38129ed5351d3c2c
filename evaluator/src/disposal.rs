//! Deletes what was noted for deletion, and goes on trying where that fails.

use std::sync::Arc;
use std::time::Duration;

use crate::blocking::blocking;
use crate::refusal::Refusal;
use crate::service::Service;
use crate::store::blobs::Blob;
use crate::store::state::Elected;
use crate::store::state::deletions::{Discarded, Due};
use crate::store::{Store, StoreError};
use crate::time::Timestamp;

/// Deletes as soon as something is noted, until the service stops. Of several processes one does it,
/// which saves the others work; two would do no harm.
pub async fn dispose_until_stopped(service: Arc<Service>) {
    let mut stopping = service.lifecycle.stopping();
    let mut office = None;
    loop {
        if let Err(refusal) = dispose_if_elected(&service, &mut office).await {
            tracing::warn!(%refusal, "what is to be deleted cannot be read");
        }
        let is_elected = office.is_some();
        // What failed is tried again, and what others noted is found.
        let pause = if is_elected { AGAIN } else { ELECTION };
        let noted = async {
            service.store.discarded.notified().await;
            // What is noted soon afterwards goes with it.
            tokio::time::sleep(GATHER).await;
        };
        tokio::select! {
            () = noted, if is_elected => {}
            () = tokio::time::sleep(pause) => {}
            _ = stopping.wait_for(|&stopping| stopping) => return,
        }
    }
}

/// The name under which the one who deletes is elected, and when those who are not stand again.
const DISPOSER: &str = "disposer";
const ELECTION: Duration = Duration::from_secs(10);

/// For how long notes are gathered: crossing them off is one change then.
const GATHER: Duration = Duration::from_millis(200);

/// How often the one who deletes looks without being told.
const AGAIN: Duration = Duration::from_secs(2);

async fn dispose_if_elected(
    service: &Arc<Service>,
    office: &mut Option<Box<dyn Elected>>,
) -> Result<(), Refusal> {
    if !office.as_ref().is_some_and(|office| office.holds()) {
        *office = None;
        *office = blocking(&service.store, |store| Ok(store.db.elect(DISPOSER)?)).await?;
    }
    if office.is_some() { dispose(service).await } else { Ok(()) }
}

/// Deletes everything that is due.
pub(crate) async fn dispose(service: &Arc<Service>) -> Result<(), Refusal> {
    loop {
        let now = Timestamp::now();
        let due =
            blocking(&service.store, move |store| Ok(store.db.read(|c| c.due(now, AT_ONCE))?));
        let due = due.await?;
        let is_all = due.len() < AT_ONCE as usize;
        if due.is_empty() {
            return Ok(());
        }
        let mut tried = Vec::new();
        for due in due {
            tried.push((due, delete(&service.store, due.what).await));
        }
        note(service, tried).await?;
        if is_all {
            return Ok(());
        }
    }
}

const AT_ONCE: u32 = 64;

/// Crosses off what is gone, all in one change.
async fn note(
    service: &Arc<Service>,
    tried: Vec<(Due, Result<(), StoreError>)>,
) -> Result<(), Refusal> {
    let now = Timestamp::now();
    for (due, outcome) in &tried {
        if let Err(error) = outcome {
            tracing::warn!(%error, attempts = due.attempts + 1, "a deletion failed");
        }
    }
    blocking(&service.store, move |store| {
        Ok(store.db.write(|t| {
            tried.iter().try_for_each(|(due, outcome)| match outcome {
                Ok(()) => t.deleted(due.what),
                Err(_) => t.not_deleted(*due, now),
            })
        })?)
    })
    .await
}

/// Nothing that was noted is ever needed again, so that several processes may do this at once.
async fn delete(store: &Store, what: Discarded) -> Result<(), StoreError> {
    match what {
        // Whoever writes to a file holds it, and it goes with the last hand on it; a part that is
        // stored now, where they are objects, will never count.
        Discarded::Upload(id) => store.staging.delete(id).await,
        Discarded::Bundle(bundle) => store.blobs.delete_bundle(bundle).await,
        Discarded::Request(job) => store.blobs.delete(Blob::Request(job)).await,
        Discarded::Result(run) => store.blobs.delete(Blob::Result(run)).await,
    }
}
