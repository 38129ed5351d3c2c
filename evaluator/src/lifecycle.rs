//! Whether the service takes work.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::watch;

use crate::refusal::{Code, Refusal};

/// Whether the service is being stopped, and whether its storage works.
#[derive(Debug)]
pub struct Lifecycle {
    stopping: watch::Sender<bool>,
    storage_works: AtomicBool,
}

impl Default for Lifecycle {
    fn default() -> Self {
        Self { stopping: watch::Sender::new(false), storage_works: AtomicBool::new(true) }
    }
}

impl Lifecycle {
    /// Whether the service takes new work, as far as was last noticed.
    ///
    /// # Errors
    /// `stopping`, `storage_unavailable`.
    pub fn check_ready(&self) -> Result<(), Refusal> {
        self.check_running()?;
        if !self.storage_works.load(Ordering::Relaxed) {
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

    pub(crate) fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// Notes whether storage works, for the readiness that is shown.
    pub(crate) fn note_storage(&self, works: bool) {
        self.storage_works.store(works, Ordering::Relaxed);
    }
}
