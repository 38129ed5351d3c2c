//! Callers who submit jobs one after the other, each waiting for its result, and remember what was
//! promised to them.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use blindsight_fake::answer;
use blindsight_tests::http::Response;
use uuid::Uuid;

use crate::client::{Client, Keys, PAUSE, accepted, unique_request};

/// Steps of a run take so long: five make the fifty milliseconds of a run.
pub(crate) const STEP_MS: u8 = 10;

/// How long what was accepted may take once all is well again.
const PATIENCE: Duration = Duration::from_secs(60);

/// Callers at work.
#[derive(Debug)]
pub(crate) struct Traffic {
    shared: Arc<Shared>,
    callers: Vec<JoinHandle<Vec<Promise>>>,
}

#[derive(Debug, Default)]
struct Shared {
    stopping: AtomicBool,
    done: AtomicUsize,
    /// Answers that nobody should get.
    surprises: Mutex<Vec<String>>,
}

/// A job that was accepted.
#[derive(Debug)]
struct Promise {
    caller: u8,
    keys: Keys,
    id: String,
    body: Vec<u8>,
    /// The result was there and right.
    kept: bool,
}

/// What became of all promises.
#[derive(Debug, Default)]
pub(crate) struct Account {
    pub(crate) accepted: usize,
    pub(crate) done: usize,
    /// Names of jobs that were accepted and have no right result.
    pub(crate) lost: Vec<String>,
    pub(crate) surprises: Vec<String>,
}

impl Traffic {
    /// Starts so many callers.
    pub(crate) fn start(fronts: &Arc<[SocketAddr]>, callers: u8) -> Self {
        let shared = Arc::new(Shared::default());
        let start = |caller| {
            let (shared, client) = (shared.clone(), Client::new(fronts, caller));
            spawn(move || shared.call(&client, caller))
        };
        let callers = (1..=callers).map(start).collect();
        Self { shared, callers }
    }

    /// Jobs that are done so far.
    pub(crate) fn done(&self) -> usize {
        self.shared.done.load(Ordering::Relaxed)
    }

    /// Lets every caller wait for its last job, and then asks for every result once more.
    pub(crate) fn finish(self, fronts: &Arc<[SocketAddr]>) -> Account {
        self.shared.stopping.store(true, Ordering::Relaxed);
        let promises = self.callers.into_iter().map(|caller| caller.join().unwrap_or_default());
        let mut account = Account::default();
        for promises in promises {
            let checked = promises.into_iter().map(|promise| {
                let client = Client::new(fronts, promise.caller);
                let kept = promise.kept && is_there(&client, &promise);
                (promise.id, kept)
            });
            for (id, kept) in checked {
                account.accepted += 1;
                if kept {
                    account.done += 1;
                } else {
                    account.lost.push(id);
                }
            }
        }
        account.surprises = std::mem::take(
            &mut *self.shared.surprises.lock().unwrap_or_else(PoisonError::into_inner),
        );
        account
    }
}

impl Shared {
    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    fn call(&self, client: &Client, caller: u8) -> Vec<Promise> {
        let mut promises = Vec::new();
        let Some(keys) = client.upload_at_last(caller) else {
            self.surprised("keys were not taken".to_owned());
            return promises;
        };
        while !self.is_stopping() {
            let name = Uuid::new_v4();
            let body = unique_request(name, STEP_MS);
            let Some(id) = self.submit(client, &keys, name, &body) else { break };
            let mut promise = Promise { caller, keys: keys.clone(), id, body, kept: false };
            promise.kept = self.wait(client, &promise);
            if promise.kept {
                self.done.fetch_add(1, Ordering::Relaxed);
            }
            promises.push(promise);
        }
        promises
    }

    /// Submits until the job was accepted, or the end has come.
    fn submit(&self, client: &Client, keys: &Keys, name: Uuid, body: &[u8]) -> Option<String> {
        while !self.is_stopping() {
            let Some(answer) = client.submit(keys, name, body) else { continue };
            if let Some(id) = accepted(&answer) {
                return Some(id);
            }
            self.note(&answer);
            sleep(PAUSE);
        }
        None
    }

    /// Waits for the result, and says whether it is right.
    fn wait(&self, client: &Client, promise: &Promise) -> bool {
        let mut asked_last = None;
        loop {
            match client.result(&promise.keys, &promise.id) {
                Some(answer) if answer.status == 200 => return is_right(promise, &answer),
                // It has not ended.
                Some(answer) if answer.status == 409 => {}
                Some(answer) => self.note(&answer),
                None => {}
            }
            sleep(PAUSE / 2);
            let since = self.is_stopping().then(|| *asked_last.get_or_insert_with(Instant::now));
            if since.is_some_and(|since| since.elapsed() > PATIENCE) {
                return false;
            }
        }
    }

    /// A refusal for a passing reason is no surprise.
    fn note(&self, answer: &Response) {
        if answer.status < 500 {
            self.surprised(answer.to_string());
        }
    }

    fn surprised(&self, what: String) {
        let mut surprises = self.surprises.lock().unwrap_or_else(PoisonError::into_inner);
        // A few tell enough.
        if surprises.len() < 5 {
            surprises.push(what);
        }
    }
}

fn is_right(promise: &Promise, given: &Response) -> bool {
    given.body == answer(&promise.body)
}

/// Whether a result can be had again.
fn is_there(client: &Client, promise: &Promise) -> bool {
    let mut asked = (0..10).filter_map(|_| client.result(&promise.keys, &promise.id));
    asked.any(|answer| answer.status == 200 && is_right(promise, &answer))
}
