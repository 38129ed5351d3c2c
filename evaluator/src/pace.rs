//! How often callers may do something: token buckets.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::caller::Caller;

/// So many at once, and then one in so much time, for each caller.
#[derive(Debug)]
pub(crate) struct Pace {
    burst: u32,
    every: Duration,
    /// When the bucket of a caller will be full again; who is not here has a full one.
    full_at: Mutex<HashMap<Caller, Instant>>,
}

/// So many callers are remembered at most. Beyond, those go whose buckets are fullest.
const MOST: usize = 10_000;

impl Pace {
    pub(crate) fn new(burst: u32, every: Duration) -> Self {
        Self { burst: burst.max(1), every, full_at: Mutex::default() }
    }

    /// How long to wait for the next one, if there is none left.
    pub(crate) fn wait(&self, caller: &Caller, now: Instant) -> Option<Duration> {
        let full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        self.missing(full_at.get(caller), now)
    }

    fn missing(&self, full_at: Option<&Instant>, now: Instant) -> Option<Duration> {
        let missing = full_at.map_or(Duration::ZERO, |&at| at.saturating_duration_since(now));
        missing.checked_sub(self.every * (self.burst - 1)).filter(|wait| !wait.is_zero())
    }

    /// Takes one, or says how long to wait for it.
    pub(crate) fn take(&self, caller: &Caller, now: Instant) -> Result<(), Duration> {
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let full = full_at.get(caller).map_or(now, |&at| at.max(now));
        if let Some(wait) = self.missing(Some(&full), now) {
            return Err(wait);
        }
        if full_at.len() >= MOST && !full_at.contains_key(caller) {
            full_at.retain(|_, &mut at| at > now);
            let fullest = full_at.iter().min_by_key(|(_, at)| **at).map(|(c, _)| c.clone());
            if let Some(fullest) = fullest.filter(|_| full_at.len() >= MOST) {
                full_at.remove(&fullest);
            }
        }
        full_at.insert(caller.clone(), full + self.every);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_and_then_a_rate() {
        let pace = Pace::new(3, Duration::from_secs(10));
        let (a, start) = (Caller::stored("a"), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        for _ in 0..3 {
            assert_eq!(pace.take(&a, start), Ok(()));
        }
        assert_eq!(pace.take(&a, start), Err(Duration::from_secs(10)));
        assert_eq!(pace.wait(&a, at(4)), Some(Duration::from_secs(6)));
        assert_eq!((pace.wait(&a, at(10)), pace.wait(&Caller::stored("b"), start)), (None, None));
        assert_eq!(pace.take(&Caller::stored("b"), start), Ok(()));
        assert_eq!(pace.take(&a, at(4)), Err(Duration::from_secs(6)));
        assert_eq!(pace.take(&a, at(10)), Ok(()));
        assert!(pace.take(&a, at(10)).is_err());
        // Waiting fills the bucket, but no further than to its brim.
        for _ in 0..3 {
            assert_eq!(pace.take(&a, at(1000)), Ok(()));
        }
        assert!(pace.take(&a, at(1000)).is_err());
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let pace = Pace::new(2, Duration::from_secs(10));
        let start = Instant::now();
        for index in 0..MOST + 50 {
            pace.take(&Caller::stored(&index.to_string()), start).unwrap();
        }
        assert_eq!(pace.full_at.lock().unwrap().len(), MOST);
    }
}
