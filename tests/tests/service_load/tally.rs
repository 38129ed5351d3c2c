//! Answers by status.

use std::collections::BTreeMap;
use std::sync::Mutex;

use blindsight_tests::http::Response;
use serde_json::{Value, json};

/// Counts answers, and keeps the first that should not have been.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    statuses: BTreeMap<u16, usize>,
    wrong: Vec<String>,
}

impl Tally {
    /// Counts an answer.
    pub(crate) fn count_in(&self, what: &str, answer: &Response) {
        let mut inner = self.inner.lock().unwrap();
        *inner.statuses.entry(answer.status).or_default() += 1;
        let pause = answer.number("Retry-After").unwrap_or(0);
        let is_right = match answer.status {
            200..300 => true,
            // Whoever is sent away is told for how long.
            429 => (1..=600).contains(&pause),
            _ => false,
        };
        if !is_right {
            inner.wrong.push(format!("{what}: {answer}"));
        }
    }

    /// Notes something that should not have happened.
    pub(crate) fn wrong(&self, what: String) {
        self.inner.lock().unwrap().wrong.push(what);
    }

    /// Answers with this status.
    pub(crate) fn count(&self, status: u16) -> usize {
        self.inner.lock().unwrap().statuses.get(&status).copied().unwrap_or(0)
    }

    pub(crate) fn statuses(&self) -> Value {
        json!(self.inner.lock().unwrap().statuses)
    }

    pub(crate) fn assert_only_served_or_sent_back(&self) {
        let inner = self.inner.lock().unwrap();
        let some: Vec<&String> = inner.wrong.iter().take(20).collect();
        assert!(some.is_empty(), "{} wrong: {some:#?}", inner.wrong.len());
    }
}
