//! Kills while a job runs.

use std::time::Duration;

use blindsight_tests::api::Job;
use blindsight_tests::events::EventStream;

use crate::ledger::is_final;
use crate::scene::Scene;

const SAMPLES: [&str; 4] =
    ["00-airplane-0.png", "08-ship-3.png", "09-truck-0.png", "07-horse-2.png"];

/// Kills in the first two thirds of a run.
pub(crate) fn killed_in_the_middle(scene: &mut Scene, kills: usize) {
    for _ in 0..kills {
        let id = unfinished(scene);
        let keys = scene.keys.clone().unwrap();
        let step = scene.below(13) as u32;
        scene.api.wait_for_step(&keys, &id, step);
        let pause = scene.within(Duration::from_millis(600));
        let before = scene.api.job(&keys, &id);
        scene.kill_during("run", pause, |_, _| ());
        let after = scene.api.job(&keys, &id);
        assert!(!is_final(&after), "no job ends by a kill: {after:?}");
        assert!(after.attempts >= before.attempts, "{after:?} after {before:?}");
    }
}

/// Kills when the last step is done: while the result is written, or just before or after.
pub(crate) fn killed_when_the_result_comes(scene: &mut Scene, kills: usize) {
    for _ in 0..kills {
        let id = unfinished(scene);
        let keys = scene.keys.clone().unwrap();
        let pause = scene.within(Duration::from_millis(40));
        let request = scene.api.events(&keys, &id);
        let mut stream = EventStream::open(scene.api.address, &request).unwrap().unwrap();
        let last = loop {
            let event = stream.event().unwrap().unwrap();
            let job: Job = serde_json::from_str(&event.data).unwrap();
            if job.step == job.steps {
                break job;
            }
        };
        scene.ledger.said(last);
        scene.kill_during("result", pause, |_, _| ());
    }
}

/// The job that runs, or will run next; a new one if all have ended.
fn unfinished(scene: &mut Scene) -> String {
    let keys = scene.keys.clone().unwrap();
    scene.ledger.check(&scene.api, &keys, false);
    if let Some(id) = scene.ledger.next() {
        return id;
    }
    let sample = SAMPLES[scene.below(SAMPLES.len())];
    let job = scene.api.submit(&keys, &scene.client.request(sample, 10));
    let id = job.id.clone();
    scene.ledger.accepted(sample, job, 0);
    id
}
