//! Those who use the service all at once.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use blindsight_tests::api::{Api, Holding, PART};
use blindsight_tests::events::EventStream;
use blindsight_tests::http::{Request, Response};
use blindsight_tests::poll;

use crate::tally::Tally;

/// What all of them share.
pub(crate) struct Crowd<'a> {
    pub(crate) api: &'a Api,
    /// The key set of all jobs.
    pub(crate) keys: &'a Holding,
    /// Jobs that were accepted, in this order.
    pub(crate) jobs: Mutex<Vec<String>>,
    pub(crate) tally: Tally,
    pub(crate) stop: AtomicBool,
}

impl Crowd<'_> {
    /// Submits again and again, which keeps the queue full.
    pub(crate) fn submit(&self, request: &[u8]) {
        while !self.is_over() {
            let answer = self.send("submission", &self.api.submission(self.keys, request));
            if let Some(answer) = answer.filter(|answer| answer.status == 202) {
                self.jobs.lock().unwrap().push(Api::job_in(&answer).id);
            }
            // A client would wait as long as it is told; this one is impatient.
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    pub(crate) fn wait_for_a_full_queue(&self) {
        let full = || (self.tally.count(429) > 0).then_some(());
        poll("a full queue", Duration::from_secs(60), full);
    }

    /// Follows jobs, one after another, this listener some other than the next. Returns how many
    /// events came.
    pub(crate) fn listen(&self, listener: usize) -> usize {
        let mut events = 0;
        while !self.is_over() {
            let job = {
                let jobs = self.jobs.lock().unwrap();
                // The latest wait, or run.
                jobs[jobs.len() - 1 - listener % jobs.len().min(5)].clone()
            };
            match EventStream::open(self.api.address, &self.api.events(self.keys, &job)) {
                Ok(Ok(mut stream)) => {
                    self.tally.count_in("events", &stream.head);
                    events += self.follow(&mut stream);
                }
                Ok(Err(answer)) => self.tally.count_in("events", &answer),
                Err(error) => self.tally.wrong(format!("events: no answer: {error}")),
            }
        }
        events
    }

    fn follow(&self, stream: &mut EventStream) -> usize {
        let mut events = 0;
        // Something comes at least with every heartbeat.
        while !self.is_over() {
            match stream.item() {
                Ok(Some(_)) => events += 1,
                Ok(None) => break,
                Err(error) => {
                    self.tally.wrong(format!("events: {error}"));
                    break;
                }
            }
        }
        events
    }

    /// Uploads a bundle and deletes it, again and again. Returns how many uploads came to their
    /// end.
    pub(crate) fn upload(&self, bundle: &[u8]) -> usize {
        let mut uploads = 0;
        while uploads == 0 || !self.is_over() {
            let creation = self.api.creation(bundle.len());
            let created = self.send("creation", &creation).filter(|answer| answer.status == 201);
            let Some(created) = created else {
                std::thread::sleep(Duration::from_millis(100));
                continue;
            };
            let id = created.header("Location").unwrap().rsplit('/').next().unwrap().to_owned();
            let capability = created.header("Blindsight-Capability").unwrap().to_owned();
            let upload = Holding { id, capability };
            let mut at = 0;
            while at < bundle.len() {
                let end = bundle.len().min(at + PART);
                let part = self.api.part(&upload, at, &bundle[at..end]);
                match self.send("part", &part) {
                    Some(answer) if answer.status == 204 => at = end,
                    _ => std::thread::sleep(Duration::from_millis(100)),
                }
            }
            uploads += 1;
            let path = format!("/v1/keys/{}", upload.id);
            self.send("deletion", &self.api.request_of(&upload, "DELETE", &path));
        }
        uploads
    }

    fn send(&self, what: &str, request: &Request<'_>) -> Option<Response> {
        match request.exchange(self.api.address) {
            Ok(answer) => {
                self.tally.count_in(what, &answer);
                Some(answer)
            }
            Err(error) => {
                self.tally.wrong(format!("{what}: no answer: {error}"));
                None
            }
        }
    }

    fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}
