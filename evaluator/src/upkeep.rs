//! What keeps the service tidy: recovery when it starts, and from then on a sweep of the stores and
//! a look at the models from time to time.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use rayon::ThreadPool;

use crate::blocking::blocking;
use crate::disposal;
use crate::refusal::Refusal;
use crate::service::Service;
use crate::shelf::AcquireError;
use crate::store::blobs::BlobName;
use crate::store::state::audit::AuditRow;
use crate::store::{Store, StoreError};
use crate::time::Timestamp;

/// Brings the stores of a process that ended anyhow into order: nothing accepted is lost, and
/// nothing stays that belongs to nobody. To be run before requests are answered.
///
/// # Errors
/// When storage fails.
pub async fn recover(service: &Arc<Service>) -> Result<(), Refusal> {
    blocking(&service.jobs, |jobs| Ok(jobs.recover()?)).await?;
    blocking(&service.uploads, |uploads| uploads.delete_lost()).await?;
    service.uploads.finish_complete().await?;
    if !service.store.is_shared {
        // Where others write, what has no row yet may get one: see `orphans`.
        let known = blocking(&service.store, |store| Ok(Known::read(store)?)).await?;
        let deleted = service.store.blobs.delete_unknown(|name| known.has(name)).await?;
        if deleted > 0 {
            tracing::info!(deleted, "blobs of nobody deleted");
        }
    }
    sweep(service).await?;
    disposal::dispose(service).await
}

/// Sweeps from time to time until the service stops.
pub async fn sweep_until_stopped(service: Arc<Service>) {
    while pause(&service, service.config.sweep_seconds).await {
        if let Err(refusal) = sweep(&service).await {
            tracing::warn!(%refusal, "the sweep failed");
        }
    }
}

/// Looks at the folder of models from time to time until the service stops.
pub async fn watch_models_until_stopped(service: Arc<Service>) {
    while pause(&service, service.config.models_seconds).await {
        let looked = blocking(&service.models, |models| {
            models.look();
            Ok(())
        });
        if looked.await.is_err() {
            tracing::warn!("looking at the models failed");
        }
    }
}

/// Asks the blob store from time to time whether it works, where it is another machine's, until the
/// service stops.
pub async fn probe_blobs_until_stopped(service: Arc<Service>) {
    while service.config.blobs.is_some() && pause(&service, PROBE_SECONDS).await {
        let patience = Duration::from_secs(PROBE_SECONDS);
        let answer = tokio::time::timeout(patience, service.store.blobs.probe()).await;
        let works = matches!(answer, Ok(Ok(())));
        if !works {
            tracing::warn!("the blob store does not answer");
        }
        service.lifecycle.note_blobs(works);
    }
}

const PROBE_SECONDS: u64 = 2;

/// Makes the configured models ready, so that no first job has to wait for it. Blocks until then.
pub fn preload(service: &Service, pool: &ThreadPool) {
    let catalogue = service.models.catalogue();
    let chosen = |index: usize, id: &str| {
        (service.config.preload.iter()).any(|word| match word.as_str() {
            "none" => false,
            "all" => true,
            "default" => index == 0,
            word => word == id,
        })
    };
    for word in &service.config.preload {
        if !["none", "all", "default"].contains(&word.as_str()) && catalogue.find(word).is_err() {
            tracing::warn!(model = %word, "there is no such model to make ready");
        }
    }
    for (index, model) in catalogue.models().iter().enumerate() {
        let id = model.description().id();
        if !chosen(index, id) {
            continue;
        }
        match service.models.load(&**model, pool, &|| service.lifecycle.is_stopping()) {
            Ok(_) => {}
            Err(AcquireError::GivenUp) => return,
            Err(AcquireError::Load(error)) => {
                tracing::error!(model = id, error, "the model cannot be loaded");
            }
        }
    }
}

/// Waits; `false` when the service stops.
async fn pause(service: &Service, seconds: u64) -> bool {
    let mut stopping = service.lifecycle.stopping();
    tokio::select! {
        _ = stopping.wait_for(|&stopping| stopping) => false,
        () = tokio::time::sleep(Duration::from_secs(seconds.max(1))) => true,
    }
}

/// Deletes what has expired.
async fn sweep(service: &Arc<Service>) -> Result<(), Refusal> {
    let now = Timestamp::now();
    blocking(&service.uploads, move |uploads| uploads.sweep(now)).await?;
    blocking(&service.jobs, move |jobs| Ok(jobs.sweep(now)?)).await?;
    let expired =
        blocking(&service.store, move |store| Ok(store.db.read(|c| c.expired_key_sets(now))?));
    for (owner, id) in expired.await? {
        match service.jobs.delete_expired_keys(owner, id, now).await {
            Ok(()) => {
                tracing::info!(keys = %id, "key set expired");
                service.note(AuditRow::now("service", "key set expired", id)).await;
            }
            // Somebody deleted or used it meanwhile.
            Err(refusal) if refusal == Refusal::not_found() => {}
            Err(refusal) => return Err(refusal),
        }
    }
    service.store.discarded.notify_one();
    let known_from = now.before_seconds(service.config.audit_seconds);
    blocking(&service.store, move |store| {
        Ok(store.db.write(|t| {
            t.forget_audit(known_from)?;
            t.forget_days(now.day() - 1)
        })?)
    })
    .await
}

/// The blobs that rows point to.
pub(crate) struct Known {
    bundles: HashSet<String>,
    parts: HashSet<(String, String)>,
    requests: HashSet<String>,
    results: HashSet<String>,
}

impl Known {
    pub(crate) fn read(store: &Store) -> Result<Self, StoreError> {
        store.db.read(|c| {
            let (requests, results) = c.jobs_with_blobs()?;
            Ok(Self {
                parts: (c.all_upload_parts()?.into_iter())
                    .map(|(id, start, token)| (id.to_string(), format!("{start}.{token}")))
                    .collect(),
                bundles: c.bundles()?.iter().map(ToString::to_string).collect(),
                requests: requests.iter().map(ToString::to_string).collect(),
                results: results.iter().map(ToString::to_string).collect(),
            })
        })
    }

    pub(crate) fn has(&self, name: &BlobName<'_>) -> bool {
        match *name {
            BlobName::Bundle(bundle) => self.bundles.contains(bundle),
            BlobName::Request(job) => self.requests.contains(job),
            BlobName::Result(job) => self.results.contains(job),
            BlobName::Part(upload, part) => {
                self.parts.contains(&(upload.to_owned(), part.to_owned()))
            }
        }
    }
}
