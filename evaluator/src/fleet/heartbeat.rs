//! Prolongs the leases of the runs of this process. A run whose lease cannot be prolonged is ended
//! before others may have it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::jobs::Jobs;
use crate::store::state::runs::Start;

/// Beats in a lease.
const BEATS: u32 = 25;

/// Beats until the process is gone.
pub(super) fn until(left: &AtomicBool, jobs: &Jobs, lease: Duration) {
    let mut prolonged = Prolonged::default();
    while !left.load(Ordering::Relaxed) {
        let begin = Instant::now();
        prolonged.beat(jobs, lease);
        std::thread::sleep((lease / BEATS).saturating_sub(begin.elapsed()));
    }
}

/// When the lease of a run was last prolonged: the moment before it was asked for.
#[derive(Debug, Default)]
struct Prolonged(HashMap<(Uuid, u64), Instant>);

impl Prolonged {
    fn beat(&mut self, jobs: &Jobs, lease: Duration) {
        let (asked, own) = (Instant::now(), jobs.board.own());
        self.0.retain(|run, _| own.iter().any(|own| (own.job, own.start.epoch) == *run));
        let Some(shared) = jobs.shared().filter(|_| !own.is_empty()) else { return };
        let runs: Vec<(Start, u32)> = own.iter().map(|own| (own.start, own.step)).collect();
        let lease_ms = u64::try_from(lease.as_millis()).unwrap_or(u64::MAX);
        let kept = match shared.renew(jobs.me, &runs, lease_ms) {
            Ok(kept) => Some(kept),
            Err(error) => {
                tracing::warn!(%error, "leases cannot be prolonged");
                None
            }
        };
        for own in &own {
            let run = (own.job, own.start.epoch);
            let since = self.0.entry(run).or_insert(own.since);
            let is_lost = match &kept {
                Some(kept) if kept.contains(&own.start) => {
                    *since = asked;
                    false
                }
                // Cancelled, deleted or taken over.
                Some(_) => true,
                None => is_late(since.elapsed(), lease),
            };
            if is_lost {
                jobs.board.interrupt(own.job, Some(own.start.epoch));
            }
        }
    }
}

/// Whether a lease may end before the next beat has asked for more.
fn is_late(passed: Duration, lease: Duration) -> bool {
    passed >= lease * 4 / 5
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_ends_before_its_lease() {
        for seconds in [1, 2, 10, 60] {
            let lease = Duration::from_secs(seconds);
            // The last beat that is not late yet, the pause, and the longest wait for an answer.
            let wait = (lease / 10).clamp(Duration::from_millis(50), Duration::from_secs(1));
            let latest = lease * 4 / 5 + lease / BEATS + wait;
            assert!(is_late(lease * 4 / 5, lease) && latest < lease, "{seconds}");
        }
    }
}
