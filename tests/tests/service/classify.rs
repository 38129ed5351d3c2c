//! A picture is classified over HTTP.

use std::time::Duration;

use blindsight_tests::api::{Api, Holding, Job, MODEL};
use blindsight_tests::client::{Client, bundle_of, class_of, contract, contract_of, sha256_hex};
use blindsight_tests::evaluator::Evaluator;
use blindsight_tests::events::EventStream;
use blindsight_tests::poll;
use tempfile::TempDir;

const SAMPLE: &str = "03-cat-0.png";

#[test]
fn a_picture_gets_its_label() {
    let folder = TempDir::new().unwrap();
    let evaluator = Evaluator::start(&folder.path().join("data"), &[]);
    let (api, client) = (Api::of(&evaluator), Client::new(1));
    let model = api.send(&api.request("GET", "/v1/models")).expect(200).json()["models"][0].take();
    assert_eq!(model["id"], MODEL);
    let lengths = &model["keys"];
    assert_eq!(lengths["count"], client.frames.len() - 1);
    assert_eq!(lengths["bytes"], client.bundle.len());
    // The contract comes as it was compiled.
    let told = api.send(&api.request("GET", &format!("/v1/models/{MODEL}/contract"))).expect(200);
    assert_eq!(told.body, *bundle_of(MODEL).contract_bytes().as_ref());
    assert_eq!(model["contract"]["sha256"], sha256_hex(&told.body));

    let keys = api.upload(&client.bundle);
    let stored = api.keys(&keys);
    assert_eq!(stored["sha256"], sha256_hex(&client.bundle));
    assert_eq!(stored["bytes"], lengths["bytes"]);

    // Twice by mistake: one job.
    let request = client.request(SAMPLE, 3);
    assert_eq!(model["request_bytes"], request.len());
    let submission = api.submission(&keys, &request).header("Idempotency-Key", "the-same");
    let submitted = api.send(&submission).expect(202);
    let job = Api::job_in(&submitted);
    assert_eq!(submitted.header("Location"), Some(format!("/v1/jobs/{}", job.id).as_str()));
    assert_eq!(Api::job_in(&api.send(&submission).expect(202)).id, job.id);

    // The stream of events ends when the job has ended.
    let seen = follow(&api, &keys, &job);
    assert_eq!(seen.last().unwrap().state, "done", "{seen:?}");
    let steps: Vec<u32> = seen.iter().map(|job| job.step).collect();
    assert!(steps.is_sorted() && steps.len() > 10, "{steps:?}");

    let answer = api.result(&keys, &job.id).expect(200).body.clone();
    assert_eq!(model["response_bytes"], answer.len());
    let class = client.class(&answer);
    assert_eq!(class, class_of(SAMPLE));
    assert_eq!(contract().classes()[class], "cat");

    // The same keys serve another model of the scheme: nothing is sent for it but the picture.
    let other = contract_of("resnet56");
    assert_eq!(other.keys(), contract().keys());
    let request = client.request_for(&other, "08-ship-0.png", 5);
    let submission = api.submission_to("resnet56", &keys, &request);
    let job = Api::job_in(&api.send(&submission).expect(202));
    assert_eq!((job.model.as_str(), job.steps), ("resnet56", 56));
    api.wait_for_step(&keys, &job.id, 2);
    assert_eq!(api.cancel(&keys, &job.id).state, "cancelled");

    // A job that runs is cancelled, and what it used is free soon.
    let running = api.submit(&keys, &client.request("08-ship-0.png", 4));
    api.wait_for_step(&keys, &running.id, 0);
    assert_eq!(api.cancel(&keys, &running.id).state, "cancelled");
    poll("an idle service", Duration::from_secs(5), || {
        let status = api.send(&api.request("GET", "/v1/status")).expect(200).json();
        (status["running"] == 0).then_some(())
    });
    api.result(&keys, &running.id).expect(410);

    api.send(&api.request_of(&keys, "DELETE", &format!("/v1/keys/{}", keys.id))).expect(204);
    api.send(&api.request_of(&keys, "GET", &format!("/v1/jobs/{}", job.id))).expect(404);
}

/// The job as each event shows it; ids grow.
fn follow(api: &Api, keys: &Holding, job: &Job) -> Vec<Job> {
    let stream = EventStream::open(api.address, &api.events(keys, &job.id)).unwrap();
    let mut stream = stream.expect("a stream");
    let (mut last, mut seen) = (-1, Vec::new());
    while let Some(event) = stream.event().unwrap() {
        assert_eq!(event.kind, "job");
        assert!(event.id > last, "{} after {last}", event.id);
        last = event.id;
        seen.push(serde_json::from_str(&event.data).unwrap());
    }
    seen
}
