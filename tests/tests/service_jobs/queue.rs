//! The queue is bounded, and in order.

use blindsight_tests::api::{Api, Job};
use blindsight_tests::poll;
use std::time::Duration;

use crate::stage::{QUEUE, Stage};

pub(crate) fn is_bounded(stage: &Stage) {
    let Stage { api, keys, .. } = stage;
    let request = stage.request("01-automobile-0.png");
    let running = api.submit(keys, &request);
    api.wait_for_step(keys, &running.id, 0);
    let waiting: Vec<Job> = (0..QUEUE).map(|_| api.submit(keys, &request)).collect();
    for (position, job) in (0..).zip(&waiting) {
        assert_eq!((job.state.as_str(), job.position), ("queued", Some(position)));
    }
    assert_eq!(api.job(keys, &running.id).position, None);

    let refused = api.send(&api.submission(keys, &request)).expect(429);
    assert_eq!(refused.code(), "queue_full");
    let pause = refused.number("Retry-After").unwrap();
    assert!((1..=120).contains(&pause), "{pause} s");
    let status = api.send(&api.request("GET", "/v1/status")).expect(200).json();
    assert_eq!(status["queue"]["length"], QUEUE);
    assert_eq!(status["queue"]["limit"], QUEUE);

    // A place that is freed can be taken, and those behind move up.
    api.cancel(keys, &waiting[0].id);
    assert_eq!(api.job(keys, &waiting[1].id).position, Some(0));
    let last = Api::job_in(&api.send(&api.submission(keys, &request)).expect(202));
    assert_eq!(last.position, Some(1));

    // With the run ended, the next one starts.
    api.cancel(keys, &running.id);
    api.wait_for_step(keys, &waiting[1].id, 0);
    assert_eq!(api.job(keys, &last.id).position, Some(0));
    for job in [&waiting[1], &last] {
        assert_eq!(api.cancel(keys, &job.id).state, "cancelled");
    }
    let idle = || {
        let status = api.send(&api.request("GET", "/v1/status")).expect(200).json();
        (status["running"] == 0 && status["queue"]["length"] == 0).then_some(())
    };
    poll("an empty queue", Duration::from_secs(20), idle);
}
