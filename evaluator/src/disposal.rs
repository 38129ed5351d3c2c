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
    // Nobody stores this bundle anew meanwhile.
    let bundles = match due.what {
        Discarded::Bundle(_) => Some(service.keys.bundles.lock().await),
        _ => None,
    };
    let needed = match due.what {
        Discarded::Bundle(sha256) => {
            let asked = move |store: &Arc<Store>| Ok(store.db.read(|c| c.has_bundle(&sha256))?);
            blocking(&service.store, asked).await?
        }
        _ => false,
    };
    let deleted = if needed { Ok(()) } else { delete(&service.store, due.what).await };
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
    .await?;
    drop(bundles);
    Ok(())
}

async fn delete(store: &Store, what: Discarded) -> Result<(), StoreError> {
    match what {
        Discarded::Upload(id) => {
            // Whoever writes to it holds the file, which then goes with the last hand on it.
            Ok(store.staging.delete(id)?)
        }
        Discarded::Bundle(sha256) => store.blobs.delete_bundle(&sha256).await,
        Discarded::Request(job) => store.blobs.delete(Blob::Request(job)).await,
        Discarded::Result(run) => store.blobs.delete(Blob::Result(run)).await,
    }
}
