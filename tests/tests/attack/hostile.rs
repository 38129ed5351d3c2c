//! What strangers do.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::Scope;
use std::time::{Duration, Instant};

use blindsight_tests::api::{Api, Holding};
use blindsight_tests::events::EventStream;
use blindsight_tests::http::Connection;

fn goes_on(stop: &AtomicBool) -> bool {
    !stop.load(Ordering::Relaxed)
}

/// Opens uploads as fast as it can, and sends nothing. Returns how often it tried.
pub(crate) fn open_uploads(api: &Api, length: usize, stop: &AtomicBool) -> usize {
    let mut count = 0;
    while goes_on(stop) {
        // Whether it is let in does not matter to it.
        count += usize::from(api.creation(length).exchange(api.address).is_ok());
    }
    count
}

/// Sixteen parts that come at nine kilobytes a second, begun anew whenever they end. Returns how
/// many there were at first.
pub(crate) fn write_slowly<'scope>(
    scope: &'scope Scope<'scope, '_>,
    api: &'scope Api,
    length: usize,
    stop: &'scope AtomicBool,
) -> usize {
    const UPLOADS: u8 = 16;
    for _ in 0..UPLOADS {
        scope.spawn(move || {
            while goes_on(stop) {
                let created = api.creation(length).exchange(api.address);
                let Ok(created) = created else { continue };
                let (Some(location), Some(capability)) =
                    (created.header("Location"), created.header("Blindsight-Capability"))
                else {
                    std::thread::sleep(Duration::from_millis(200));
                    continue;
                };
                let id = location.rsplit('/').next().unwrap_or_default().to_owned();
                let holding = Holding { id, capability: capability.to_owned() };
                // It ends when the service has had enough.
                let _ = trickle(api, &holding, stop);
            }
        });
    }
    usize::from(UPLOADS)
}

fn trickle(api: &Api, holding: &Holding, stop: &AtomicBool) -> std::io::Result<()> {
    let announced = api.part(holding, 0, &[]).without("Content-Length");
    let head = announced.header("Content-Length", "8388608").head();
    let mut connection = Connection::open_from(api.source(), api.address)?;
    connection.send(&head)?;
    while goes_on(stop) {
        connection.send(&[0; 900])?;
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

/// Submits jobs until it is refused.
pub(crate) fn fill_the_queue(api: &Api, holding: &Holding, request: &[u8]) -> Vec<String> {
    let mut jobs = Vec::new();
    loop {
        let answer = api.send(&api.submission(holding, request));
        if answer.status != 202 {
            assert_eq!(answer.status, 429, "{answer}");
            return jobs;
        }
        jobs.push(Api::job_in(&answer).id);
    }
}

/// Submits another job whenever it can. Returns how many.
pub(crate) fn keep_the_queue_full(
    api: &Api,
    holding: &Holding,
    request: &[u8],
    stop: &AtomicBool,
) -> usize {
    let mut count = 0;
    while goes_on(stop) {
        let answer = api.submission(holding, request).exchange(api.address);
        count += usize::from(answer.is_ok_and(|answer| answer.status == 202));
        std::thread::sleep(Duration::from_millis(100));
    }
    count
}

/// Opens so many event streams, and keeps those that it gets.
pub(crate) fn listen(
    api: &Api,
    holding: &Holding,
    jobs: &[String],
    most: usize,
) -> Vec<EventStream> {
    let open = |index: usize| {
        let request = api.events(holding, &jobs[index % jobs.len()]);
        EventStream::open(api.address, &request).ok()?.ok()
    };
    (0..most).filter_map(open).collect()
}

/// Connections that ask again and again, and never read an answer.
pub(crate) fn ask_and_never_read(api: &Api, most: usize) -> Vec<Connection> {
    let question = api.request("GET", "/v1/openapi.json").header("Connection", "keep-alive").head();
    let ask = |_| {
        let mut connection = Connection::open_from(api.source(), api.address).ok()?;
        for _ in 0..100 {
            // The other side need not take them all.
            connection.send(&question).ok()?;
        }
        Some(connection)
    };
    (0..most).filter_map(ask).collect()
}

/// Asks for the service's health until the end. Returns how long each answer took, in seconds.
pub(crate) fn health(api: &Api, stop: &AtomicBool) -> Vec<f64> {
    let mut latencies = Vec::new();
    while goes_on(stop) {
        let start = Instant::now();
        api.send(&api.request("GET", "/health/ready")).expect(200);
        latencies.push(start.elapsed().as_secs_f64());
        std::thread::sleep(Duration::from_millis(10));
    }
    latencies
}
