//! How long the database takes for the start of an upload, when there are many.

use std::sync::Arc;
use std::time::{Duration, Instant};

use blindsight_evaluator::caller::Caller;
use blindsight_evaluator::config::Config;
use blindsight_evaluator::models::{Answers, CompiledModel};
use blindsight_evaluator::service::Service;
use blindsight_evaluator::uploads::NewUpload;
use blindsight_tests::api::MODEL;
use blindsight_tests::{figures, repository};
use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;

const UPLOADS: u32 = 10_000;
const TIMES: u32 = 200;

/// Milliseconds of a creation with ten thousand uploads in the table: on the disk, for whose writes
/// a commit waits, and in memory, where nothing but the database takes time.
pub(crate) fn database_time() -> Value {
    let memory = std::path::Path::new("/dev/shm");
    let in_memory = memory.is_dir().then(|| measure(&TempDir::new_in(memory).unwrap()));
    json!({ "disk": measure(&TempDir::new().unwrap()), "memory": in_memory })
}

fn measure(folder: &TempDir) -> Value {
    let config = Config {
        data: folder.path().join("data"),
        models: repository().join("models"),
        uploads: 2 * UPLOADS,
        storage_bytes: u64::MAX >> 8,
        ..Config::default()
    };
    let reader = CompiledModel::reader(Answers::of(&config));
    let service = Service::open(config, reader).unwrap();
    let model = service.models.find(MODEL).unwrap();
    let length = model.description().key_bytes();
    let caller =
        |index: u32| Caller::of_address(std::net::Ipv4Addr::from(0x0A00_0000 + index).into());
    let new = |index: u32| NewUpload {
        length,
        model: MODEL.to_owned(),
        have: Vec::new(),
        sha256: None,
        holder: None,
        caller: caller(index / 4),
    };
    fill(&service, &new);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let timed = |index: u32| {
        let start = Instant::now();
        runtime.block_on(service.uploads.create(new(UPLOADS + index))).unwrap();
        1000.0 * start.elapsed().as_secs_f64()
    };
    let creations: Vec<f64> = (0..TIMES).map(timed).collect();
    let database = database(&service);
    let commit = |_| {
        let start = Instant::now();
        let write = "UPDATE usage SET spent_ms = spent_ms + 1 WHERE scope = 'all'";
        database.execute(write, []).unwrap();
        1000.0 * start.elapsed().as_secs_f64()
    };
    let commits: Vec<f64> = (0..TIMES).map(commit).collect();
    json!({
        "creation_p50_ms": figures::quantile(&creations, 0.5),
        "creation_p99_ms": figures::quantile(&creations, 0.99),
        "commit_alone_p50_ms": figures::quantile(&commits, 0.5),
    })
}

/// Uploads of many callers, made from one that was made properly.
fn fill(service: &Arc<Service>, new: &dyn Fn(u32) -> NewUpload) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(service.uploads.create(new(0))).unwrap();
    let copy = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
                INSERT INTO uploads (id, owner, scheme, manifest, length, received, sha256, refused,
                                     created_at, expires_at, caller, progress_at)
                SELECT 'copy-' || i, randomblob(32), scheme, manifest, length, received, sha256,
                       refused, created_at + i, expires_at, 'caller ' || (i / 4), progress_at + i
                FROM n, (SELECT * FROM uploads LIMIT 1)";
    database(service).execute(copy, [UPLOADS - 1]).unwrap();
}

/// Another connection to the database, with the same care for a commit.
fn database(service: &Service) -> Connection {
    let connection = Connection::open(service.config.data.join("state.sqlite")).unwrap();
    connection.busy_timeout(Duration::from_secs(5)).unwrap();
    connection.pragma_update(None, "synchronous", "FULL").unwrap();
    connection
}
