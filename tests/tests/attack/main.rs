//! Strangers who try to keep others out, each from an address of its own (127.0.0.2 and on), while
//! somebody at 127.0.0.1 wants to be served.
//!
//! Some ten seconds, or as long as `BLINDSIGHT_ATTACK_SECONDS` says for each attack (`just attack`).
//! The figures go to `target/attack/summary.json`; what is asserted is that everybody else is
//! served, not how fast.

#![cfg(test)]
#![cfg(unix)]

mod creation;
mod hostile;
mod leftovers;
mod tenants;
mod visit;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use blindsight_tests::api::Api;
use blindsight_tests::client::Client;
use blindsight_tests::evaluator::Evaluator;
use blindsight_tests::{figures, repository};
use serde_json::{Value, json};
use tempfile::TempDir;

/// How long an attack lasts.
fn duration() -> Duration {
    let seconds = std::env::var("BLINDSIGHT_ATTACK_SECONDS").ok();
    Duration::from_secs(seconds.and_then(|text| text.parse().ok()).unwrap_or(8))
}

#[test]
fn strangers_keep_nobody_out() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let mut evaluator = Evaluator::start(&data, &["--preload", "resnet20"]);
    let api = Api::of(&evaluator);
    let (stranger, me) = (Client::new(61), Client::new(62));

    let flood = flood_of_creations(&api, me.bundle.len());
    let idle = visit::whole(&api.clone().from(1), &me, 1);
    // The first visit of a process makes the model ready; the second is what others are compared
    // with.
    let idle = visit::whole(&api.clone().from(1), &me, 2).min(idle);
    let siege = siege((&api.clone().from(3), &stranger), (&api.clone().from(1), &me));
    evaluator.assert_alive("the attacks");
    let served = siege["visit_seconds"].as_f64().unwrap();
    let run = idle.run_seconds;

    evaluator.terminate(Duration::from_secs(30));
    let tenants = tenants::attacks(folder.path(), &stranger, &me);
    let summary = json!({
        "seconds_of_each_attack": duration().as_secs(),
        "first_creation_under_a_flood": flood,
        "visit_idle_seconds": idle.seconds,
        "visit_idle_run_seconds": run,
        "siege": siege,
        "visit_under_siege_times_idle": (served - run).max(0.0) / idle.seconds,
        "tenants": tenants,
        "left_behind_by_one_caller": leftovers::of_strangers(&data),
        "creation_with_10000_uploads": creation::database_time(),
    });
    write(&summary);
    assert!(served < 60.0 + 10.0 * idle.seconds, "{summary:#}");
}

/// One address opens uploads as fast as it can; another one wants to open its first.
fn flood_of_creations(api: &Api, length: usize) -> Value {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let stop = &stop;
        let floods: Vec<_> = (0..4)
            .map(|_| scope.spawn(move || hostile::open_uploads(&api.clone().from(2), length, stop)))
            .collect();
        std::thread::sleep(Duration::from_secs(1));
        let (end, mut waits) = (Instant::now() + duration(), Vec::new());
        while Instant::now() < end {
            let me = api.clone().from(1);
            let start = Instant::now();
            // Fails the test if it is refused.
            let holding = me.create(length);
            waits.push(start.elapsed().as_secs_f64());
            let path = format!("/v1/uploads/{}", holding.id);
            let request = me.request_of(&holding, "DELETE", &path);
            me.send(&request.header("Tus-Resumable", "1.0.0")).expect(204);
            // As many as one caller may start in a minute.
            std::thread::sleep(Duration::from_millis(2500));
        }
        stop.store(true, Ordering::Relaxed);
        let sent: usize = floods.into_iter().map(|flood| flood.join().unwrap()).sum();
        json!({
            "refused_or_opened_by_the_flood": sent,
            "tries": waits.len(),
            "p50_ms": 1000.0 * figures::quantile(&waits, 0.5),
            "max_ms": 1000.0 * figures::quantile(&waits, 1.0),
        })
    })
}

/// Sixteen slow uploads, idle ones, two hundred event streams and a full queue of one caller, and
/// readers who do not read; somebody else visits.
fn siege((there, stranger): (&Api, &Client), (here, me): (&Api, &Client)) -> Value {
    let holding = there.upload(&stranger.bundle);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (stop, holding) = (&stop, &holding);
        let length = stranger.bundle.len();
        let request = stranger.request("04-deer-3.png", 9);
        let jobs = hostile::fill_the_queue(there, holding, &request);
        let slow = hostile::write_slowly(scope, there, length, stop);
        let streams = hostile::listen(there, holding, &jobs, 200);
        let deaf = hostile::ask_and_never_read(there, 32);
        let flood = scope.spawn(move || hostile::open_uploads(there, length, stop));
        let again =
            scope.spawn(move || hostile::keep_the_queue_full(there, holding, &request, stop));
        let health = scope.spawn(move || hostile::health(&there.clone().from(9), stop));

        std::thread::sleep(Duration::from_secs(2));
        let visit = visit::whole(here, me, 3);
        std::thread::sleep(duration());
        stop.store(true, Ordering::Relaxed);
        let opened = flood.join().unwrap();
        let latencies = health.join().unwrap();
        let accepted = jobs.len() + again.join().unwrap();
        json!({
            "visit_seconds": visit.seconds,
            "visit_run_seconds": visit.run_seconds,
            "visit_waited_seconds": visit.waited_seconds,
            "jobs_of_the_stranger": accepted,
            "event_streams_of_the_stranger": streams.len(),
            "connections_that_never_read": deaf.len(),
            "slow_uploads": slow,
            "creations_tried": opened,
            "health_questions": latencies.len(),
            "health_p50_ms": 1000.0 * figures::quantile(&latencies, 0.5),
            "health_p99_ms": 1000.0 * figures::quantile(&latencies, 0.99),
            "health_max_ms": 1000.0 * figures::quantile(&latencies, 1.0),
        })
    })
}

fn write(summary: &Value) {
    let folder = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| repository().join("target"), Into::into)
        .join("attack");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("summary.json"), format!("{summary:#}\n")).unwrap();
    println!("{summary}");
}
