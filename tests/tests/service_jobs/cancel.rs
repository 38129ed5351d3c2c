//! A cancelled run stops computing.

use std::time::{Duration, Instant};

use blindsight_tests::poll;
use serde_json::{Value, json};

use crate::stage::{Stage, THREADS};

/// Within this, in seconds, the cores must be free.
const FREE: f64 = 1.0;
/// A process that waits uses less of a core than this.
const IDLE: f64 = 0.1;
const LOOK: Duration = Duration::from_millis(20);

/// Cancels at different moments of a run, and measures how long the process goes on computing.
///
/// What counts is the processor time that each thread still used: on a machine of its own the
/// process would have been free after as many seconds. Others may slow it down here.
pub(crate) fn frees_the_cores(stage: &Stage) -> Value {
    let api = &stage.api;
    let request = stage.request("00-airplane-0.png");
    let mut worst: f64 = 0.0;
    let mut runs = Vec::new();
    // Within the first step, where the keys are expanded, and between and within later ones.
    for (step, pause) in [(0, 100), (1, 0), (2, 350), (3, 650)] {
        let job = api.submit(&stage.keys, &request);
        api.wait_for_step(&stage.keys, &job.id, step);
        std::thread::sleep(Duration::from_millis(pause));
        wait_until_busy(stage);

        let before = stage.evaluator().cpu_seconds();
        let cancelled = api.cancel(&stage.keys, &job.id);
        let (seconds, after) = until_idle(stage);
        let busy = (after - before) / THREADS as f64;
        assert_eq!(cancelled.state, "cancelled");
        assert_eq!(api.job(&stage.keys, &job.id), cancelled, "a cancelled job changed");
        runs.push(json!({
            "step": step,
            "pause_ms": pause,
            "seconds_until_idle": seconds,
            "processor_seconds_of_each_thread": busy,
        }));
        worst = worst.max(busy);
    }
    assert!(worst < FREE, "each core computed for another {worst:.2} s: {runs:#?}");
    json!({ "runs": runs, "worst_processor_seconds": worst, "limit_seconds": FREE })
}

/// Waits until the process computes: without that there is nothing to cancel.
fn wait_until_busy(stage: &Stage) {
    poll("a process that computes", Duration::from_secs(10), || {
        let (start, before) = (Instant::now(), stage.evaluator().cpu_seconds());
        std::thread::sleep(5 * LOOK);
        let used = stage.evaluator().cpu_seconds() - before;
        (used > 2.0 * IDLE * start.elapsed().as_secs_f64()).then_some(())
    });
}

/// Seconds until the process stays idle, and its processor time then: the last moment at which that
/// grew, before a while in which it did not.
fn until_idle(stage: &Stage) -> (f64, f64) {
    let start = Instant::now();
    let mut busy = (start, stage.evaluator().cpu_seconds());
    loop {
        std::thread::sleep(LOOK);
        let used = stage.evaluator().cpu_seconds();
        // A tick of the clock is a hundredth of a second, and waiting costs one now and then.
        let quiet = busy.0.elapsed().as_secs_f64();
        if used - busy.1 > 0.02 + IDLE * quiet {
            busy = (Instant::now(), used);
        } else if quiet > 0.5 {
            return ((busy.0 - start).as_secs_f64(), busy.1);
        }
        assert!(start.elapsed() < Duration::from_secs(60), "it computes on");
    }
}
