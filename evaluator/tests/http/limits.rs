//! What the service refuses to be loaded with.

use crate::fake::{Behaviour, bundle, request};
use crate::server::{Keys, Server};

fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[test]
fn the_queue_is_bounded() {
    let server = Server::start(|config| config.queue = 2);
    let keys = server.keys(1);
    let slow = request(200, Behaviour::Works);
    let running = server.job(&keys, &slow);
    server.runs(&keys, &running);
    let waiting = server.job(&keys, &slow);
    server.submit(&keys, &slow, &[("Idempotency-Key", "k")]);
    let full = server.submit(&keys, &slow, &[]);
    assert_eq!(full.refusal(), refused(429, "queue_full"));
    assert!(full.header("retry-after").unwrap().parse::<u32>().unwrap() > 0);
    // What is in the queue already can be asked for again.
    assert_eq!(server.submit(&keys, &slow, &[("Idempotency-Key", "k")]).status, 202);
    // Health does not wait for anything.
    assert_eq!(server.send("GET", "/health/ready", &[], &[]).status, 200);
    server.delete(&waiting, &keys.capability);
    assert_eq!(server.submit(&keys, &slow, &[]).status, 202);
}

#[test]
fn one_key_set_cannot_fill_the_queue() {
    let server = Server::start(|config| config.jobs_per_keys = 1);
    let (keys, others) = (server.keys(1), server.keys(2));
    let slow = request(100, Behaviour::Works);
    server.job(&keys, &slow);
    assert_eq!(server.submit(&keys, &slow, &[]).refusal(), refused(429, "too_many_jobs"));
    server.job(&others, &slow);
}

#[test]
fn storage_is_bounded() {
    let length = bundle(1).len() as u64;
    let server = Server::start(|config| config.storage_bytes = 2 * length + 50);
    let keys = server.keys(1);
    // The upload's file, of which the keys are a copy now, is about to be deleted.
    let open = server.wait(|| {
        let created = server.create(&[]);
        let capability = created.header("blindsight-capability")?;
        Some(Keys { id: created.id(), capability })
    });
    assert_eq!(server.create(&[]).refusal(), refused(507, "storage_full"));
    let job = server.submit(&keys, &request(0, Behaviour::Works), &[]);
    assert_eq!(job.refusal(), refused(507, "storage_full"));
    server.delete(&format!("/v1/uploads/{}", open.id), &open.capability);
    assert_eq!(server.create(&[]).status, 201);

    let server = Server::start(|config| config.capability_bytes = length);
    let keys = server.keys(1);
    let capability = ("Blindsight-Capability", keys.capability.as_str());
    assert_eq!(server.create(&[capability]).refusal(), refused(507, "storage_full"));
    assert_eq!(server.create(&[]).status, 201);
}

#[test]
fn unfinished_uploads_are_bounded_and_expire() {
    let server = Server::start(|config| {
        config.uploads = 1;
        config.empty_upload_seconds = 1;
        config.sweep_seconds = 1;
    });
    let first = server.begin();
    assert_eq!(server.create(&[]).refusal(), refused(429, "too_many_uploads"));
    // Looking at the first one would not prolong it, but continuing it would.
    server.wait(|| (server.create(&[]).status == 201).then_some(()));
    assert_eq!(server.append(&first, 0, &[], &[]).status, 404);
}

#[test]
fn keys_and_results_expire() {
    let server = Server::start(|config| {
        config.keys_seconds = 2;
        config.result_seconds = 0;
        config.sweep_seconds = 1;
    });
    let keys = server.keys(1);
    let job = server.job(&keys, &request(0, Behaviour::Works));
    assert_eq!(server.end(&keys, &job)["state"], "done");
    let result = format!("{job}/result");
    server.wait(|| (server.get(&result, &keys.capability).status == 410).then_some(()));
    assert_eq!(server.get(&job, &keys.capability).json()["state"], "done");
    let path = format!("/v1/keys/{}", keys.id);
    server.wait(|| (server.get(&path, &keys.capability).status == 404).then_some(()));
    assert_eq!(server.get(&job, &keys.capability).status, 404);
}

#[test]
fn keys_that_do_not_fit_in_memory_still_work() {
    let server = Server::start(|config| {
        config.key_cache_bytes = 1;
        config.jobs_at_once = 2;
    });
    let sets = [server.keys(1), server.keys(2)];
    let submitted = sets.each_ref().map(|keys| server.job(keys, &request(5, Behaviour::Works)));
    for (keys, job) in sets.iter().zip(&submitted) {
        assert_eq!(server.end(keys, job)["state"], "done");
    }
}
