//! What cannot be asked of jobs in their states.

use blindsight_tests::api::{Api, Holding, Job};
use blindsight_tests::events::EventStream;

use crate::table::Table;
use crate::world::World;

/// Returns a job that was cancelled.
pub(crate) fn rows(world: &World, table: &mut Table) -> Job {
    let World { api, client, mine, .. } = world;
    let request = client.request("03-cat-0.png", 5);
    // Before the first job runs, which must not end in the meantime.
    let stranger = api.upload(&client.bundle);
    let keyed = api.submission(mine, &request).header("Idempotency-Key", "once");
    let first = Api::job_in(&api.send(&keyed).expect(202));

    let again = api.send(&keyed);
    assert_eq!(Api::job_in(&again).id, first.id, "accepted twice");
    table.accepted(202, "the same idempotency key and the same request", again);
    let other_request = client.request("03-cat-0.png", 6);
    let other = api.submission(mine, &other_request).header("Idempotency-Key", "once");
    table.refused(api, (422, "idempotency_mismatch"), "a used idempotency key", &other);
    let bad = api.submission(mine, &request[1..]).header("Idempotency-Key", "once");
    table.refused(api, (422, "idempotency_mismatch"), "a used key, and no request", &bad);

    let second = api.submit(mine, &other_request);
    let third = api.submission(mine, &other_request);
    table.refused(api, (429, "too_many_jobs"), "a third job of one key set", &third);
    full(world, table, &stranger, &request);

    let get = |path: String| api.request_of(mine, "GET", &path);
    let early = (409, "not_ready");
    for (name, job) in [("of a job that runs", &first), ("of a job that waits", &second)] {
        let request = get(format!("/v1/jobs/{}/result", job.id));
        table.refused(api, early, &format!("the result {name}"), &request);
    }
    streams(world, table, &second);

    let cancelled = [&first, &second].map(|job| api.cancel(mine, &job.id));
    assert!(cancelled.iter().all(|job| job.state == "cancelled"), "{cancelled:?}");
    let [job, _] = cancelled;
    let gone = get(format!("/v1/jobs/{}/result", job.id));
    table.refused(api, (410, "gone"), "the result of a job that was cancelled", &gone);
    let request = api.request_of(mine, "DELETE", &format!("/v1/jobs/{}", job.id));
    let answer = api.send(&request);
    assert_eq!(Api::job_in(&answer), job, "cancelled once more");
    table.accepted(200, "cancel a job that was cancelled", answer);
    job
}

/// Fills the queue with the jobs of another.
fn full(world: &World, table: &mut Table, stranger: &Holding, request: &[u8]) {
    let api = &world.api;
    // The limit of one key set leaves one place in the queue: at least one of these is refused.
    let answers: Vec<_> = (0..3).map(|_| api.send(&api.submission(stranger, request))).collect();
    let full = answers.iter().find(|answer| answer.code() == "queue_full");
    match full {
        Some(answer) => table.refusal((429, "queue_full"), "a full queue", answer.clone()),
        None => table.wrong("a full queue", &format!("{answers:?}")),
    }
    let keys = format!("/v1/keys/{}", stranger.id);
    api.send(&api.request_of(stranger, "DELETE", &keys)).expect(204);
    for answer in answers.iter().filter(|answer| answer.status == 202) {
        let id = Api::job_in(answer).id;
        let request = api.request_of(stranger, "GET", &format!("/v1/jobs/{id}"));
        table.refused(api, (404, "not_found"), "a job of deleted keys", &request);
    }
}

/// Whatever a client says that it saw last, it gets the present state under a larger id.
fn streams(world: &World, table: &mut Table, job: &Job) {
    let World { api, mine, .. } = world;
    let events = api.events(mine, &job.id);
    for last in ["x", "-1", "1e9", "", "99999999999999999999999", "é", "7"] {
        let name = format!("Last-Event-ID {last:?}");
        let request = events.clone().header("Last-Event-ID", last);
        match EventStream::open(api.address, &request).unwrap() {
            Ok(mut stream) => {
                let event = stream.event().unwrap().unwrap();
                assert!(event.id > 7 && event.data.contains(&job.id), "{name}: {event:?}");
                let (response, _) = request.open(api.address).unwrap();
                table.accepted(200, &name, response);
            }
            Err(answer) => table.wrong(&name, &answer.to_string()),
        }
    }
}
