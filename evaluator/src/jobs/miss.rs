//! What it costs not to have a job's keys at hand.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A moving average of how long keys took that had to be fetched and expanded.
#[derive(Debug)]
pub(crate) struct MissCost(AtomicU64);

impl Default for MissCost {
    /// Before the first one: about what a ResNet's keys take.
    fn default() -> Self {
        Self(AtomicU64::new(1000))
    }
}

impl MissCost {
    /// Keys were fetched, and took so long.
    pub(crate) fn note(&self, took: Duration) {
        let took = u64::try_from(took.as_millis()).unwrap_or(u64::MAX).min(MOST_MS);
        // Two at once may lose one: it is an average.
        let average = (7 * self.0.load(Ordering::Relaxed) + 3 * took) / 10;
        self.0.store(average, Ordering::Relaxed);
    }

    /// What the next ones will take.
    pub(crate) fn expected(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::Relaxed))
    }
}

/// A minute: nobody waits longer for keys that are elsewhere.
const MOST_MS: u64 = 60_000;
