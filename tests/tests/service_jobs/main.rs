//! Jobs that are not simply left to run: cancelled, put back, watched, refused.
//!
//! One process with one key set serves all scenes, one after another, because they measure what it
//! does with the processor.

#![cfg(test)]
#![cfg(unix)]

mod cancel;
mod delete;
mod events;
mod queue;
mod stage;
mod stop;

use serde_json::json;

use stage::Stage;

#[test]
fn jobs_can_be_cancelled_watched_refused_and_put_back() {
    let mut stage = Stage::open();
    let cancelled = cancel::frees_the_cores(&stage);
    queue::is_bounded(&stage);
    events::resume(&stage);
    let stopped = stop::puts_the_run_back(&mut stage);
    delete::ends_everything(&stage);
    let figures = json!({ "cancel": cancelled, "stop": stopped });
    blindsight_tests::figures::report("service_jobs", &figures);
}
