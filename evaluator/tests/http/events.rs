//! Server-sent events.

use serde_json::Value;

use crate::fake::{Behaviour, STEPS, request};
use crate::server::{Keys, Server};

/// Ids and jobs of a whole stream.
fn events(server: &Server, keys: &Keys, job: &str, last: Option<&str>) -> Vec<(i64, Value)> {
    let mut headers = vec![("Blindsight-Capability", keys.capability.as_str())];
    headers.extend(last.map(|id| ("Last-Event-ID", id)));
    let stream = server.send("GET", &format!("{job}/events"), &headers, &[]);
    assert_eq!(stream.header("content-type").as_deref(), Some("text/event-stream"));
    let text = stream.text();
    let field = |event: &str, name: &str| {
        event.lines().find_map(|line| Some(line.strip_prefix(name)?.trim().to_owned()))
    };
    let events = text.split("\n\n").filter(|event| event.contains("event: job"));
    events
        .map(|event| {
            let data = serde_json::from_str(&field(event, "data:").unwrap()).unwrap();
            (field(event, "id:").unwrap().parse().unwrap(), data)
        })
        .collect()
}

#[test]
fn a_job_is_watched_to_its_end() {
    let server = Server::start(|_| {});
    let keys = server.keys(1);
    let first = server.job(&keys, &request(20, Behaviour::Works));
    let second = server.job(&keys, &request(20, Behaviour::Works));
    let seen = events(&server, &keys, &second, None);
    assert!(seen.is_sorted_by(|(a, _), (b, _)| a < b), "{seen:?}");
    let states: Vec<&str> = seen.iter().map(|(_, job)| job["state"].as_str().unwrap()).collect();
    assert_eq!((states.first(), states.last()), (Some(&"queued"), Some(&"done")));
    let steps: Vec<u64> = seen.iter().map(|(_, job)| job["step"].as_u64().unwrap()).collect();
    assert!(steps.is_sorted() && steps.contains(&2), "{steps:?}");
    assert_eq!(steps.last(), Some(&(STEPS as u64)));

    // Who comes late or back gets the end at once, under a larger id.
    let last = seen.last().unwrap().0;
    let again = events(&server, &keys, &second, Some(&(last + 5_000_000).to_string()));
    assert_eq!(again.len(), 1);
    assert_eq!((again[0].0, &again[0].1["state"]), (last + 5_000_001, &"done".into()));
    assert_eq!(events(&server, &keys, &first, Some("nonsense"))[0].1["state"], "done");
}

#[test]
fn streams_have_heartbeats_and_a_bound() {
    let server = Server::start(|config| {
        config.heartbeat_seconds = 1;
        config.event_streams = 1;
    });
    let keys = server.keys(1);
    let job = server.job(&keys, &request(250, Behaviour::Works));
    std::thread::scope(|scope| {
        let stream = scope.spawn(|| server.get(&format!("{job}/events"), &keys.capability).text());
        std::thread::sleep(std::time::Duration::from_millis(300));
        let second = server.get(&format!("{job}/events"), &keys.capability);
        assert_eq!(second.refusal(), (429, "busy".to_owned()));
        assert!(second.header("retry-after").is_some());
        let text = stream.join().unwrap();
        assert!(text.contains("\n\n:\n\n"), "{text}");
    });
}

#[test]
fn a_stream_ends_with_the_keys() {
    let server = Server::start(|_| {});
    let keys = server.keys(1);
    let job = server.job(&keys, &request(200, Behaviour::Works));
    std::thread::scope(|scope| {
        let stream = scope.spawn(|| server.get(&format!("{job}/events"), &keys.capability).text());
        server.runs(&keys, &job);
        server.delete(&format!("/v1/keys/{}", keys.id), &keys.capability);
        assert!(!stream.join().unwrap().contains("done"));
    });
}
