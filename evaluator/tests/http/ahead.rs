//! Keys that a worker fetches while it runs another job. Only where the database is shared.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use blindsight_evaluator::capability::new_id;
use blindsight_evaluator::config::{Config, Role, Switch};
use blindsight_evaluator::store::Blobs;
use object_store::memory::InMemory;
use object_store::throttle::{ThrottleConfig, ThrottledStore};
use sha2::{Digest as _, Sha256};

use crate::database::Rows;
use crate::fake::{Behaviour, Spec, bundle, frames, request};
use crate::server::{Keys, Server};

/// A front-end and a worker.
struct Fleet {
    front: Server,
    worker: Server,
}

impl Fleet {
    /// `None` where there is no database that two can use.
    fn start(blobs: &Blobs, settings: impl Fn(&mut Config)) -> Option<Self> {
        let rows = Rows::new();
        if matches!(rows, Rows::Sqlite) {
            return None;
        }
        let start = |role| {
            let models = [("fake.bs", Spec::fake()), ("wide.bs", Spec::wide())];
            Server::start_beside_others(&models, &rows, blobs, |config| {
                config.role = role;
                settings(config);
            })
        };
        Some(Self { front: start(Role::Front), worker: start(Role::Worker) })
    }

    fn metric(&self, name: &str) -> u64 {
        metric(&self.worker, name)
    }

    /// Waits until the worker has so many bytes of keys fetched ahead.
    fn fetches(&self, bytes: usize) {
        let all = || metric(&self.worker, BYTES) == bytes as u64;
        self.worker.wait(|| all().then_some(()));
    }

    /// Waits until so many key sets are noted as held by somebody.
    fn are_noted(&self, number: i64) {
        let noted = || self.front.rows.number("SELECT count(*) FROM warm");
        self.front.wait(|| (noted() == number).then_some(()));
    }

    fn state(&self, keys: &Keys, job: &str) -> String {
        let job = self.front.get(job, &keys.capability).json();
        job["state"].as_str().unwrap().to_owned()
    }

    /// Waits until a job is done.
    fn is_done(&self, keys: &Keys, job: &str) {
        let job = self.front.end(keys, job);
        assert_eq!(job["state"], "done", "{job}");
    }

    /// Waits until a job runs that takes more than a second.
    fn run_long(&self, keys: &Keys) -> String {
        let job = self.front.job(keys, &long());
        self.front.runs(keys, &job);
        job
    }

    fn delete(&self, keys: &Keys) {
        let path = format!("/v1/keys/{}", keys.id);
        assert_eq!(self.front.delete(&path, &keys.capability).status, 204);
    }
}

fn metric(server: &Server, name: &str) -> u64 {
    let text = server.service.metrics_text();
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.unwrap_or_else(|| panic!("{name}: {text}")).parse().unwrap()
}

const BYTES: &str = "blindsight_keys_fetched_ahead_bytes";
const FETCHED: &str = "blindsight_keys_fetched_ahead_total";
const USED: &str = "blindsight_keys_fetched_ahead_used_total";
const MISSES: &str = "blindsight_key_misses_total";

fn long() -> Vec<u8> {
    request(255, Behaviour::Works)
}

fn short() -> Vec<u8> {
    request(0, Behaviour::Works)
}

/// What a run reads of the usual keys: all but the manifest.
fn key_bytes() -> usize {
    frames()[1..].iter().sum()
}

/// A folder of objects, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> (Self, Blobs) {
        let folder = std::env::temp_dir().join(format!("blindsight-objects-{}", new_id()));
        let blobs = Blobs::in_folder(&folder).unwrap();
        (Self(folder), blobs)
    }

    /// Where the frames of the usual keys with this salt are.
    fn bundle(&self, salt: u8) -> PathBuf {
        let sha256 = Sha256::digest(bundle(salt));
        let sha256: String = sha256.iter().map(|byte| format!("{byte:02x}")).collect();
        let is_it = |path: &Path| path.file_name().unwrap().to_str().unwrap().starts_with(&sha256);
        let folders = std::fs::read_dir(self.0.join("bundles")).unwrap();
        folders.map(|entry| entry.unwrap().path()).find(|path| is_it(path)).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_run_reads_nothing_that_was_fetched_during_the_one_before() {
    let (folder, blobs) = Folder::new();
    let Some(fleet) = Fleet::start(&blobs, |_| {}) else { return };
    let keys = [1, 2].map(|salt| fleet.front.keys(salt));
    let first = fleet.run_long(&keys[0]);
    let second = fleet.front.job(&keys[1], &short());
    fleet.fetches(key_bytes());
    fleet.are_noted(2);
    assert_eq!((fleet.metric(FETCHED), fleet.metric(USED)), (1, 0));
    assert_eq!(fleet.state(&keys[0], &first), "running");
    // Whoever reads a frame now fails.
    std::fs::remove_dir_all(folder.bundle(2)).unwrap();
    fleet.is_done(&keys[0], &first);
    fleet.is_done(&keys[1], &second);
    assert_eq!((fleet.metric(FETCHED), fleet.metric(USED)), (1, 1));
    assert_eq!((fleet.metric(MISSES), fleet.metric(BYTES)), (2, 0));
    fleet.are_noted(2);
}

#[test]
fn what_nobody_will_use_is_given_back() {
    let (_folder, blobs) = Folder::new();
    let Some(fleet) = Fleet::start(&blobs, |_| {}) else { return };
    let keys = [1, 2, 3].map(|salt| fleet.front.keys(salt));
    fleet.run_long(&keys[0]);
    fleet.front.job(&keys[1], &long());
    fleet.fetches(key_bytes());
    fleet.are_noted(2);
    // The front-end deletes them; the worker notices when it looks again.
    let next = fleet.front.job(&keys[0], &long());
    fleet.delete(&keys[1]);
    fleet.fetches(0);
    assert_ne!(fleet.state(&keys[0], &next), "done", "it was given back while something ran");
    fleet.is_done(&keys[0], &next);
    fleet.are_noted(1);
    assert_eq!((fleet.metric(FETCHED), fleet.metric(USED)), (1, 0));

    // The same job of which keys were fetched is cancelled, and another one takes its place.
    fleet.run_long(&keys[0]);
    let cancelled = fleet.front.job(&keys[2], &long());
    fleet.fetches(key_bytes());
    let next = fleet.front.job(&keys[0], &long());
    assert_eq!(fleet.front.delete(&cancelled, &keys[2].capability).status, 200);
    let other = fleet.front.keys(4);
    let last = fleet.front.job(&other, &short());
    fleet.is_done(&keys[0], &next);
    fleet.is_done(&other, &last);
    assert_eq!((fleet.metric(FETCHED), fleet.metric(USED)), (3, 1));
    fleet.are_noted(2);
}

#[test]
fn keys_that_are_deleted_here_are_dropped_at_once() {
    let (_folder, blobs) = Folder::new();
    let Some(fleet) = Fleet::start(&blobs, |_| {}) else { return };
    let Fleet { front, worker } = fleet;
    let rows = front.rows.clone();
    drop((front, worker));
    let models = [("fake.bs", Spec::fake())];
    let server = Server::start_beside_others(&models, &rows, &blobs, |_| {});
    let keys = [1, 2].map(|salt| server.keys(salt));
    let first = server.job(&keys[0], &long());
    server.runs(&keys[0], &first);
    server.job(&keys[1], &short());
    server.wait(|| (metric(&server, BYTES) == key_bytes() as u64).then_some(()));
    let path = format!("/v1/keys/{}", keys[1].id);
    assert_eq!(server.delete(&path, &keys[1].capability).status, 204);
    assert_eq!(metric(&server, BYTES), 0);
    assert_eq!(server.end(&keys[0], &first)["state"], "done");
    server.wait(|| (rows.number("SELECT count(*) FROM warm") == 1).then_some(()));
}

#[test]
fn what_could_not_be_fetched_is_read_by_the_run() {
    let (folder, blobs) = Folder::new();
    let Some(fleet) = Fleet::start(&blobs, |_| {}) else { return };
    let keys = [1, 2].map(|salt| fleet.front.keys(salt));
    let (last, away) = (folder.bundle(2).join("3"), folder.0.join("away"));
    std::fs::rename(&last, &away).unwrap();
    let first = fleet.run_long(&keys[0]);
    let second = fleet.front.job(&keys[1], &short());
    fleet.fetches(frames()[1] + frames()[2]);
    assert_eq!(fleet.state(&keys[0], &first), "running");
    std::fs::rename(&away, &last).unwrap();
    fleet.is_done(&keys[1], &second);
    assert_eq!((fleet.metric(FETCHED), fleet.metric(USED), fleet.metric(BYTES)), (1, 1, 0));
}

#[test]
fn keys_without_room_or_affinity_are_not_fetched() {
    let (_folder, blobs) = Folder::new();
    let small = |config: &mut Config| config.key_cache_bytes = key_bytes() as u64;
    let off = |config: &mut Config| config.affinity = Switch::Off;
    for settings in [small as fn(&mut Config), off] {
        let Some(fleet) = Fleet::start(&blobs, settings) else { return };
        let keys = [1, 2].map(|salt| fleet.front.keys(salt));
        fleet.run_long(&keys[0]);
        let second = fleet.front.job(&keys[1], &short());
        fleet.is_done(&keys[1], &second);
        assert_eq!((fleet.metric(FETCHED), fleet.metric(MISSES)), (0, 2));
    }
}

/// A store in which reading an object may take a while.
fn slow_store() -> (Arc<ThrottledStore<InMemory>>, Blobs) {
    let store = Arc::new(ThrottledStore::new(InMemory::new(), ThrottleConfig::default()));
    (store.clone(), Blobs::in_store(store))
}

#[test]
fn a_fetch_that_hangs_keeps_nobody_waiting() {
    let (store, blobs) = slow_store();
    let Some(fleet) = Fleet::start(&blobs, |_| {}) else { return };
    let keys = [1, 2, 3].map(|salt| fleet.front.keys(salt));
    let pause = |seconds| store.config_mut(|c| c.wait_get_per_call = Duration::from_secs(seconds));
    let begin_fetching = |keys: &Keys, times| {
        pause(300);
        let job = fleet.front.job(keys, &short());
        fleet.worker.wait(|| (fleet.metric(FETCHED) == times).then_some(()));
        // Time enough for its reads to begin.
        std::thread::sleep(Duration::from_millis(50));
        pause(0);
        job
    };
    let start = Instant::now();
    let first = fleet.run_long(&keys[0]);
    let second = begin_fetching(&keys[1], 1);
    fleet.is_done(&keys[0], &first);
    // Its run waits for keys that are on their way.
    fleet.front.runs(&keys[1], &second);
    let cancelled = fleet.front.delete(&second, &keys[1].capability);
    assert_eq!(cancelled.status, 200);
    let first = fleet.run_long(&keys[0]);
    begin_fetching(&keys[2], 2);
    let Fleet { front, worker } = fleet;
    drop(worker);
    assert_eq!(front.end(&keys[0], &first)["state"], "done");
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

/// Milliseconds from the end of a run to the first step of the next one, of other keys: 36 frames of a
/// store in which reading an object takes 20 ms.
fn pause_between_runs(affinity: Switch) -> Option<i64> {
    let (store, blobs) = slow_store();
    let fleet = Fleet::start(&blobs, |config| config.affinity = affinity)?;
    store.config_mut(|config| config.wait_get_per_call = Duration::from_millis(20));
    let spec = Spec::wide();
    let keys = [1, 2]
        .map(|salt| fleet.front.keys_beside(("wide", ""), &spec.bundle(|_| true, salt), None));
    let jobs = keys.each_ref().map(|keys| {
        let submitted = fleet.front.submit_to(keys, "?model=wide", &long(), &[]);
        submitted.header("location").unwrap()
    });
    keys.iter().zip(&jobs).for_each(|(keys, job)| fleet.is_done(keys, job));
    Some(fleet.front.rows.number(
        "SELECT max(finished_at) - min(finished_at)
             - (SELECT evaluate_ms FROM jobs ORDER BY finished_at DESC LIMIT 1) FROM jobs",
    ))
}

#[test]
fn the_next_run_begins_soon_where_reading_keys_takes_long() {
    let Some(without) = pause_between_runs(Switch::Off) else { return };
    let with = pause_between_runs(Switch::On).unwrap();
    println!("from run to run: {without} ms, {with} ms with keys fetched ahead");
    assert!(without >= 36 * 20, "{without} ms");
    assert!(with < without / 2, "{with} ms instead of {without} ms");
}
