//! Jobs a second, of one worker and of three, from a queue that is full before they start.

use std::time::Duration;

use serde_json::{Value, json};

use super::{keys, submit, wait_for_ends};
use crate::figures::rounded;
use crate::traffic::STEP_MS;
use crate::world::{Plan, World};
use crate::{Outcome, Settings};

pub(crate) fn run(settings: &Settings) -> Outcome<Value> {
    let jobs = if settings.long { 600 } else { 150 };
    let one = measure(settings, "throughput_1", 1, jobs)?;
    let three = measure(settings, "throughput_3", 3, jobs)?;
    Ok(json!({
        "jobs": jobs,
        "engine_ms": 5 * u32::from(STEP_MS),
        "1_worker": rounded(one),
        "3_workers": rounded(three),
        "ratio": rounded(three / one),
    }))
}

/// Ends a second, by the database's clock.
fn measure(settings: &Settings, name: &'static str, workers: usize, jobs: usize) -> Outcome<f64> {
    let plan = Plan {
        name,
        fronts: 1,
        lease_seconds: settings.lease_seconds,
        with_wires: false,
        flags: vec![],
    };
    let mut world = World::start(plan)?;
    let (client, keys) = keys(&world.addresses, 1, 1)?;
    for _ in 0..jobs {
        submit(&client, &keys, STEP_MS)?;
    }
    let workers = (0..workers).map(|_| world.start_worker(&[], None));
    let _workers = workers.collect::<Outcome<Vec<_>>>()?;
    wait_for_ends(&world.rows, jobs, Duration::from_secs(300))?;
    world.rows.ends_per_second()
}
