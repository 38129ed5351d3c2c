//! The parts of a running service, put together.

use std::sync::Arc;
use std::time::Instant;

use thiserror::Error;
use uuid::Uuid;

use crate::blocking::blocking;
use crate::caller::Caller;
use crate::capability::{self, Owner};
use crate::config::Config;
use crate::credentials::{Credentials, JwtKeysError};
use crate::gate::Gate;
use crate::jobs::{JobView, Jobs};
use crate::keys::KeySets;
use crate::lifecycle::Lifecycle;
use crate::metrics::{Metrics, Snapshot};
use crate::models::{Models, ModelsError, Parse};
use crate::refusal::Refusal;
use crate::store::state::audit::AuditRow;
use crate::store::state::jobs::JobState;
use crate::store::{Store, StoreError};
use crate::traces::{Traces, TracesError};
use crate::uploads::Uploads;

/// A service. Its parts know each other only as far as they need each other; nothing but what
/// answers requests and what starts and ends the service knows all of them.
pub struct Service {
    /// Settings.
    pub config: Arc<Config>,
    /// What outlives the process.
    pub store: Arc<Store>,
    /// What can be run.
    pub models: Arc<Models>,
    /// Keys that were sent.
    pub keys: Arc<KeySets>,
    /// Keys on their way.
    pub uploads: Arc<Uploads>,
    /// What is to be run.
    pub jobs: Arc<Jobs>,
    /// Whether work is taken.
    pub lifecycle: Arc<Lifecycle>,
    /// Counters and histograms.
    pub metrics: Arc<Metrics>,
    /// Spans for who collects them.
    pub traces: Arc<Traces>,
    pub(crate) gate: Gate,
    pub(crate) credentials: Arc<Credentials>,
    pub(crate) started: Instant,
}

/// Why there is no service.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// No models.
    #[error(transparent)]
    Models(#[from] ModelsError),
    /// The stores cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The keys of who signs JWTs cannot be read.
    #[error(transparent)]
    JwtKeys(#[from] JwtKeysError),
    /// Traces are wanted, and cannot be sent.
    #[error(transparent)]
    Traces(#[from] TracesError),
}

impl Service {
    /// Reads the models, opens the stores and makes everything ready; nothing runs yet.
    ///
    /// # Errors
    /// When there is no model to serve, or the stores cannot be opened.
    pub fn open(config: Config, parse: Parse) -> Result<Arc<Self>, OpenError> {
        let store = || Store::open(&config.data, config.state.as_deref(), config.blobs.as_deref());
        Self::open_on(config.clone(), parse, store)
    }

    /// As [`Service::open`], on stores that were put together elsewhere.
    ///
    /// # Errors
    /// When there is no model to serve, or the stores cannot be opened.
    pub fn open_on(
        config: Config,
        parse: Parse,
        store: impl FnOnce() -> Result<Store, StoreError>,
    ) -> Result<Arc<Self>, OpenError> {
        let config = Arc::new(config);
        let lifecycle = Arc::new(Lifecycle::default());
        let metrics = Arc::new(Metrics::new());
        let models = Arc::new(Models::open(&config, parse, &metrics)?);
        let store = Arc::new(store()?);
        let keys = Arc::new(KeySets::new(&store, &config));
        let uploads = Uploads::new(&config, &store, &models, &keys, &lifecycle, &metrics);
        let me = capability::new_id();
        let traces = Arc::new(Traces::open(&config, me)?);
        let with = (me, &traces);
        let jobs = Jobs::new(&config, &store, &models, &keys, &lifecycle, &metrics, with);
        Ok(Arc::new(Self {
            gate: Gate::new(&config),
            credentials: Arc::new(Credentials::new(&config, &store)?),
            started: Instant::now(),
            uploads: Arc::new(uploads),
            jobs: Arc::new(jobs),
            config,
            store,
            models,
            keys,
            lifecycle,
            metrics,
            traces,
        }))
    }

    /// Stops taking work. Running jobs go back to the queue, at once or when
    /// [`Service::break_off`] is called, as [`Config::finish_seconds`] says.
    pub fn stop(&self) {
        self.lifecycle.stop();
        self.jobs.drop_fetched_ahead();
        self.jobs.wake.notify_waiters();
        if self.config.finish_seconds() == 0 {
            self.break_off();
        }
    }

    /// Puts running jobs back.
    pub fn break_off(&self) {
        self.lifecycle.break_off();
        self.jobs.interrupt();
    }

    /// Deletes an unfinished upload, or the key set that it has become with all that depends on it.
    ///
    /// # Errors
    /// `not_found`, `upload_busy`.
    pub async fn delete(&self, who: &Caller, owner: Owner, id: Uuid) -> Result<(), Refusal> {
        // An upload may become a key set while we wait for its lock.
        if self.uploads.delete(owner, id).await? {
            return Ok(());
        }
        self.jobs.delete_keys(owner, id).await?;
        self.note(AuditRow::now(who, "key set deleted", id)).await;
        Ok(())
    }

    /// Cancels a job. One that has ended stays as it is.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn cancel(&self, who: &Caller, owner: Owner, id: Uuid) -> Result<JobView, Refusal> {
        let before = self.jobs.view(owner, id).await?;
        let view = self.jobs.cancel(owner, id).await?;
        if before.state != view.state && view.state == JobState::Cancelled {
            self.note(AuditRow::now(who, "job cancelled", id)).await;
        }
        Ok(view)
    }

    /// Writes down what was done. It is done, whether that works or not.
    pub(crate) async fn note(&self, row: AuditRow) {
        let noted =
            blocking(&self.store, move |store| Ok(store.db.write(|t| t.note_audit(&row))?));
        if let Err(error) = noted.await {
            tracing::error!(%error, "what was done is not written down");
        }
    }

    /// All metrics, in the text format of OpenMetrics.
    #[must_use]
    pub fn metrics_text(&self) -> String {
        let (queued, running) = self.jobs.board.counts();
        // A scrape must not fail with the database.
        let (age_ms, deletions) = (self.store.db)
            .read(|c| Ok::<_, StoreError>((c.queue_age_ms()?, c.pending_deletions()?)))
            .unwrap_or_default();
        let (loaded, loaded_bytes) = self.models.loaded();
        let catalogue = self.models.catalogue();
        self.metrics.encode(&Snapshot {
            queued,
            running,
            cached: self.keys.cached(),
            fetched_ahead_bytes: self.jobs.fetched_ahead_bytes(),
            loaded: loaded.into_iter().map(|(key, bytes)| (key.id.to_string(), bytes)).collect(),
            loaded_bytes,
            models: (catalogue.models().len(), catalogue.broken().len()),
            deletions,
            queue_age_seconds: age_ms as f64 / 1000.0,
            free_slots: self.jobs.slots().saturating_sub(self.jobs.board.running_here()),
        })
    }
}
