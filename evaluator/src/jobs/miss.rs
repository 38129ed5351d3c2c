//! What it costs not to have a job's keys at hand.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A moving average of how long keys took that had to be fetched and expanded; those fetched ahead of
/// their run took less, and are left out. Before the first ones it is nothing: a process that holds no
/// keys takes what waits, or it would never learn what that costs.
#[derive(Debug, Default)]
pub(crate) struct MissCost(AtomicU64);

impl MissCost {
    /// Keys were fetched, and took so long.
    pub(crate) fn note(&self, took: Duration) {
        let took = u64::try_from(took.as_millis()).unwrap_or(u64::MAX).min(MOST_MS);
        // Two at once may lose one: it is an average.
        let average = match self.0.load(Ordering::Relaxed) {
            0 => took,
            before => (7 * before + 3 * took) / 10,
        };
        self.0.store(average, Ordering::Relaxed);
    }

    /// What the next ones will take.
    pub(crate) fn expected(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::Relaxed))
    }
}

/// A minute: nobody waits longer for keys that are elsewhere.
const MOST_MS: u64 = 60_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_never_fetched_keys_expects_nothing_and_the_first_ones_count_whole() {
        let cost = MissCost::default();
        assert_eq!(cost.expected(), Duration::ZERO);
        cost.note(Duration::from_millis(1000));
        assert_eq!(cost.expected(), Duration::from_millis(1000));
        cost.note(Duration::ZERO);
        assert_eq!(cost.expected(), Duration::from_millis(700));
    }
}
