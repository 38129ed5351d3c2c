//! Load: fifty listeners, five uploads of keys at once, a full queue. Everybody is served or told
//! when to come back, and health answers at once.
//!
//! A quarter of a minute, or two minutes with `BLINDSIGHT_LONG=1`.

#![cfg(test)]
#![cfg(unix)]

mod crowd;
mod health;
mod tally;

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use blindsight_tests::api::Api;
use blindsight_tests::client::{Client, class_of};
use blindsight_tests::evaluator::Evaluator;
use blindsight_tests::{figures, is_long};
use serde_json::json;
use tempfile::TempDir;

use crowd::Crowd;
use tally::Tally;

const LISTENERS: usize = 50;
const UPLOADERS: usize = 5;
const SUBMITTERS: usize = 2;
const SAMPLE: &str = "04-deer-3.png";
/// What 99 of 100 questions after its health take at most, while a job runs.
const HEALTH: Duration = Duration::from_millis(100);
/// Largest resident set of the service under all this.
const PEAK: u64 = 1_300_000_000;

#[test]
fn everybody_is_served_or_told_when_to_come_back() {
    let folder = TempDir::new().unwrap();
    // All of them come from one address: shares would keep them from loading the service.
    let flags = [
        ["--queue", "4"],
        ["--jobs-per-keys", "32"],
        ["--jobs-per-caller", "32"],
        ["--event-streams-per-caller", "64"],
        ["--uploads-at-once-per-caller", "16"],
        ["--uploads-per-caller", "64"],
        ["--uploads-per-minute", "100000"],
        ["--caller-bytes", "16000000000"],
        ["--heartbeat-seconds", "2"],
    ];
    let mut evaluator = Evaluator::start(&folder.path().join("data"), &flags.concat());
    let api = Api::of(&evaluator);
    let clients: Vec<Client> = (0..UPLOADERS as u8).map(|index| Client::new(20 + index)).collect();
    let keys = api.upload(&clients[0].bundle);
    let request = clients[0].request(SAMPLE, 12);
    let pause = Duration::from_secs(if is_long() { 120 } else { 15 });

    let crowd = Crowd {
        api: &api,
        keys: &keys,
        jobs: Mutex::default(),
        tally: Tally::default(),
        stop: AtomicBool::new(false),
    };
    let start = Instant::now();
    let (latencies, events, uploads) = std::thread::scope(|scope| {
        let (crowd, request) = (&crowd, &request);
        for _ in 0..SUBMITTERS {
            scope.spawn(|| crowd.submit(request));
        }
        crowd.wait_for_a_full_queue();
        let listeners: Vec<_> =
            (0..LISTENERS).map(|index| scope.spawn(move || crowd.listen(index))).collect();
        let uploaders: Vec<_> =
            clients.iter().map(|client| scope.spawn(|| crowd.upload(&client.bundle))).collect();
        let health = scope.spawn(|| health::ask(&api, &crowd.stop));

        std::thread::sleep(pause);
        crowd.stop.store(true, Ordering::Relaxed);
        let events: usize = listeners.into_iter().map(|thread| thread.join().unwrap()).sum();
        let uploads: usize = uploaders.into_iter().map(|thread| thread.join().unwrap()).sum();
        (health.join().unwrap(), events, uploads)
    });
    let seconds = start.elapsed().as_secs_f64();
    let Crowd { jobs, tally, .. } = crowd;
    let jobs = jobs.into_inner().unwrap();
    evaluator.assert_alive("the load");

    // What was accepted under all this ends well.
    let last = jobs.last().unwrap();
    for job in &jobs[..jobs.len() - 1] {
        api.cancel(&keys, job);
    }
    let result = api.wait_for_result(&keys, last);
    assert_eq!(clients[0].class(&result), class_of(SAMPLE));

    let p99 = figures::quantile(&latencies, 0.99);
    let peak = evaluator.peak_rss_bytes();
    let figures = json!({
        "seconds": seconds,
        "listeners": LISTENERS,
        "events": events,
        "uploads": uploads,
        "jobs_accepted": jobs.len(),
        "statuses": tally.statuses(),
        "health_ms": {
            "questions": latencies.len(),
            "p50": 1000.0 * figures::quantile(&latencies, 0.5),
            "p90": 1000.0 * figures::quantile(&latencies, 0.9),
            "p99": 1000.0 * p99,
            "max": 1000.0 * figures::quantile(&latencies, 1.0),
        },
        "peak_rss_bytes": peak,
    });
    figures::report("service_load", &figures);
    tally.assert_only_served_or_sent_back();
    assert!(tally.count(429) > 0, "the queue was never full");
    assert!(uploads >= UPLOADERS, "only {uploads} uploads");
    assert!(events >= 2 * LISTENERS, "only {events} events");
    assert!(latencies.len() >= 100, "only {} questions", latencies.len());
    assert!(p99 < HEALTH.as_secs_f64(), "health: {:.0} ms at 99 of 100", 1000.0 * p99);
    assert!(peak < PEAK, "{peak} bytes");
}
