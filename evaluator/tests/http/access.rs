//! Nobody reaches what is another's.

use blindsight_evaluator::capability::new_capability;

use crate::fake::{Behaviour, bundle, request};
use crate::server::{Keys, OCTETS, PART, Server, TUS};

#[test]
fn another_capability_opens_nothing() {
    let server = Server::start(|_| {});
    let mine = server.keys(1);
    let open = server.begin();
    let job = server.job(&mine, &request(0, Behaviour::Works));
    server.end(&mine, &job);
    let others = server.keys(2);
    let paths = [
        ("GET", format!("/v1/keys/{}", mine.id)),
        ("DELETE", format!("/v1/keys/{}", mine.id)),
        ("POST", format!("/v1/keys/{}/jobs", mine.id)),
        ("HEAD", format!("/v1/uploads/{}", open.id)),
        ("PATCH", format!("/v1/uploads/{}", open.id)),
        ("DELETE", format!("/v1/uploads/{}", open.id)),
        ("DELETE", format!("/v1/uploads/{}", mine.id)),
        ("GET", job.clone()),
        ("DELETE", job.clone()),
        ("GET", format!("{job}/events")),
        ("GET", format!("{job}/result")),
    ];
    let unknown = new_capability();
    let mut seen = Vec::new();
    for (method, path) in &paths {
        let nowhere = path.replace(|c: char| c.is_ascii_digit() && c != '1', "0");
        for path in [path.as_str(), nowhere.as_str(), "/v1/keys/x", "/v1/jobs/../jobs"] {
            for capability in [Some(others.capability.as_str()), Some(&unknown), Some("x"), None] {
                let kind = if *method == "PATCH" { PART } else { OCTETS };
                let mut headers = vec![TUS, kind, ("Upload-Offset", "0")];
                headers.extend(capability.map(|text| ("Blindsight-Capability", text)));
                let body = request(0, Behaviour::Works);
                let body = if ["POST", "PATCH"].contains(method) { &body[..] } else { &[] };
                let answer = server.send(method, path, &headers, body);
                if path.starts_with("/v1/keys/x") || path.contains("..") {
                    assert!([404, 405].contains(&answer.status), "{method} {path}");
                } else {
                    assert_eq!(answer.status, 404, "{method} {path} {capability:?}");
                    seen.push((method.to_owned(), answer.text()));
                }
            }
        }
    }
    // What is another's and what does not exist look the same.
    let bodies = seen.iter().filter(|(method, _)| *method != "HEAD").map(|(_, body)| body);
    let bodies: std::collections::BTreeSet<&String> = bodies.collect();
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    // And everything is still there.
    assert_eq!(server.get(&format!("{job}/result"), &mine.capability).status, 200);
    assert_eq!(server.append(&open, 0, &bundle(1), &[]).status, 204);
}

#[test]
fn one_capability_holds_several_key_sets() {
    let server = Server::start(|_| {});
    let first = server.keys(1);
    let created = server.create(&[("Blindsight-Capability", &first.capability)]);
    assert_eq!(created.header("blindsight-capability"), None);
    let second = Keys { id: created.id(), capability: first.capability.clone() };
    assert_eq!(server.append(&second, 0, &bundle(2), &[]).status, 204);
    let stored = server.get(&format!("/v1/keys/{}", first.id), &first.capability).json();
    assert_eq!(stored["stored_bytes"], 2 * bundle(1).len());
    // One that nobody knows is replaced.
    let created = server.create(&[("Blindsight-Capability", &new_capability())]);
    assert!(created.header("blindsight-capability").is_some());
}

#[test]
fn a_service_token_is_asked_for_everywhere() {
    let server = Server::start(|config| config.tokens = vec!["the token of this test".to_owned()]);
    for path in ["/v1/models", "/v1/status", "/v1/openapi.json", "/metrics", "/v1/jobs/x"] {
        for token in [
            "",
            "Bearer",
            "Bearer the",
            "Basic the token of this test",
            "Bearer the token of this test2",
        ] {
            let answer = server.send("GET", path, &[("Authorization", token)], &[]);
            assert_eq!(answer.refusal(), (401, "unauthorized".to_owned()), "{path} {token}");
            assert_eq!(answer.header("www-authenticate").as_deref(), Some("Bearer"));
        }
    }
    let token = ("Authorization", "Bearer the token of this test");
    for path in ["/v1/models", "/v1/status", "/v1/openapi.json", "/metrics"] {
        assert_eq!(server.send("GET", path, &[token], &[]).status, 200, "{path}");
    }
    assert_eq!(server.send("GET", "/health/live", &[], &[]).status, 200);
    assert_eq!(server.create(&[]).status, 401);
    assert_eq!(server.create(&[token]).status, 201);
}

#[test]
fn other_origins_need_permission() {
    let origin = ("Origin", "https://a.example");
    let server = Server::start(|_| {});
    let answer = server.send("GET", "/v1/models", &[origin], &[]);
    assert_eq!(answer.header("access-control-allow-origin"), None);
    let server = Server::start(|config| config.cors_origins = vec![origin.1.to_owned()]);
    let answer = server.send("GET", "/v1/models", &[origin], &[]);
    assert_eq!(answer.header("access-control-allow-origin").as_deref(), Some(origin.1));
    let answer = server.send("GET", "/v1/models", &[("Origin", "https://b.example")], &[]);
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, None));
    let ask = [
        origin,
        ("Access-Control-Request-Method", "PATCH"),
        ("Access-Control-Request-Headers", "upload-offset,blindsight-capability"),
    ];
    let answer = server.raw(
        format!(
            "OPTIONS /v1/uploads/x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{}\r\n",
            ask.map(|(name, value)| format!("{name}: {value}\r\n")).concat()
        )
        .as_bytes(),
    );
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.to_lowercase().contains("access-control-allow-origin: https://a.example"));
}
