//! What keeps the stores tidy: recovery when the service starts, and a sweep from time to time.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;

use crate::hex;
use crate::refusal::Refusal;
use crate::service::Service;
use crate::store::StoreError;
use crate::store::blobs::{Blob, BlobName};
use crate::time::Timestamp;
use crate::{jobs, keys, uploads};

/// Brings the stores of a process that ended anyhow into order: nothing accepted is lost, and
/// nothing stays that belongs to nobody. To be run before requests are answered.
///
/// # Errors
/// When storage fails.
pub async fn recover(service: &Arc<Service>) -> Result<(), Refusal> {
    service.blocking(|service| Ok(jobs::recover(service)?)).await?;
    uploads::finish_complete(service).await?;
    let known = service.blocking(|service| Ok(Known::read(service)?)).await?;
    let deleted = service.store.blobs.delete_unknown(|name| known.has(name)).await?;
    if deleted > 0 {
        tracing::info!(deleted, "blobs of nobody deleted");
    }
    sweep(service).await
}

/// Sweeps from time to time until the service stops.
pub async fn sweep_until_stopped(service: Arc<Service>) {
    let pause = Duration::from_secs(service.config.sweep_seconds.max(1));
    let mut stopping = service.stopping();
    loop {
        tokio::select! {
            _ = stopping.wait_for(|&stopping| stopping) => return,
            () = tokio::time::sleep(pause) => {}
        }
        if let Err(refusal) = sweep(&service).await {
            tracing::warn!(%refusal, "the sweep failed");
        }
    }
}

/// Deletes what has expired.
async fn sweep(service: &Arc<Service>) -> Result<(), Refusal> {
    let now = Timestamp::now();
    service.blocking(move |service| uploads::sweep(service, now)).await?;
    for job in service.blocking(move |service| Ok(jobs::sweep(service, now)?)).await? {
        service.store.blobs.delete(Blob::Result(job)).await?;
    }
    let expired = service.blocking(move |s| Ok(s.store.db.read(|c| keys::expired(c, now))?));
    for (owner, id) in expired.await? {
        match keys::delete_expired(service, owner, id, now).await {
            Ok(()) => tracing::info!(keys = %id, "key set expired"),
            // Somebody deleted or used it meanwhile.
            Err(refusal) if refusal == Refusal::not_found() => {}
            Err(refusal) => return Err(refusal),
        }
    }
    Ok(())
}

/// The blobs that rows point to.
struct Known {
    bundles: HashSet<String>,
    requests: HashSet<String>,
    results: HashSet<String>,
}

impl Known {
    fn read(service: &Service) -> Result<Self, StoreError> {
        service.store.db.read(|c| {
            let bundles: Vec<[u8; 32]> = column(c, "SELECT sha256 FROM bundles")?;
            let waiting = "SELECT id FROM jobs WHERE state IN ('queued', 'running')";
            let done = "SELECT id FROM jobs WHERE result_bytes IS NOT NULL";
            Ok(Self {
                bundles: bundles.iter().map(|sha256| hex::encode(sha256)).collect(),
                requests: column(c, waiting)?.into_iter().collect(),
                results: column(c, done)?.into_iter().collect(),
            })
        })
    }

    fn has(&self, name: &BlobName<'_>) -> bool {
        match *name {
            BlobName::Bundle(sha256) => self.bundles.contains(sha256),
            BlobName::Request(job) => self.requests.contains(job),
            BlobName::Result(job) => self.results.contains(job),
        }
    }
}

fn column<T: rusqlite::types::FromSql>(
    c: &Connection,
    query: &str,
) -> Result<Vec<T>, rusqlite::Error> {
    c.prepare(query)?.query_map([], |row| row.get(0))?.collect()
}
