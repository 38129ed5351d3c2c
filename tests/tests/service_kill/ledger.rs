//! What the service said it accepted, and what it said of it since.

use blindsight_tests::api::{Api, Holding, Job};
use blindsight_tests::client::{Client, class_of};
use serde_json::{Value, json};

/// All accepted jobs.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    jobs: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    sample: &'static str,
    /// What was last said of the job.
    job: Job,
    /// Kills since the job was accepted.
    kills: u32,
    result: Option<Vec<u8>>,
}

impl Ledger {
    /// Notes a job that the service accepted, that many kills ago.
    pub(crate) fn accepted(&mut self, sample: &'static str, job: Job, kills: u32) {
        assert!(self.jobs.iter().all(|entry| entry.job.id != job.id), "accepted twice: {job:?}");
        self.jobs.push(Entry { sample, job, kills, result: None });
    }

    /// Notes what was said of a job.
    pub(crate) fn said(&mut self, job: Job) {
        let entry = self.jobs.iter_mut().find(|entry| entry.job.id == job.id).unwrap();
        entry.note(job);
    }

    /// The oldest job that has not ended.
    pub(crate) fn next(&self) -> Option<String> {
        let open = self.jobs.iter().find(|entry| !is_final(&entry.job));
        open.map(|entry| entry.job.id.clone())
    }

    /// Looks at every job, and holds what is said now against what was said before.
    pub(crate) fn check(&mut self, api: &Api, keys: &Holding, killed: bool) {
        for entry in &mut self.jobs {
            entry.kills += u32::from(killed);
            entry.note(api.job(keys, &entry.job.id));
            if let Some(result) = &entry.result {
                let again = api.result(keys, &entry.job.id).expect(200).body;
                assert!(again == *result, "another result: {:?}", entry.job);
            } else if entry.job.state == "done" {
                entry.result = Some(api.result(keys, &entry.job.id).expect(200).body);
            }
        }
    }

    /// Waits until all jobs have ended, and decrypts what came out.
    pub(crate) fn finish(&mut self, api: &Api, keys: &Holding, client: &Client) {
        for entry in self.jobs.iter().filter(|entry| !is_final(&entry.job)) {
            api.wait_for_result(keys, &entry.job.id);
        }
        self.check(api, keys, false);
        let mut done = 0;
        for entry in &self.jobs {
            match (&*entry.job.state, &entry.result) {
                ("done", Some(result)) => {
                    assert_eq!(client.class(result), class_of(entry.sample), "{:?}", entry.job);
                    done += 1;
                }
                ("cancelled", None) => {}
                _ => panic!("an end without a result: {:?}", entry.job),
            }
        }
        assert!(done > 0, "no job was left to be done");
    }

    /// Bytes of all results.
    pub(crate) fn result_bytes(&self) -> usize {
        self.jobs.iter().filter_map(|entry| entry.result.as_ref()).map(Vec::len).sum()
    }

    /// Jobs by state.
    pub(crate) fn summary(&self) -> String {
        let text = |entry: &Entry| format!("{} (start {})", entry.job.state, entry.job.attempts);
        self.jobs.iter().map(text).collect::<Vec<_>>().join(", ")
    }

    pub(crate) fn figures(&self) -> Value {
        let count = |state: &str| self.jobs.iter().filter(|e| e.job.state == state).count();
        let attempts: Vec<u32> = self.jobs.iter().map(|entry| entry.job.attempts).collect();
        json!({
            "accepted": self.jobs.len(),
            "done": count("done"),
            "cancelled": count("cancelled"),
            "attempts": attempts,
        })
    }
}

impl Entry {
    fn note(&mut self, now: Job) {
        let before = &self.job;
        let what = || format!("{now:?} after {before:?}");
        assert_eq!((&now.id, &now.created_at), (&before.id, &before.created_at), "{}", what());
        if is_final(before) {
            assert_eq!(&now, before, "a job that had ended changed");
        }
        assert!(now.attempts >= before.attempts, "a start was forgotten: {}", what());
        // Only a kill is a reason to start again.
        assert!(now.attempts <= 1 + self.kills, "too many starts: {}", what());
        let ended = is_final(&now);
        assert_eq!(now.finished_at.is_some(), ended, "{}", what());
        assert!(!matches!(now.state.as_str(), "failed" | "dead"), "{}", what());
        self.job = now;
    }
}

pub(crate) fn is_final(job: &Job) -> bool {
    !matches!(job.state.as_str(), "queued" | "running")
}
