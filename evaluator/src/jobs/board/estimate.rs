//! How long runs take, from those that came to their end.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::time::Duration;

/// For each model, a moving average of how long a run takes.
#[derive(Debug, Default)]
pub(super) struct RunTimes(HashMap<String, f64>);

impl RunTimes {
    /// A run came to its end.
    pub(super) fn note(&mut self, model: &str, seconds: f64) {
        let average = self.0.entry(model.to_owned()).or_insert(seconds);
        *average = 0.7 * *average + 0.3 * seconds;
    }

    /// Runs take so long.
    pub(super) fn set(&mut self, model: &str, seconds: f64) {
        self.0.insert(model.to_owned(), seconds);
    }

    /// How long a run takes.
    pub(super) fn of(&self, model: &str) -> Option<f64> {
        self.0.get(model).copied()
    }

    /// How long a run will go on. Steps take about the same time each.
    pub(super) fn left(&self, model: &str, passed: f64, step: u32, steps: u32) -> Option<f64> {
        if step == 0 {
            return self.of(model).map(|run| (run - passed).max(0.0));
        }
        Some(passed * (f64::from(steps) - f64::from(step)) / f64::from(step))
    }
}

/// When the last of the jobs that wait will be done, each of which starts where a run ends first; `None`
/// where it is not known of all how long they take. While jobs wait, there are as many places as runs:
/// in the whole fleet, whose runs these are.
pub(super) fn wait(
    running: impl Iterator<Item = Option<f64>>,
    waiting: impl Iterator<Item = Option<f64>>,
) -> Option<f64> {
    let duration = |seconds: Option<f64>| Duration::try_from_secs_f64(seconds?).ok();
    let ends: Option<BinaryHeap<_>> = running.map(|left| duration(left).map(Reverse)).collect();
    let mut ends = ends?;
    let mut last = Duration::ZERO;
    for run in waiting {
        let start = ends.pop().map_or(Duration::ZERO, |Reverse(end)| end);
        last = start.checked_add(duration(run)?)?;
        ends.push(Reverse(last));
    }
    Some(last.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(running: &[f64], waiting: &[f64]) -> Option<f64> {
        wait(running.iter().copied().map(Some), waiting.iter().copied().map(Some))
    }

    #[test]
    fn jobs_start_where_a_run_ends_first() {
        assert_eq!(of(&[], &[3.0, 2.0]), Some(5.0), "one place at least");
        assert_eq!(of(&[4.0], &[3.0, 2.0]), Some(9.0));
        assert_eq!(of(&[4.0, 1.0, 6.0], &[10.0]), Some(11.0));
        // Two start at 1 and 4; the third where the first of them ends.
        assert_eq!(of(&[4.0, 1.0], &[2.0, 10.0, 5.0]), Some(9.0));
    }

    #[test]
    fn what_is_not_known_is_not_guessed() {
        assert_eq!(wait([None].into_iter(), [Some(1.0)].into_iter()), None);
        assert_eq!(wait([Some(1.0)].into_iter(), [Some(1.0), None].into_iter()), None);
        for odd in [-1.0, f64::NAN, f64::INFINITY, 1e300] {
            assert_eq!(of(&[1.0], &[odd]), None, "{odd}");
        }
    }
}
