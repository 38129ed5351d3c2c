//! A picture is classified over HTTP.

use std::time::Duration;

use blindsight_tests::client::sha256_hex;
use serde_json::Value;

use crate::client::{Client, bytes, header, json};
use crate::server::Server;

const OCTETS: (&str, &str) = ("Content-Type", "application/octet-stream");

#[test]
fn a_picture_gets_its_label() {
    let server = Server::start();
    let mut client = Client::connect(&server.url);
    let bundle = client.bundle();
    let lengths = client.model()["evaluation_keys"].clone();
    assert_eq!(lengths["count"], bundle.len() - 1);
    assert_eq!(lengths["bytes"], bundle.iter().map(Vec::len).sum::<usize>());

    let keys = client.upload(&bundle);
    let stored = json(client.send("GET", &format!("/v1/keys/{keys}"), &[], &[]));
    assert_eq!(stored["sha256"], sha256_hex(&bundle.concat()));
    assert_eq!(stored["bytes"], lengths["bytes"]);

    // Twice by mistake: one job.
    let request = client.request("03-cat-0.png");
    assert_eq!(client.model()["request_bytes"], request.len());
    let jobs = format!("/v1/keys/{keys}/jobs");
    let once = ("Idempotency-Key", "the-same");
    let submitted = client.send("POST", &jobs, &[OCTETS, once], &request);
    assert_eq!(submitted.status(), 202);
    let job = header(&submitted, "Location").unwrap();
    let again = json(client.send("POST", &jobs, &[OCTETS, once], &request));
    assert_eq!(job, format!("/v1/jobs/{}", again["id"].as_str().unwrap()));

    // The stream of events ends when the job has ended.
    let events = bytes(client.send("GET", &format!("{job}/events"), &[], &[]));
    let events = states(&String::from_utf8(events).unwrap());
    assert_eq!(events.last().unwrap()["state"], "done", "{events:?}");
    let steps: Vec<u64> = events.iter().map(|job| job["step"].as_u64().unwrap()).collect();
    assert!(steps.is_sorted() && steps.len() > 10, "{steps:?}");

    let answer = bytes(client.send("GET", &format!("{job}/result"), &[], &[]));
    assert_eq!(client.model()["response_bytes"], answer.len());
    assert_eq!(client.label(&answer), "cat");

    // A job that runs is cancelled, and what it used is free within a second or two.
    let request = client.request("08-ship-0.png");
    let running = json(client.send("POST", &jobs, &[OCTETS], &request));
    let running = format!("/v1/jobs/{}", running["id"].as_str().unwrap());
    wait(|| json(client.send("GET", &running, &[], &[]))["state"] == "running");
    let cancelled = json(client.send("DELETE", &running, &[], &[]));
    assert_eq!(cancelled["state"], "cancelled");
    wait(|| json(client.send("GET", "/v1/status", &[], &[]))["running"] == 0);
    assert_eq!(client.send("GET", &format!("{running}/result"), &[], &[]).status(), 410);

    assert_eq!(client.send("DELETE", &format!("/v1/keys/{keys}"), &[], &[]).status(), 204);
    assert_eq!(client.send("GET", &job, &[], &[]).status(), 404);
}

/// The data of all events; ids grow.
fn states(stream: &str) -> Vec<Value> {
    let field = |event: &str, name: &str| {
        event.lines().find_map(|line| Some(line.strip_prefix(name)?.trim().to_owned()))
    };
    let events: Vec<&str> = stream.split("\n\n").filter(|e| e.contains("event: job")).collect();
    let ids: Vec<u64> = events.iter().map(|e| field(e, "id:").unwrap().parse().unwrap()).collect();
    assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");
    events.iter().map(|e| serde_json::from_str(&field(e, "data:").unwrap()).unwrap()).collect()
}

fn wait(mut until: impl FnMut() -> bool) {
    for _ in 0..100 {
        if until() {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("this should have happened within five seconds");
}
