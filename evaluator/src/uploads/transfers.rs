//! Uploads that are being written to: so many at a time, and so many of one caller. Who comes when
//! all places are taken gets that of the slowest.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::caller::Caller;
use crate::refusal::{Code, Refusal};

/// Everybody who writes.
#[derive(Debug, Clone)]
pub(super) struct Transfers(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    together: usize,
    each: usize,
    running: Mutex<Running>,
}

#[derive(Debug, Default)]
struct Running {
    next: u64,
    transfers: HashMap<u64, State>,
}

#[derive(Debug)]
struct State {
    caller: Caller,
    started: Instant,
    bytes: Arc<AtomicU64>,
    stop: watch::Sender<bool>,
}

/// The right to write, until it is dropped or wanted by somebody else.
#[derive(Debug)]
pub(super) struct Transfer {
    transfers: Transfers,
    number: u64,
    bytes: Arc<AtomicU64>,
    stop: watch::Receiver<bool>,
}

/// Who has just begun is not slow yet.
const START: Duration = Duration::from_secs(3);

impl Transfers {
    pub(super) fn new(together: usize, each: usize) -> Self {
        Self(Arc::new(Inner { together, each, running: Mutex::default() }))
    }

    /// Takes a place. If there is none left, the slowest of the caller that has most of them has to
    /// stop, unless that would be the one who asks.
    ///
    /// # Errors
    /// `busy`.
    pub(super) fn take(&self, caller: &Caller, now: Instant) -> Result<Transfer, Refusal> {
        let busy = |detail: &str| Err(Refusal::new(Code::Busy, detail).retry_after(2));
        let mut running = self.0.running.lock().unwrap_or_else(PoisonError::into_inner);
        if running.count(caller) >= self.0.each {
            return busy("You are uploading too much side by side; try again.");
        }
        if running.transfers.len() >= self.0.together {
            let slowest = running.slowest(caller, now).map(|state| state.stop.clone());
            let Some(stop) = slowest else {
                return busy("Too many uploads at this moment; try again.");
            };
            // It writes what it has, and then its place is counted no more. Until then there is one
            // too many.
            stop.send_replace(true);
        }
        let number = running.next;
        running.next += 1;
        let (stop, stopped) = watch::channel(false);
        let bytes = Arc::new(AtomicU64::new(0));
        let state = State { caller: caller.clone(), started: now, bytes: bytes.clone(), stop };
        running.transfers.insert(number, state);
        Ok(Transfer { transfers: self.clone(), number, bytes, stop: stopped })
    }
}

impl Running {
    fn count(&self, caller: &Caller) -> usize {
        self.transfers.values().filter(|state| state.caller == *caller).count()
    }

    /// The slowest that may be stopped for the sake of a caller.
    fn slowest(&self, newcomer: &Caller, now: Instant) -> Option<&State> {
        // Fairness between callers first: nobody with fewer places than others loses one.
        let most = self.transfers.values().map(|state| self.count(&state.caller)).max()?;
        let may_go = |state: &&State| {
            self.count(&state.caller) == most
                && most > self.count(newcomer)
                && now.duration_since(state.started) >= START
                && !*state.stop.borrow()
        };
        let candidates = self.transfers.values().filter(may_go);
        candidates.min_by(|a, b| a.rate(now).total_cmp(&b.rate(now)))
    }
}

impl State {
    fn rate(&self, now: Instant) -> f64 {
        let seconds = now.duration_since(self.started).as_secs_f64().max(1e-3);
        self.bytes.load(Ordering::Relaxed) as f64 / seconds
    }
}

impl Transfer {
    /// So many bytes came.
    pub(super) fn moved(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Returns when somebody else needs the place.
    pub(super) async fn wanted(&mut self) {
        if self.stop.wait_for(|&stop| stop).await.is_err() {
            // The other end lives as long as this one; but if it did not, nobody could ask.
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Transfer {
    fn drop(&mut self) {
        let running = &self.transfers.0.running;
        running.lock().unwrap_or_else(PoisonError::into_inner).transfers.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_wanted(transfer: &Transfer) -> bool {
        *transfer.stop.borrow()
    }

    #[test]
    fn the_slowest_of_who_has_most_makes_place() {
        let transfers = Transfers::new(4, 3);
        let [a, b, c] = ["a", "b", "c"].map(Caller::stored);
        let start = Instant::now();
        let later = start + 2 * START;
        let of_a: Vec<_> = (0..3).map(|_| transfers.take(&a, start).unwrap()).collect();
        assert!(transfers.take(&a, start).is_err());
        let of_b = transfers.take(&b, start).unwrap();
        for (transfer, bytes) in of_a.iter().zip([500, 100, 300]) {
            transfer.moved(bytes);
        }
        // Nobody is slow yet.
        assert!(transfers.take(&c, start).is_err());
        let of_c = transfers.take(&c, later).unwrap();
        assert_eq!(of_a.iter().map(is_wanted).collect::<Vec<_>>(), [false, true, false]);
        assert!(!is_wanted(&of_b) && !is_wanted(&of_c));
        // Two who are stopped are two who need not be stopped again.
        let second = transfers.take(&c, later).unwrap();
        assert!(is_wanted(&of_a[2]) && !is_wanted(&of_a[0]) && !is_wanted(&of_b));
        drop((of_c, second, of_a));
        assert!(transfers.take(&a, later).is_ok());
    }

    #[test]
    fn nobody_is_stopped_for_who_has_as_many() {
        let transfers = Transfers::new(2, 2);
        let [a, b] = ["a", "b"].map(Caller::stored);
        let start = Instant::now();
        let _of_a = transfers.take(&a, start).unwrap();
        let _of_b = transfers.take(&b, start).unwrap();
        assert!(transfers.take(&a, start + 2 * START).is_err());
    }

    #[actix_web::test]
    async fn who_is_stopped_notices() {
        let transfers = Transfers::new(1, 1);
        let start = Instant::now();
        let mut first = transfers.take(&Caller::stored("a"), start).unwrap();
        let _second = transfers.take(&Caller::stored("b"), start + START).unwrap();
        first.wanted().await;
    }
}
