//! Questions after the service's health.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use blindsight_tests::api::Api;

/// Pause between two questions.
const PAUSE: Duration = Duration::from_millis(10);

/// Asks until it should stop. Returns how long each answer took, in seconds, connection included;
/// only those count before and after which a job ran.
pub(crate) fn ask(api: &Api, stop: &AtomicBool) -> Vec<f64> {
    let mut latencies = Vec::new();
    let mut since_look = Vec::new();
    let mut ran = is_running(api);
    for question in 1_u32.. {
        let path = if question.is_multiple_of(2) { "/health/ready" } else { "/health/live" };
        let start = Instant::now();
        api.send(&api.request("GET", path)).expect(200);
        since_look.push(start.elapsed().as_secs_f64());
        if question.is_multiple_of(20) {
            let runs = is_running(api);
            if ran && runs {
                latencies.append(&mut since_look);
            }
            since_look.clear();
            ran = runs;
            if stop.load(Ordering::Relaxed) {
                break;
            }
        }
        std::thread::sleep(PAUSE);
    }
    latencies
}

fn is_running(api: &Api) -> bool {
    api.send(&api.request("GET", "/v1/status")).expect(200).json()["running"] != 0
}
