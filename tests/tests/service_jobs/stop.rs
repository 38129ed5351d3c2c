//! A service that is asked to stop puts its run back.

use std::time::Duration;

use blindsight_tests::client::class_of;
use blindsight_tests::evaluator::Evaluator;
use blindsight_tests::events::EventStream;
use serde_json::{Value, json};

use crate::stage::Stage;

/// Requests that are open when the service stops have ended by then.
const LIMIT: Duration = Duration::from_secs(15);

pub(crate) fn puts_the_run_back(stage: &mut Stage) -> Value {
    let (sample, keys) = ("02-bird-2.png", stage.keys.clone());
    let request = stage.request(sample);
    let running = stage.api.submit(&keys, &request);
    let waiting = stage.api.submit(&keys, &request);
    let events = stage.api.events(&keys, &running.id);
    let mut stream = EventStream::open(stage.api.address, &events).unwrap().unwrap();
    let before = stage.api.wait_for_step(&keys, &running.id, 2);
    assert_eq!(before.attempts, 1);

    let terminate = |evaluator: Evaluator| {
        let ended = evaluator.terminate(LIMIT);
        // The stream ended as streams end, not as a connection that breaks.
        while stream.event().unwrap().is_some() {}
        ended
    };
    let (status, took) = stage.restart(terminate);
    assert!(status.success(), "{status}");

    // Both are there, in their order. The start that was put back does not count as an attempt.
    let api = &stage.api;
    api.wait_for_step(&keys, &running.id, 0);
    let behind = api.job(&keys, &waiting.id);
    assert_eq!((behind.state.as_str(), behind.position), ("queued", Some(0)));
    api.cancel(&keys, &waiting.id);
    let result = api.wait_for_result(&keys, &running.id);
    let done = api.job(&keys, &running.id);
    assert_eq!(done.attempts, 1, "{done:?}");
    assert_eq!(done.created_at, before.created_at);
    assert_eq!(stage.client.class(&result), class_of(sample));
    json!({ "seconds_to_stop": took.as_secs_f64() })
}
