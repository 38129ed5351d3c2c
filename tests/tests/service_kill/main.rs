//! Kills the service (SIGKILL) again and again, at random moments of all it does. Whatever it had
//! accepted is there when it is back, and every job finishes once.
//!
//! Twenty kills, or a hundred with `BLINDSIGHT_LONG=1`. `BLINDSIGHT_SEED=N` repeats the random
//! choices of another run, as far as the moments of a busy machine can be repeated.

#![cfg(test)]
#![cfg(unix)]

mod dead;
mod ledger;
mod queue;
mod run;
mod scene;
mod upload;

use std::time::Instant;

use blindsight_tests::{figures, is_long};
use serde_json::json;

use scene::Scene;

/// Kills in each phase.
struct Kills {
    upload: usize,
    finish: usize,
    queue: usize,
    run: usize,
    result: usize,
}

const SHORT: Kills = Kills { upload: 6, finish: 3, queue: 3, run: 5, result: 3 };
const LONG: Kills = Kills { upload: 25, finish: 15, queue: 15, run: 25, result: 20 };

#[test]
fn nothing_accepted_is_lost_and_nothing_finishes_twice() {
    let start = Instant::now();
    let kills = if is_long() { LONG } else { SHORT };
    let mut scene = Scene::open();
    upload::killed_on_the_way(&mut scene, kills.upload);
    upload::killed_at_its_end(&mut scene, kills.finish);
    queue::killed_while_jobs_wait(&mut scene, kills.queue);
    run::killed_in_the_middle(&mut scene, kills.run);
    run::killed_when_the_result_comes(&mut scene, kills.result);
    scene.finish();
    dead::killed_too_often(&mut scene);

    let figures = json!({
        "seed": scene.seed,
        "kills": scene.kills,
        "jobs": scene.ledger.figures(),
        "seconds": start.elapsed().as_secs_f64(),
    });
    figures::report("service_kill", &figures);
    let planned = if is_long() { 100 } else { 20 };
    let counted: u64 = scene.kills.values().sum();
    assert!(counted >= planned, "only {counted} kills");
}
