//! A job that kills the service, as it seems, is given up after some attempts.

use std::time::Duration;

use blindsight_tests::poll;

use crate::scene::Scene;

const ATTEMPTS: u32 = 2;

pub(crate) fn killed_too_often(scene: &mut Scene) {
    scene.limit_attempts(ATTEMPTS);
    let keys = scene.keys.clone().unwrap();
    let request = scene.client.request("05-dog-0.png", 11);
    // Not in the ledger, which holds only what ends well.
    let job = scene.api.submit(&keys, &request);
    for attempt in 1..=ATTEMPTS {
        let running = poll("a running job", Duration::from_secs(60), || {
            let job = scene.api.job(&keys, &job.id);
            (job.state == "running").then_some(job)
        });
        assert_eq!(running.attempts, attempt);
        scene.kill("too often");
    }
    let dead = scene.api.job(&keys, &job.id);
    assert_eq!((dead.state.as_str(), dead.attempts), ("dead", ATTEMPTS), "{dead:?}");
    assert_eq!(dead.error.as_ref().unwrap().code, "internal");
    assert!(dead.finished_at.is_some());
    assert_eq!(scene.api.result(&keys, &job.id).expect(410).code(), "gone");
    scene.kill("too often");
    assert_eq!(scene.api.job(&keys, &job.id), dead, "the dead changed");
}
