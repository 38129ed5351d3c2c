//! How long runs take, from those that came to their end.

use std::collections::HashMap;

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
