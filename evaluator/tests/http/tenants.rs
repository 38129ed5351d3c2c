//! Tenants: their keys, their quotas, and who did what.

use std::time::{Duration, Instant};

use blindsight_evaluator::config::Config;
use blindsight_evaluator::credentials::new_api_key;
use blindsight_evaluator::store::state::audit::AuditRow;
use blindsight_evaluator::store::state::tenants::{Quotas, TenantRow};
use blindsight_evaluator::time::Timestamp;

use crate::fake::{Behaviour, bundle, request};
use crate::server::{Answer, Keys, Server};

/// A service that asks for keys.
fn server(settings: impl FnOnce(&mut Config)) -> Server {
    Server::start(|config| {
        config.require_keys = true;
        settings(config);
    })
}

fn tenant(server: &Server, name: &str, quotas: Quotas) {
    let row =
        TenantRow { name: name.to_owned(), quotas, disabled: false, created_at: Timestamp::now() };
    assert!(server.service.store.db.write(|t| t.insert_tenant(&row)).unwrap());
}

/// What `Authorization` says with a new key of a tenant, and what the key is called.
fn key(server: &Server, tenant: &str, expires_at: Option<Timestamp>) -> (String, String) {
    let new = new_api_key(tenant, expires_at);
    server.service.store.db.write(|t| t.insert_api_key(&new.row, &new.sha256)).unwrap();
    (format!("Bearer {}", new.text), new.row.id)
}

fn bearer(text: &str) -> (&str, &str) {
    ("Authorization", text)
}

fn models(server: &Server, authorization: &str) -> Answer {
    server.send("GET", "/v1/models", &[bearer(authorization)], &[])
}

fn unauthorized() -> (u16, String) {
    (401, "unauthorized".to_owned())
}

fn keys_of(server: &Server, authorization: &str, salt: u8) -> Keys {
    let created = server.create(&[bearer(authorization)]);
    assert_eq!(created.status, 201, "{}", created.text());
    let capability = created.header("blindsight-capability").unwrap();
    let keys = Keys { id: created.id(), capability };
    let appended = server.append(&keys, 0, &bundle(salt), &[bearer(authorization)]);
    assert_eq!(appended.status, 204, "{}", appended.text());
    keys
}

fn submit(server: &Server, authorization: &str, keys: &Keys, step_ms: u8) -> Answer {
    server.submit(keys, &request(step_ms, Behaviour::Works), &[bearer(authorization)])
}

/// The state of a job when it has ended.
fn ended(server: &Server, authorization: &str, keys: &Keys, job: &Answer) -> String {
    assert_eq!(job.status, 202, "{}", job.text());
    let path = job.header("location").unwrap();
    let headers = [bearer(authorization), ("Blindsight-Capability", keys.capability.as_str())];
    server.wait(|| {
        let state = server.send("GET", &path, &headers, &[]).json()["state"].clone();
        let state = state.as_str().unwrap().to_owned();
        (!["queued", "running"].contains(&state.as_str())).then_some(state)
    })
}

#[test]
fn a_key_opens_the_service_and_wrong_ones_do_not() {
    let server = server(|_| {});
    tenant(&server, "acme", Quotas::default());
    let (right, _) = key(&server, "acme", None);
    let (ending, _) = key(&server, "acme", Some(Timestamp::now().after_seconds(3600)));
    assert_eq!(models(&server, &right).status, 200);
    assert_eq!(models(&server, &ending).status, 200);
    let (expired, _) = key(&server, "acme", Some(Timestamp::now()));
    let never = format!("Bearer {}", new_api_key("acme", None).text);
    let cut = &right[..right.len() - 1];
    for wrong in ["", "Bearer", "Bearer x", "Bearer a.b.c", cut, &never, &expired, "Basic bsk_"] {
        let answer = models(&server, wrong);
        assert_eq!(answer.refusal(), unauthorized(), "{wrong}");
        assert_eq!(answer.header("www-authenticate").as_deref(), Some("Bearer"));
    }
    assert_eq!(server.send("GET", "/v1/models", &[], &[]).refusal(), unauthorized());
    assert_eq!(server.send("GET", "/metrics", &[], &[]).refusal(), unauthorized());
    assert_eq!(server.send("GET", "/health/live", &[], &[]).status, 200);
    let keys = keys_of(&server, &right, 1);
    assert_eq!(ended(&server, &right, &keys, &submit(&server, &right, &keys, 0)), "done");
    let by_key = server.service.store.db.read(|c| c.any_jobs(None, 9)).unwrap();
    assert_eq!(by_key[0].caller.tenant(), Some("acme"));
}

#[test]
fn who_is_let_in_no_more_notices_within_ten_seconds() {
    let server = server(|_| {});
    tenant(&server, "acme", Quotas::default());
    tenant(&server, "other", Quotas::default());
    let [(revoked, id), (others, _)] = ["acme", "other"].map(|name| key(&server, name, None));
    assert_eq!((models(&server, &revoked).status, models(&server, &others).status), (200, 200));
    let db = &server.service.store.db;
    assert!(db.write(|t| t.revoke_api_key(&id, Timestamp::now())).unwrap());
    let other = db.read(|c| c.tenant("other")).unwrap().unwrap();
    assert!(db.write(|t| t.change_tenant(&TenantRow { disabled: true, ..other.clone() })).unwrap());
    let start = Instant::now();
    for (shown, says) in [(&revoked, "revoked"), (&others, "not let in")] {
        let refused = server.wait(|| Some(models(&server, shown)).filter(|a| a.status == 401));
        assert!(refused.text().contains(says), "{}", refused.text());
    }
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_tenant_has_its_own_share_of_bytes() {
    let length = bundle(1).len() as u64;
    let server = server(|_| {});
    tenant(&server, "small", Quotas { bytes: Some(length + 50), ..Quotas::default() });
    tenant(&server, "usual", Quotas::default());
    let (small, _) = key(&server, "small", None);
    let (second, _) = key(&server, "small", None);
    let (usual, _) = key(&server, "usual", None);
    let keys = keys_of(&server, &small, 1);
    // All keys of a tenant are one caller.
    for of_small in [&small, &second] {
        let refused = server.create(&[bearer(of_small)]);
        assert_eq!(refused.refusal(), (507, "storage_full".to_owned()));
    }
    let refused = submit(&server, &small, &keys, 0);
    assert_eq!(refused.refusal(), (507, "storage_full".to_owned()));
    let keys = keys_of(&server, &usual, 2);
    assert_eq!(submit(&server, &usual, &keys, 0).status, 202);
}

#[test]
fn a_tenant_has_its_own_places_in_the_queue() {
    let server = server(|_| {});
    tenant(&server, "small", Quotas { queued: Some(1), ..Quotas::default() });
    tenant(&server, "usual", Quotas::default());
    let (small, _) = key(&server, "small", None);
    let (usual, _) = key(&server, "usual", None);
    let (keys, others) = (keys_of(&server, &small, 1), keys_of(&server, &usual, 2));
    // Something runs, so that all others wait.
    let first = submit(&server, &usual, &others, 250);
    let path = first.header("location").unwrap();
    let headers = [bearer(&usual), ("Blindsight-Capability", others.capability.as_str())];
    server.wait(|| {
        (server.send("GET", &path, &headers, &[]).json()["state"] == "running").then_some(())
    });
    assert_eq!(submit(&server, &small, &keys, 0).status, 202);
    let refused = submit(&server, &small, &keys, 0);
    assert_eq!(refused.refusal(), (429, "too_many_jobs".to_owned()));
    assert!(refused.header("retry-after").is_some());
    assert_eq!(submit(&server, &usual, &others, 0).status, 202);
}

#[test]
fn a_tenant_may_submit_so_many_jobs_on_a_day() {
    let server = server(|_| {});
    tenant(&server, "small", Quotas { jobs_a_day: Some(2), ..Quotas::default() });
    let (small, _) = key(&server, "small", None);
    let keys = keys_of(&server, &small, 1);
    let again = [bearer(&small), ("Idempotency-Key", "k")];
    let body = request(0, Behaviour::Works);
    assert_eq!(server.submit(&keys, &body, &again).status, 202);
    let last = submit(&server, &small, &keys, 0);
    let refused = submit(&server, &small, &keys, 0);
    if refused.status == 202 {
        // Midnight passed.
        return;
    }
    assert_eq!(refused.refusal(), (429, "daily_quota".to_owned()));
    let wait: u32 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=24 * 3600).contains(&wait), "{wait}");
    assert!(wait.abs_diff(Timestamp::now().seconds_to_next_day()) <= 60);
    // What was accepted can be asked for again, and the end of jobs makes no place.
    assert_eq!(server.submit(&keys, &body, &again).status, 202);
    ended(&server, &small, &keys, &last);
    assert_eq!(submit(&server, &small, &keys, 0).refusal().1, "daily_quota");
}

#[test]
fn while_new_jobs_are_kept_out_those_that_wait_run() {
    let server = Server::start(|_| {});
    let keys = server.keys(1);
    let running = server.job(&keys, &request(100, Behaviour::Works));
    let waiting = server.job(&keys, &request(0, Behaviour::Works));
    let drain = |since| server.service.store.db.write(|t| t.set_draining(since)).unwrap();
    drain(Some(Timestamp::now()));
    let refused = server.submit(&keys, &request(0, Behaviour::Works), &[]);
    assert_eq!(refused.refusal(), (503, "draining".to_owned()));
    assert!(refused.header("retry-after").unwrap().parse::<u32>().unwrap() > 0);
    for job in [&running, &waiting] {
        assert_eq!(server.end(&keys, job)["state"], "done");
    }
    drain(None);
    server.job(&keys, &request(0, Behaviour::Works));
}

#[test]
fn what_is_done_is_written_down_without_contents() {
    let server = server(|_| {});
    tenant(&server, "acme", Quotas::default());
    let (acme, _) = key(&server, "acme", None);
    let secret = format!("Bearer {}", new_api_key("acme", None).text);
    models(&server, &secret);
    let keys = keys_of(&server, &acme, 1);
    let job = submit(&server, &acme, &keys, 100);
    let headers = [bearer(&acme), ("Blindsight-Capability", keys.capability.as_str())];
    let path = job.header("location").unwrap();
    for _ in 0..2 {
        assert_eq!(server.send("DELETE", &path, &headers, &[]).status, 200);
    }
    let path = format!("/v1/keys/{}", keys.id);
    assert_eq!(server.send("DELETE", &path, &headers, &[]).status, 204);
    let audit = server.service.store.db.read(|c| c.audit(Timestamp(0), 99)).unwrap();
    let of = |row: &AuditRow| (row.who.clone(), row.action.clone(), row.subject.clone());
    let found: Vec<_> = audit.iter().map(of).collect();
    let row = |who: &str, action: &str, subject: &str| {
        (who.to_owned(), action.to_owned(), subject.to_owned())
    };
    assert_eq!(
        found,
        [
            row("127.0.0.1", "authentication refused", "There is no such API key."),
            row("tenant:acme", "key set created", &keys.id),
            row("tenant:acme", "job cancelled", &job.id()),
            row("tenant:acme", "key set deleted", &keys.id),
        ]
    );
}

#[test]
fn what_was_done_long_ago_is_forgotten() {
    let server = Server::start(|config| {
        config.audit_seconds = 100;
        config.sweep_seconds = 1;
    });
    let note = |at: Timestamp| {
        let row = AuditRow { at, ..AuditRow::now("x", "y", "z") };
        server.service.store.db.write(|t| t.note_audit(&row)).unwrap();
    };
    note(Timestamp::now().before_seconds(200));
    note(Timestamp::now());
    let count = || server.service.store.db.read(|c| c.audit(Timestamp(0), 9)).unwrap().len();
    server.wait(|| (count() == 1).then_some(()));
}
