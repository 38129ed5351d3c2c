//! Deletes what was noted for deletion, and goes on trying where that fails.

use std::sync::Arc;
use std::time::Duration;

use crate::blocking::blocking;
use crate::refusal::Refusal;
use crate::service::Service;
use crate::store::blobs::Blob;
use crate::store::state::deletions::{Discarded, Due};
use crate::store::{Store, StoreError};
use crate::time::Timestamp;

/// Deletes as soon as something is noted, until the service stops.
pub async fn dispose_until_stopped(service: Arc<Service>) {
    let mut stopping = service.lifecycle.stopping();
    loop {
        if let Err(refusal) = dispose(&service).await {
            tracing::warn!(%refusal, "what is to be deleted cannot be read");
        }
        tokio::select! {
            () = service.store.discarded.notified() => {}
            // What failed is tried again.
            () = tokio::time::sleep(Duration::from_secs(2)) => {}
            _ = stopping.wait_for(|&stopping| stopping) => return,
        }
    }
}

/// Deletes everything that is due.
pub(crate) async fn dispose(service: &Arc<Service>) -> Result<(), Refusal> {
    loop {
        let now = Timestamp::now();
        let due =
            blocking(&service.store, move |store| Ok(store.db.read(|c| c.due(now, AT_ONCE))?));
        let due = due.await?;
        if due.is_empty() {
            return Ok(());
        }
        for due in due {
            dispose_of(service, due).await?;
        }
    }
}

const AT_ONCE: u32 = 64;

async fn dispose_of(service: &Arc<Service>, due: Due) -> Result<(), Refusal> {
    let deleted = delete(&service.store, due.what).await;
    let now = Timestamp::now();
    blocking(&service.store, move |store| {
        Ok(store.db.write(|t| match &deleted {
            Ok(()) => t.deleted(due.what),
            Err(error) => {
                tracing::warn!(%error, attempts = due.attempts + 1, "a deletion failed");
                t.not_deleted(due, now)
            }
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
