//! A small caller behind a big one, and how fast the front-ends answer meanwhile.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use blindsight_tests::http::Request;
use serde_json::{Value, json};

use super::{keys, submit};
use crate::figures::{quantile, rounded};
use crate::traffic::STEP_MS;
use crate::world::{Plan, World, becomes};
use crate::{Outcome, Settings};

/// Jobs of the big caller.
const JOBS: usize = 250;

pub(crate) fn run(settings: &Settings) -> Outcome<Value> {
    let lease_seconds = settings.lease_seconds;
    let plan =
        Plan { name: "fairness", fronts: 2, lease_seconds, with_wires: false, flags: vec![] };
    let mut world = World::start(plan)?;
    let fronts = world.addresses.clone();
    let (big, big_keys) = keys(&fronts, 1, 1)?;
    let (small, small_keys) = keys(&fronts, 2, 2)?;
    for _ in 0..JOBS {
        submit(&big, &big_keys, STEP_MS)?;
    }
    let workers = (0..3).map(|_| world.start_worker(&[], None));
    let _workers = workers.collect::<Outcome<Vec<_>>>()?;
    let watching = Arc::new(AtomicBool::new(true));
    let watch = {
        let watching = watching.clone();
        spawn(move || health(&fronts, &watching))
    };
    let ahead = world.rows.in_state("queued")?;
    let before = world.rows.ended()?;
    let start = Instant::now();
    let id = submit(&small, &small_keys, STEP_MS)?;
    let first = small.job(&small_keys, &id);
    let position = first.as_ref().and_then(|job| job["position"].as_u64());
    let done = || small.result(&small_keys, &id).is_some_and(|answer| answer.status == 200);
    let is_done = becomes(Duration::from_secs(60), done);
    let seconds = start.elapsed().as_secs_f64();
    let passed = world.rows.ended()? - before - 1;
    // The load goes on while health is watched.
    sleep(Duration::from_secs(if settings.long { 20 } else { 3 }));
    watching.store(false, Ordering::Relaxed);
    let samples = watch.join().map_err(|_| "the watch of the front-ends broke")?;
    if !is_done {
        return Err("the small caller's job was not done within a minute".into());
    }
    Ok(json!({
        "jobs_ahead": ahead,
        "place": position,
        "ended_before_it": passed,
        "seconds": rounded(seconds),
        "health_ms": {
            "p50": rounded(quantile(&samples, 0.5)),
            "p99": rounded(quantile(&samples, 0.99)),
            "max": rounded(quantile(&samples, 1.0)),
            "count": samples.len(),
        },
    }))
}

/// How long answers took, in milliseconds.
fn health(fronts: &[SocketAddr], watching: &AtomicBool) -> Vec<f64> {
    let mut samples = Vec::new();
    for turn in 0.. {
        if !watching.load(Ordering::Relaxed) {
            break;
        }
        let start = Instant::now();
        let answer = Request::new("GET", "/health/live").exchange(fronts[turn % fronts.len()]);
        let ms = start.elapsed().as_secs_f64() * 1000.0;
        // None is worse than any.
        samples.push(if answer.is_ok_and(|answer| answer.status == 200) { ms } else { f64::MAX });
        sleep(Duration::from_millis(5));
    }
    samples
}
