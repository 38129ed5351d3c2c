//! Key sets beside each other: what is there already is not sent again.

use blindsight_ckks::keys::KeySpec;

use crate::fake::{Behaviour, Spec, request};
use crate::server::{Keys, Server};

fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

/// Two models that have a key in common, one that needs nothing more, one of another scheme.
fn server() -> Server {
    let models = [
        ("a.bs", Spec::fake()),
        ("b.bs", Spec::new("other", &[(1, 1), (4, 1)])),
        ("c.bs", Spec::new("part", &[(1, 1), (2, 1)])),
        ("d.bs", Spec { foreign: true, ..Spec::new("foreign", &[(1, 1)]) }),
    ];
    Server::start_serving(&models, |_| {})
}

/// The keys of the model `other` that `fake` does not have.
fn rest() -> Vec<u8> {
    let held = Spec::fake().list();
    let missing = |spec: &KeySpec| held.position(spec).is_none();
    Spec::new("other", &[(1, 1), (4, 1)]).bundle(missing, 3)
}

fn with<'a>(ids: impl IntoIterator<Item = &'a str>) -> String {
    format!("?model=other&with={}", ids.into_iter().collect::<Vec<_>>().join(","))
}

fn code(server: &Server, keys: &Keys, query: &str) -> (u16, String) {
    server.submit_to(keys, query, &request(0, Behaviour::Works), &[]).refusal()
}

#[test]
fn nothing_is_sent_twice() {
    let server = server();
    let first = server.keys(1);
    let capability = Some(first.capability.as_str());
    // The whole bundle is not what is missing.
    let whole = Spec::new("other", &[(1, 1), (4, 1)]).bundle(|_| true, 3);
    let created = server.create_beside(("other", &first.id), whole.len(), capability);
    assert_eq!(created.refusal(), refused(400, "wrong_upload_length"));
    let second = server.keys_beside(("other", &first.id), &rest(), capability);
    assert_eq!(second.capability, first.capability);
    let stored = server.get(&format!("/v1/keys/{}", second.id), &first.capability).json();
    assert_eq!((&stored["count"], &stored["bytes"]), (&1.into(), &rest().len().into()));

    // Neither is enough alone.
    assert_eq!(code(&server, &first, "?model=other"), refused(422, "keys_do_not_fit"));
    assert_eq!(code(&server, &second, "?model=other"), refused(422, "keys_do_not_fit"));
    for (keys, further) in [(&first, &second), (&second, &first)] {
        let body = request(0, Behaviour::Works);
        let submitted = server.submit_to(keys, &with([further.id.as_str()]), &body, &[]);
        assert_eq!(submitted.status, 202, "{}", submitted.text());
        let ended = server.end(keys, &submitted.header("location").unwrap());
        assert_eq!(ended["state"], "done", "{ended}");
    }
    // One that has all keys already, and everything together.
    let both = format!("{},{}", first.id, second.id);
    for (model, have) in [("part", first.id.as_str()), ("other", &both), ("fake", &both)] {
        let created = server.create_beside((model, have), 1000, capability);
        assert_eq!(created.refusal(), refused(422, "nothing_missing"));
    }
    let part = server.submit_to(&first, "?model=part", &request(0, Behaviour::Works), &[]);
    assert_eq!(server.end(&first, &part.header("location").unwrap())["state"], "done");
    // The same keys again are known by their SHA-256.
    let again = server.keys_beside(("other", &first.id), &rest(), capability);
    assert_ne!(again.id, second.id);
    assert_eq!(server.service.keys.cached().1, 2);
}

#[test]
fn keys_of_another_scheme_are_no_keys() {
    let server = server();
    let first = server.keys(1);
    let capability = Some(first.capability.as_str());
    let foreign = Spec { foreign: true, ..Spec::new("foreign", &[(1, 1)]) };
    let bytes = foreign.bundle(|_| true, 4);
    let foreign = server.keys_beside(("foreign", &first.id), &bytes, capability);
    let submitted =
        server.submit_to(&foreign, "?model=foreign", &request(0, Behaviour::Works), &[]);
    assert_eq!(server.end(&foreign, &submitted.header("location").unwrap())["state"], "done");
    assert_eq!(code(&server, &foreign, "?model=fake"), refused(422, "keys_do_not_fit"));
    let query = with([first.id.as_str()]);
    assert_eq!(code(&server, &foreign, &query), refused(422, "keys_do_not_fit"));
}

#[test]
fn keys_of_others_do_not_count() {
    let server = server();
    let (mine, others) = (server.keys(1), server.keys(2));
    let capability = Some(mine.capability.as_str());
    let nobody = "00000000-0000-4000-8000-000000000000";
    let mut refusals = Vec::new();
    for id in [others.id.as_str(), nobody] {
        let created = server.create_beside(("other", id), rest().len(), capability);
        refusals.push(created.text());
        assert_eq!(created.refusal(), refused(404, "not_found"));
        let query = with([id]);
        let body = request(0, Behaviour::Works);
        let second = server.keys_beside(("other", &mine.id), &rest(), capability);
        let submitted = server.submit_to(&second, &query, &body, &[]);
        refusals.push(submitted.text());
        assert_eq!(submitted.refusal(), refused(422, "keys_do_not_fit"));
    }
    // What is another's and what does not exist look the same.
    assert_eq!(refusals[..2], refusals[2..]);
    // Who has no capability has no key sets.
    let created = server.create_beside(("other", &mine.id), rest().len(), None);
    assert_eq!(created.refusal(), refused(404, "not_found"));
}

#[test]
fn hostile_parameters_are_refused() {
    let server = server();
    let keys = server.keys(1);
    let id = |n: u32| format!("{n:08x}-0000-4000-8000-000000000000");
    let many = (0..9).map(id).collect::<Vec<_>>().join(",");
    let twice = format!("{},{}", id(1), id(1));
    let upper = id(0xABCD).to_uppercase();
    let wrong = ["x", ",", &many, &twice, &upper, &format!("{},", id(1)), &"0,".repeat(2000)];
    for ids in wrong {
        let created = server.create_beside(("other", ids), 1000, Some(&keys.capability));
        assert_eq!(created.refusal(), refused(400, "bad_upload_metadata"), "{ids}");
        let query = format!("?model=other&with={ids}");
        assert_eq!(code(&server, &keys, &query), refused(400, "bad_request"), "{ids}");
    }
    let (own, fine) = (keys.id.as_str(), id(1));
    for (query, status, expected) in [
        ("", 422, "model_missing"),
        ("?", 422, "model_missing"),
        ("?Model=fake", 422, "model_missing"),
        ("?model=", 404, "unknown_model"),
        ("?model=%00", 404, "unknown_model"),
        ("?model=%ff%fe", 404, "unknown_model"),
        ("?model=fake&model=fake", 400, "bad_request"),
        ("?model=fake&with=", 400, "bad_request"),
        (&format!("?model=fake&with={fine}&with={}", id(2)), 400, "bad_request"),
        (&format!("?model=fake&with={own}"), 400, "bad_request"),
        (&format!("?model={}", "m".repeat(5000)), 404, "unknown_model"),
    ] {
        assert_eq!(code(&server, &keys, query), refused(status, expected), "{query}");
    }
    // What means nothing here is passed over.
    let submitted =
        server.submit_to(&keys, "?x=1&model=fake&&y", &request(0, Behaviour::Works), &[]);
    assert_eq!(submitted.status, 202, "{}", submitted.text());
}

#[test]
fn deleted_keys_take_along_what_waits_for_them() {
    let server = server();
    let first = server.keys(1);
    let second = server.keys_beside(("other", &first.id), &rest(), Some(&first.capability));
    let query = with([second.id.as_str()]);
    let submit = |step_ms| {
        let submitted = server.submit_to(&first, &query, &request(step_ms, Behaviour::Works), &[]);
        submitted.header("location").unwrap()
    };
    let done = submit(0);
    assert_eq!(server.end(&first, &done)["state"], "done");
    let (running, waiting) = (submit(200), submit(200));
    let apart = server.job(&first, &request(0, Behaviour::Works));
    server.runs(&first, &running);
    let path = format!("/v1/keys/{}", second.id);
    assert_eq!(server.delete(&path, &first.capability).status, 204);
    for job in [&running, &waiting] {
        assert_eq!(server.get(job, &first.capability).status, 404);
    }
    // What has ended, and what does not need them, stays.
    assert_eq!(server.get(&format!("{done}/result"), &first.capability).status, 200);
    assert_eq!(server.end(&first, &apart)["state"], "done");
    assert_eq!(server.service.jobs.board.counts(), (0, 0));
    let requests = server.service.config.data.join("blobs/requests");
    server.wait(|| (std::fs::read_dir(&requests).unwrap().count() == 0).then_some(()));
}

#[test]
fn the_same_idempotency_key_means_the_same_model() {
    let server = server();
    let keys = server.keys(1);
    let body = request(0, Behaviour::Works);
    let once = [("Idempotency-Key", "once")];
    let job = server.submit_to(&keys, "?model=fake", &body, &once).id();
    assert_eq!(server.submit_to(&keys, "?model=fake", &body, &once).id(), job);
    let other = server.submit_to(&keys, "?model=part", &body, &once);
    assert_eq!(other.refusal(), refused(422, "idempotency_mismatch"));
}

#[test]
fn unfinished_uploads_survive_the_models_they_are_for() {
    let server = server();
    let keys = server.begin();
    let bytes = crate::fake::bundle(1);
    assert_eq!(server.append(&keys, 0, &bytes[..1000], &[]).status, 204);
    let only = |server: Server, spec: Spec| {
        server.restart(|config, _| {
            for entry in std::fs::read_dir(&config.models).unwrap() {
                std::fs::remove_file(entry.unwrap().path()).unwrap();
            }
            spec.write(&config.models, "x.bs");
        })
    };
    // Nobody could check these keys at this moment.
    let server = only(server, Spec { foreign: true, ..Spec::new("foreign", &[(1, 1)]) });
    let appended = server.append(&keys, 1000, &bytes[1000..], &[]);
    assert_eq!(appended.refusal(), refused(404, "unknown_model"));
    // Any model of the same parameter set can.
    let server = only(server, Spec::new("part", &[(1, 1), (2, 1)]));
    assert_eq!(server.append(&keys, 1000, &bytes[1000..], &[]).status, 204);
    let job = server.submit_to(&keys, "?model=part", &request(0, Behaviour::Works), &[]);
    assert_eq!(server.end(&keys, &job.header("location").unwrap())["state"], "done");
}

/// Jobs are submitted under a key set: of a model that has no keys, under one that holds none, or any
/// other of its scheme.
#[test]
fn a_model_without_keys_runs_under_an_empty_key_set() {
    let bare = Spec::new("bare", &[]);
    let models = [("a.bs", Spec::fake()), ("b.bs", bare)];
    let server = Server::start_serving(&models, |_| {});
    let empty = Spec::new("bare", &[]).bundle(|_| true, 5);
    let wrong = server.create_beside(("bare", ""), empty.len() + 1, None);
    assert_eq!(wrong.refusal(), refused(400, "wrong_upload_length"));
    let none = server.keys_beside(("bare", ""), &empty, None);
    let stored = server.get(&format!("/v1/keys/{}", none.id), &none.capability).json();
    assert_eq!((&stored["count"], &stored["bytes"]), (&0.into(), &empty.len().into()));
    for keys in [&none, &server.keys(1)] {
        let run = server.submit_to(keys, "?model=bare", &request(0, Behaviour::Works), &[]);
        assert_eq!(run.status, 202, "{}", run.text());
        assert_eq!(server.end(keys, &run.header("location").unwrap())["state"], "done");
    }
    // It serves no model that has keys.
    let fake = server.submit_to(&none, "?model=fake", &request(0, Behaviour::Works), &[]);
    assert_eq!(fake.refusal(), refused(422, "keys_do_not_fit"));
}
