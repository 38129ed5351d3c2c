//! What one caller does must not keep others out.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use blindsight_evaluator::config::{Config, Switch};
use blindsight_evaluator::store::state::usage::Scope;
use uuid::Uuid;

use crate::fake::{Behaviour, bundle, request};
use crate::server::{Keys, Server, TUS};

/// A service behind a proxy on this machine, whose callers have addresses of their own.
fn server(settings: impl FnOnce(&mut Config)) -> Server {
    Server::start(|config| {
        config.trusted_proxies = vec![[127, 0, 0, 1].into()];
        settings(config);
    })
}

const FIRST: (&str, &str) = ("X-Forwarded-For", "192.0.2.1");
const SECOND: (&str, &str) = ("X-Forwarded-For", "2001:db8:0:1::2");
const NEIGHBOUR: (&str, &str) = ("X-Forwarded-For", "2001:db8:0:1:f::9");

fn refusal(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

/// An upload that must be accepted.
fn begin(server: &Server, caller: (&str, &str)) -> Keys {
    let created = server.create(&[caller]);
    assert_eq!(created.status, 201, "{}", created.text());
    let capability = created.header("blindsight-capability").unwrap();
    Keys { id: created.id(), capability }
}

fn keys_of(server: &Server, caller: (&str, &str), salt: u8) -> Keys {
    let keys = begin(server, caller);
    assert_eq!(server.append(&keys, 0, &bundle(salt), &[caller]).status, 204);
    keys
}

#[test]
fn uploads_of_one_caller_leave_room_for_others() {
    let server = server(|config| config.uploads_per_minute = 100);
    for _ in 0..server.service.config.uploads_per_caller {
        assert_eq!(server.create(&[FIRST]).status, 201);
    }
    for _ in 0..50 {
        assert_eq!(server.create(&[FIRST]).refusal(), refusal(429, "too_many_uploads"));
    }
    keys_of(&server, SECOND, 1);
    // All addresses of a network are one caller.
    for _ in 0..server.service.config.uploads_per_caller {
        assert_eq!(server.create(&[NEIGHBOUR]).status, 201);
    }
    assert_eq!(server.create(&[SECOND]).refusal(), refusal(429, "too_many_uploads"));
}

#[test]
fn who_starts_uploads_all_the_time_is_slowed_down() {
    let server = server(|config| {
        config.uploads_per_minute = 3;
        config.idle_seconds = 0;
    });
    for _ in 0..3 {
        assert_eq!(server.create(&[FIRST]).status, 201);
    }
    let refused = server.create(&[FIRST]);
    assert_eq!(refused.refusal(), refusal(429, "too_many_uploads"));
    let wait: u32 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=20).contains(&wait), "{wait}");
    assert_eq!(server.create(&[SECOND]).status, 201);
}

#[test]
fn the_idlest_upload_makes_place_and_one_that_is_written_to_does_not() {
    let server = server(|config| {
        config.uploads = 2;
        config.uploads_per_caller = 2;
        config.idle_seconds = 1;
    });
    let begin = |caller| begin(&server, caller);
    let idle = begin(FIRST);
    let begun = begin(FIRST);
    assert_eq!(server.append(&begun, 0, &bundle(1)[..1000], &[FIRST]).status, 204);
    assert_eq!(server.create(&[SECOND]).refusal(), refusal(429, "too_many_uploads"));
    std::thread::sleep(Duration::from_millis(1100));
    let new = begin(SECOND);
    // Of the idle ones, first the one of which nothing came.
    assert_eq!(server.append(&idle, 0, &[1], &[FIRST]).status, 404);
    assert_eq!(server.append(&new, 0, &bundle(2)[..1000], &[SECOND]).status, 204);
    assert_eq!(server.append(&begun, 1000, &bundle(1)[1000..], &[FIRST]).status, 204);
}

#[test]
fn only_bytes_prolong_an_upload() {
    let server = server(|_| {});
    let created = server.create(&[FIRST]);
    let keys =
        Keys { id: created.id(), capability: created.header("blindsight-capability").unwrap() };
    let at_first = created.header("upload-expires").unwrap();
    std::thread::sleep(Duration::from_millis(1100));
    let nothing = server.append(&keys, 0, &[], &[FIRST, ("Content-Length", "0")]);
    assert_eq!(nothing.header("upload-expires"), Some(at_first.clone()));
    let something = server.append(&keys, 0, &bundle(1)[..10], &[FIRST]);
    assert_ne!(something.header("upload-expires"), Some(at_first));
}

#[test]
fn refused_uploads_leave_a_bounded_trace() {
    let server = server(|config| config.uploads_per_minute = 100);
    for index in 0..30_u8 {
        let keys = begin(&server, FIRST);
        let junk = vec![index; bundle(0).len()];
        assert_eq!(server.append(&keys, 0, &junk, &[FIRST]).status, 422);
        assert_eq!(server.append(&keys, 0, &junk, &[FIRST]).status, 410);
    }
    let rows = || server.service.store.db.read(|c| c.usage(Scope::All)).unwrap().rows;
    // Beside them, what is about to be deleted has a row for a moment.
    server.wait(|| (rows() == 8).then_some(()));
}

/// A part that comes slowly, and the connection that it comes on.
fn slow_part(server: &Server, caller: (&str, &str)) -> TcpStream {
    let Keys { id, capability } = begin(server, caller);
    let head = format!(
        "PATCH /v1/uploads/{id} HTTP/1.1\r\nHost: localhost\r\n{}: {}\r\n{}: {}\r\n\
         Content-Type: application/offset+octet-stream\r\nUpload-Offset: 0\r\n\
         Blindsight-Capability: {capability}\r\nContent-Length: 1000\r\n\r\nslow",
        caller.0, caller.1, TUS.0, TUS.1,
    );
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    std::thread::sleep(Duration::from_millis(100));
    stream
}

#[test]
fn slow_uploads_make_place() {
    let server = server(|config| {
        config.uploads_at_once = 3;
        config.uploads_at_once_per_caller = 3;
        config.body_pause_seconds = 60;
    });
    let mut slow: Vec<TcpStream> = (0..3).map(|_| slow_part(&server, FIRST)).collect();
    let keys = begin(&server, SECOND);
    // Who came just now may be quick.
    let early = server.append(&keys, 0, &bundle(1), &[SECOND]);
    assert_eq!(early.refusal(), refusal(429, "busy"));
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(server.append(&keys, 0, &bundle(1), &[SECOND]).status, 204);
    // The answer comes when the body has ended, or its sender had time to end it.
    std::thread::sleep(Duration::from_secs(6));
    let stopped = slow.iter_mut().filter_map(|stream| {
        stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).ok().map(|()| answer)
    });
    assert_eq!(stopped.collect::<Vec<_>>(), [*b"HTTP/1.1 429"]);
}

#[test]
fn one_caller_does_not_upload_everything() {
    let server = server(|config| config.uploads_at_once_per_caller = 1);
    let _slow = slow_part(&server, FIRST);
    let keys = begin(&server, FIRST);
    let part = server.append(&keys, 0, &bundle(1), &[FIRST]);
    assert_eq!(part.refusal(), refusal(429, "busy"));
    keys_of(&server, SECOND, 2);
}

#[test]
fn a_small_caller_is_served_at_its_next_turn() {
    let server = server(|config| {
        config.queue = 6;
        // With it, who has keys at hand may come first, twice at most.
        config.affinity = Switch::Off;
    });
    let (big, small) = (keys_of(&server, FIRST, 1), keys_of(&server, SECOND, 2));
    let body = request(60, Behaviour::Works);
    let submit = |keys: &Keys, caller| server.submit(keys, &body, &[caller]);
    let mut jobs: Vec<String> = Vec::new();
    loop {
        let submitted = submit(&big, FIRST);
        if submitted.status != 202 {
            assert_eq!(submitted.refusal(), refusal(429, "queue_full"));
            break;
        }
        jobs.push(submitted.header("location").unwrap());
    }
    assert!(jobs.len() >= 6);
    let mine = submit(&small, SECOND);
    assert_eq!(mine.status, 202, "{}", mine.text());
    assert_eq!(mine.json()["position"], 0);
    let mine = mine.header("location").unwrap();
    assert_eq!(server.end(&small, &mine)["state"], "done");
    let state = |job: &String| server.get(job, &big.capability).json()["state"].clone();
    let waiting = jobs.iter().filter(|job| state(job) == "queued").count();
    assert!(waiting >= 4, "{waiting}");
    // Nobody has lost anything.
    for job in &jobs {
        assert_eq!(server.end(&big, job)["state"], "done");
    }
}

#[test]
fn a_caller_has_so_many_jobs_bytes_and_rows() {
    let length = bundle(0).len() as u64;
    let server = server(|config| {
        config.jobs_per_caller = 2;
        config.caller_bytes = 2 * length + length / 2;
        config.caller_rows = 5;
    });
    let keys = keys_of(&server, FIRST, 1);
    let slow = request(50, Behaviour::Works);
    let jobs = [server.submit(&keys, &slow, &[FIRST]), server.submit(&keys, &slow, &[FIRST])];
    let third = server.submit(&keys, &slow, &[FIRST]);
    assert_eq!(third.refusal(), refusal(429, "too_many_jobs"));
    for job in jobs {
        server.end(&keys, &job.header("location").unwrap());
    }
    // The jobs that ended first are forgotten.
    let quick = request(0, Behaviour::Works);
    let mut paths = Vec::new();
    for _ in 0..6 {
        let job = server.submit(&keys, &quick, &[FIRST]).header("location").unwrap();
        assert_eq!(server.end(&keys, &job)["state"], "done");
        paths.push(job);
    }
    let known = |path: &&String| server.get(path, &keys.capability).status == 200;
    let known: Vec<&String> = paths.iter().filter(known).collect();
    assert_eq!(known, paths[2..].iter().collect::<Vec<_>>());

    assert_eq!(server.create(&[FIRST]).status, 201);
    assert_eq!(server.create(&[FIRST]).refusal(), refusal(507, "storage_full"));
    assert_eq!(server.create(&[SECOND]).status, 201);
}

#[test]
fn what_is_remembered_of_a_caller_is_bounded() {
    let server = server(|config| config.caller_rows = 2);
    for _ in 0..2 {
        assert_eq!(server.create(&[FIRST]).status, 201);
    }
    assert_eq!(server.create(&[FIRST]).refusal(), refusal(507, "storage_full"));
    assert_eq!(server.create(&[SECOND]).status, 201);
}

#[test]
fn event_streams_and_connections_are_shared_out() {
    let server = server(|config| config.event_streams_per_caller = 1);
    let keys = keys_of(&server, FIRST, 1);
    let job = server.job(&keys, &request(200, Behaviour::Works));
    let capability = ("Blindsight-Capability", keys.capability.as_str());
    let stream = |caller| {
        let job = job.clone();
        server.send("GET", &format!("{job}/events"), &[capability, caller], &[])
    };
    std::thread::scope(|scope| {
        let first = scope.spawn(|| stream(FIRST));
        std::thread::sleep(Duration::from_millis(200));
        assert_eq!(stream(FIRST).refusal(), refusal(429, "busy"));
        assert!(stream(SECOND).text().contains("done"));
        assert!(first.join().unwrap().text().contains("done"));
    });

    let server = Server::start(|config| config.connections_per_address = 3);
    let ask = |stream: &mut TcpStream| {
        let sent = stream.write_all(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let mut answer = [0; 12];
        sent.and_then(|()| stream.read_exact(&mut answer)).is_ok()
    };
    let mut open: Vec<_> = (0..3).map(|_| TcpStream::connect(server.address).unwrap()).collect();
    assert!(open.iter_mut().all(ask));
    assert!(!ask(&mut TcpStream::connect(server.address).unwrap()));
    drop(open);
    server.wait(|| ask(&mut TcpStream::connect(server.address).unwrap()).then_some(()));
}

#[test]
fn who_asks_and_does_not_read_is_cut_off() {
    let server = Server::start(|config| config.write_pause_seconds = 1);
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    let question = b"GET /v1/openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n";
    // Until nothing is taken any more: answers fill what lies between.
    let mut asked = 0;
    while stream.write_all(question).is_ok() {
        asked += 1;
        assert!(asked < 1_000_000);
    }
    // Data that were sent before the end can still be read; then it is over.
    server.wait(|| {
        let mut buffer = vec![0; 1 << 20];
        std::thread::sleep(Duration::from_millis(300));
        match stream.peek(&mut buffer) {
            Err(_) => Some(()),
            Ok(_) => matches!(stream.write_all(question), Err(error)
                if error.kind() != std::io::ErrorKind::WouldBlock)
            .then_some(()),
        }
    });
}

#[test]
fn names_of_others_are_not_answered() {
    let server = Server::start(|config| config.hosts = vec!["blindsight.example".to_owned()]);
    let ask = |path: &str, host: &str| {
        server.raw(
            format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes(),
        )
    };
    for path in ["/", "/v1/models", "/health/live", "/metrics"] {
        let answer = ask(path, "evil.example");
        assert!(answer.starts_with("HTTP/1.1 421"), "{answer}");
        assert!(answer.contains("wrong_host"), "{answer}");
    }
    for host in ["blindsight.example", "localhost:80", "127.0.0.1", "[::1]:8080"] {
        assert!(ask("/v1/models", host).starts_with("HTTP/1.1 200"), "{host}");
    }
    let whole = server.raw(
        b"GET http://evil.example/v1/models HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    );
    assert!(whole.starts_with("HTTP/1.1 421"), "{whole}");
}

#[test]
fn what_cannot_be_deleted_is_deleted_later() {
    let server = server(|_| {});
    let keys = keys_of(&server, FIRST, 1);
    let job = server.job(&keys, &request(0, Behaviour::Works));
    assert_eq!(server.end(&keys, &job)["state"], "done");
    let id: Uuid = job.rsplit('/').next().unwrap().parse().unwrap();
    // A folder where the answer was cannot be deleted as a file.
    let path = server.service.config.data.join(format!("blobs/results/{id}.1"));
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir_all(path.join("in the way")).unwrap();
    let pending = || {
        let text = server.send("GET", "/metrics", &[], &[]).text();
        let line = text.lines().find_map(|line| line.strip_prefix("blindsight_deletions "));
        line.unwrap().parse::<u32>().unwrap()
    };
    assert_eq!(server.delete(&format!("/v1/keys/{}", keys.id), &keys.capability).status, 204);
    server.wait(|| (pending() == 1).then_some(()));
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(pending(), 1);
    // It is not forgotten when the service starts anew, either.
    let server = server.restart(|_, _| ());
    assert!(path.exists());
    std::fs::remove_dir(path.join("in the way")).unwrap();
    std::fs::remove_dir(&path).unwrap();
    std::fs::write(&path, "an answer").unwrap();
    server.wait(|| (!path.exists()).then_some(()));
}
