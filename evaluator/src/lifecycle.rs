//! Whether the service takes work.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::watch;

use crate::refusal::{Code, Refusal};

/// Whether the service is being stopped, and whether its storage works.
#[derive(Debug)]
pub struct Lifecycle {
    stopping: watch::Sender<bool>,
    breaking_off: AtomicBool,
    rows_work: AtomicBool,
    blobs_work: AtomicBool,
}

impl Default for Lifecycle {
    fn default() -> Self {
        Self {
            stopping: watch::Sender::new(false),
            breaking_off: AtomicBool::new(false),
            rows_work: AtomicBool::new(true),
            blobs_work: AtomicBool::new(true),
        }
    }
}

impl Lifecycle {
    /// Whether the service takes new work, as far as was last noticed.
    ///
    /// # Errors
    /// `stopping`, `storage_unavailable`.
    pub fn check_ready(&self) -> Result<(), Refusal> {
        self.check_running()?;
        let works = |flag: &AtomicBool| flag.load(Ordering::Relaxed);
        if !works(&self.rows_work) || !works(&self.blobs_work) {
            let detail = "The service's storage does not answer.";
            return Err(Refusal::new(Code::StorageUnavailable, detail).retry_after(10));
        }
        Ok(())
    }

    /// # Errors
    /// `stopping`.
    pub(crate) fn check_running(&self) -> Result<(), Refusal> {
        if self.is_stopping() { Err(Refusal::stopping()) } else { Ok(()) }
    }

    /// Whether the service is being stopped.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    /// Changes to `true` when the service is being stopped.
    #[must_use]
    pub fn stopping(&self) -> watch::Receiver<bool> {
        self.stopping.subscribe()
    }

    /// Whether what runs is to end too.
    #[must_use]
    pub fn is_breaking_off(&self) -> bool {
        self.breaking_off.load(Ordering::Relaxed)
    }

    pub(crate) fn break_off(&self) {
        self.breaking_off.store(true, Ordering::Relaxed);
    }

    pub(crate) fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// Notes whether the database works, for the readiness that is shown.
    pub(crate) fn note_storage(&self, works: bool) {
        self.rows_work.store(works, Ordering::Relaxed);
    }

    /// Notes whether the blob store works, for the readiness that is shown.
    pub(crate) fn note_blobs(&self, works: bool) {
        self.blobs_work.store(works, Ordering::Relaxed);
    }
}
