//! What all parts of the service share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use tokio::sync::{Notify, Semaphore, watch};

use crate::capability::ServiceToken;
use crate::config::Config;
use crate::jobs::{Board, KeyCache};
use crate::metrics::Metrics;
use crate::refusal::{Code, Refusal};
use crate::served::ServedModel;
use crate::store::{Store, StoreError};
use crate::uploads::{Bundle, UploadLocks};

/// The state of a running service.
pub struct Service {
    /// Settings.
    pub config: Config,
    /// The model.
    pub model: Arc<dyn ServedModel>,
    /// Where the frames of a key bundle lie.
    pub bundle: Bundle,
    /// What outlives the process.
    pub store: Store,
    /// Who writes to which upload.
    pub(crate) upload_locks: UploadLocks,
    /// Uploads that may be written to at the same time.
    pub(crate) upload_permits: Arc<Semaphore>,
    /// Held while a key is checked: one at a time is in memory.
    pub(crate) frame_check: Mutex<()>,
    /// Requests whose bodies are in memory.
    pub(crate) request_permits: Arc<Semaphore>,
    /// Event streams that may be open.
    pub(crate) event_permits: Arc<Semaphore>,
    /// Held while a bundle's blobs are written or deleted: a bundle that is being deleted may be
    /// uploaded again at the same moment.
    pub(crate) bundles: tokio::sync::Mutex<()>,
    /// What waits and what runs.
    pub board: Board,
    /// Expanded keys.
    pub(crate) cache: KeyCache,
    /// Told when a job is added to the queue.
    pub(crate) wake: Notify,
    /// Counters and histograms.
    pub metrics: Metrics,
    pub(crate) token: Option<ServiceToken>,
    pub(crate) started: Instant,
    stopping: watch::Sender<bool>,
    storage_works: AtomicBool,
}

impl Service {
    /// Opens the stores and makes everything ready; nothing runs yet.
    ///
    /// # Errors
    /// When the stores cannot be opened.
    pub fn open(config: Config, model: Arc<dyn ServedModel>) -> Result<Arc<Self>, StoreError> {
        let store = Store::open(&config.data, config.blobs.as_deref())?;
        Ok(Arc::new(Self {
            bundle: Bundle::of(&model.description().evaluation_keys),
            upload_locks: UploadLocks::default(),
            upload_permits: Arc::new(Semaphore::new(config.uploads_at_once)),
            frame_check: Mutex::new(()),
            request_permits: Arc::new(Semaphore::new(REQUESTS_AT_ONCE)),
            event_permits: Arc::new(Semaphore::new(config.event_streams)),
            bundles: tokio::sync::Mutex::new(()),
            board: Board::default(),
            cache: KeyCache::new(config.key_cache_bytes),
            wake: Notify::new(),
            metrics: Metrics::new(),
            token: config.token.as_deref().map(ServiceToken::new),
            started: Instant::now(),
            stopping: watch::Sender::new(false),
            storage_works: AtomicBool::new(true),
            config,
            model,
            store,
        }))
    }

    /// Runs what blocks, away from the threads that answer requests.
    ///
    /// # Errors
    /// Those of `f`.
    pub async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        f: impl FnOnce(&Self) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let service = self.clone();
        tokio::task::spawn_blocking(move || f(&service)).await.unwrap_or_else(|error| {
            // A panic in `f`, which is not the client's fault.
            Err(Refusal::internal(error))
        })
    }

    /// Whether the service takes new work, as far as was last noticed.
    ///
    /// # Errors
    /// `stopping`, `storage_unavailable`.
    pub fn check_ready(&self) -> Result<(), Refusal> {
        if self.is_stopping() {
            return Err(Refusal::stopping());
        }
        if !self.storage_works.load(Ordering::Relaxed) {
            let detail = "The service's storage does not answer.";
            return Err(Refusal::new(Code::StorageUnavailable, detail).retry_after(10));
        }
        Ok(())
    }

    /// Whether the service is being stopped.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    /// Stops taking work; running jobs go back to the queue.
    pub fn stop(&self) {
        self.stopping.send_replace(true);
        self.board.interrupt_all();
        self.wake.notify_waiters();
    }

    /// Changes to `true` when the service is being stopped.
    #[must_use]
    pub fn stopping(&self) -> watch::Receiver<bool> {
        self.stopping.subscribe()
    }

    /// Notes whether storage works, for the readiness that is shown.
    pub(crate) fn note_storage(&self, works: bool) {
        self.storage_works.store(works, Ordering::Relaxed);
    }
}

/// Requests are small: this many take a few tens of megabytes.
const REQUESTS_AT_ONCE: usize = 64;
