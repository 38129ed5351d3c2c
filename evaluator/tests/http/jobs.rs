//! Jobs: from a request to a result, or to the reason why there is none.

use std::time::Duration;

use crate::fake::{Behaviour, REQUEST_BYTES, STEPS, answer, request};
use crate::server::Server;

fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[test]
fn a_request_gets_its_result() {
    let server = Server::start(|_| {});
    let keys = server.keys(1);
    let request = request(1, Behaviour::Works);
    let job = server.job(&keys, &request);
    let ended = server.end(&keys, &job);
    assert_eq!(ended["state"], "done");
    assert_eq!((&ended["step"], &ended["attempts"]), (&STEPS.into(), &1.into()));
    assert!(ended["evaluate_seconds"].as_f64().unwrap() > 0.0);
    let result = server.get(&format!("{job}/result"), &keys.capability);
    assert_eq!((result.status, result.body), (200, answer(&request)));
    // Cancelling what has ended changes nothing.
    let cancelled = server.delete(&job, &keys.capability);
    assert_eq!((cancelled.status, &cancelled.json()["state"]), (200, &"done".into()));
}

#[test]
fn ends_that_wait_for_one_another_are_one_change() {
    let server = Server::start(|config| config.jobs_at_once = 4);
    let keys = server.keys(1);
    let jobs = [100; 4].map(|step_ms| server.job(&keys, &request(step_ms, Behaviour::Works)));
    jobs.iter().for_each(|job| server.runs(&keys, job));
    // Long enough for all four to come to their ends, two after the other two.
    let pause = || std::thread::sleep(Duration::from_secs(3));
    if server.rows.while_changes_wait(pause).is_none() {
        return;
    }
    for job in &jobs {
        assert_eq!(server.end(&keys, job)["state"], "done");
    }
    // The first had begun to wait before there was another one.
    let changes = "SELECT count(DISTINCT xmin::text) FROM jobs WHERE state = 'done'";
    assert_eq!(server.rows.number(changes), 2);
}

#[test]
fn wrong_requests_are_refused() {
    let server = Server::start(|_| {});
    let keys = server.keys(1);
    let good = request(1, Behaviour::Works);
    let long = [good.clone(), vec![0]].concat();
    let cases: [(&[u8], u16, &str); 4] = [
        (&[], 422, "damaged"),
        (&good[..50], 422, "truncated"),
        (&[1; REQUEST_BYTES], 422, "damaged"),
        (&long, 413, "body_too_large"),
    ];
    for (body, status, code) in cases {
        assert_eq!(server.submit(&keys, body, &[]).refusal(), refused(status, code));
    }
    let text = server.submit(&keys, &good, &[("Content-Type", "text/plain")]);
    assert_eq!(text.refusal(), refused(415, "wrong_content_type"));
    let long = "k".repeat(129);
    for key in ["", &long] {
        let answer = server.submit(&keys, &good, &[("Idempotency-Key", key)]);
        assert_eq!(answer.refusal(), refused(400, "bad_idempotency_key"));
    }
    assert_eq!(server.service.jobs.board.counts(), (0, 0));
}

#[test]
fn idempotency_keys_name_one_job() {
    let server = Server::start(|_| {});
    let keys = server.keys(1);
    let first = request(1, Behaviour::Works);
    let once = [("Idempotency-Key", "once")];
    let job = server.submit(&keys, &first, &once);
    assert_eq!(server.submit(&keys, &first, &once).id(), job.id());
    let other = server.submit(&keys, &request(2, Behaviour::Works), &once);
    assert_eq!(other.refusal(), refused(422, "idempotency_mismatch"));
    // Another's key set has its own names.
    let others = server.keys(2);
    assert_ne!(server.submit(&others, &first, &once).id(), job.id());
    server.end(&keys, &job.header("location").unwrap());
    assert_eq!(server.submit(&keys, &first, &once).json()["state"], "done");
}

#[test]
fn jobs_can_be_cancelled() {
    let server = Server::start(|_| {});
    let keys = server.keys(1);
    let running = server.job(&keys, &request(250, Behaviour::Works));
    let waiting = server.job(&keys, &request(250, Behaviour::Works));
    server.runs(&keys, &running);
    let job = server.get(&waiting, &keys.capability).json();
    assert_eq!((&job["state"], &job["position"]), (&"queued".into(), &0.into()));
    let result = server.get(&format!("{waiting}/result"), &keys.capability);
    assert_eq!(result.refusal(), refused(409, "not_ready"));
    for job in [&waiting, &running] {
        let cancelled = server.delete(job, &keys.capability).json();
        assert_eq!(cancelled["state"], "cancelled");
        let result = server.get(&format!("{job}/result"), &keys.capability);
        assert_eq!(result.refusal(), refused(410, "gone"));
    }
    // The runner is free for others long before the cancelled run would have ended.
    let job = server.job(&keys, &request(0, Behaviour::Works));
    assert_eq!(server.end(&keys, &job)["state"], "done");
    assert_eq!(server.get(&running, &keys.capability).json()["state"], "cancelled");
}

#[test]
fn a_job_that_cannot_end_is_given_up() {
    let server = Server::start(|config| config.max_attempts = 2);
    let keys = server.keys(1);
    let failed = server.job(&keys, &request(0, Behaviour::Fails));
    let ended = server.end(&keys, &failed);
    assert_eq!((&ended["state"], &ended["attempts"]), (&"failed".into(), &1.into()));
    assert_eq!(ended["error"]["code"], "invalid_object");

    let dead = server.job(&keys, &request(0, Behaviour::Panics));
    let ended = server.end(&keys, &dead);
    assert_eq!((&ended["state"], &ended["attempts"]), (&"dead".into(), &2.into()));
    assert_eq!(ended["error"]["code"], "internal");
    // Others do not suffer.
    let job = server.job(&keys, &request(0, Behaviour::Works));
    assert_eq!(server.end(&keys, &job)["state"], "done");
}

#[test]
fn deleted_keys_take_their_jobs_along() {
    let server = Server::start(|_| {});
    let keys = server.keys(1);
    let running = server.job(&keys, &request(200, Behaviour::Works));
    let waiting = server.job(&keys, &request(200, Behaviour::Works));
    server.runs(&keys, &running);
    assert_eq!(server.delete(&format!("/v1/keys/{}", keys.id), &keys.capability).status, 204);
    for job in [&running, &waiting] {
        assert_eq!(server.get(job, &keys.capability).status, 404);
    }
    server.wait(|| (server.service.jobs.board.counts() == (0, 0)).then_some(()));
    let others = server.keys(2);
    let job = server.job(&others, &request(0, Behaviour::Works));
    assert_eq!(server.end(&others, &job)["state"], "done");
}
