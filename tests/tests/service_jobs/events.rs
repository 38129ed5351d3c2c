//! The progress of a job as events.

use blindsight_tests::api::Job;
use blindsight_tests::client::class_of;
use blindsight_tests::events::{Event, EventStream, Item};

use crate::stage::Stage;

/// Follows a job to its end with a stream that breaks in between.
pub(crate) fn resume(stage: &Stage) {
    let Stage { api, keys, client, .. } = stage;
    let sample = "01-automobile-1.png";
    let job = api.submit(keys, &stage.request(sample));
    let request = api.events(keys, &job.id);
    let open = |last: Option<i64>| {
        let request = match last {
            Some(id) => request.clone().header("Last-Event-ID", &id.to_string()),
            None => request.clone(),
        };
        EventStream::open(api.address, &request).unwrap().unwrap()
    };

    let mut stream = open(None);
    let mut seen = Vec::new();
    while seen.last().is_none_or(|(_, job): &(Event, Job)| job.step < 5) {
        seen.push(parse(stream.event().unwrap().expect("the job runs")));
    }
    drop(stream);
    let (last, job_then) = seen.last().unwrap().clone();

    // The present state comes at once, under a larger id, and nothing goes back.
    let mut stream = open(Some(last.id));
    let (first, job_now) = parse(stream.event().unwrap().expect("the present state"));
    assert!(first.id > last.id, "{} after {}", first.id, last.id);
    assert!(job_now.step >= job_then.step, "{job_now:?} after {job_then:?}");
    seen.push((first, job_now));
    let mut heartbeats = 0;
    loop {
        match stream.item().unwrap() {
            Some(Item::Event(event)) => seen.push(parse(event)),
            Some(Item::Heartbeat) => heartbeats += 1,
            None => break,
        }
    }
    assert!(heartbeats > 0, "no heartbeat in a run of seconds");
    for pair in seen.windows(2) {
        let [(before, earlier), (after, later)] = pair else { unreachable!("windows of two") };
        assert!(after.id > before.id, "{} after {}", after.id, before.id);
        assert!(later.step >= earlier.step, "{later:?} after {earlier:?}");
    }
    let steps: Vec<u32> = seen.iter().map(|(_, job)| job.step).collect();
    // A client that keeps up misses none, except while it was away.
    assert!(steps.windows(2).all(|pair| pair[1] - pair[0] <= 2), "{steps:?}");
    let done = &seen.last().unwrap().1;
    assert_eq!((done.state.as_str(), done.step), ("done", done.steps));
    let result = api.result(keys, &job.id).expect(200).body;
    assert_eq!(client.class(&result), class_of(sample));

    // After the end: the end, and the end of the stream.
    let mut stream = open(Some(seen.last().unwrap().0.id));
    let (_, again) = parse(stream.event().unwrap().expect("the present state"));
    assert_eq!(&again, done);
    assert_eq!(stream.item().unwrap(), None, "the stream goes on after the end");
}

fn parse(event: Event) -> (Event, Job) {
    assert_eq!(event.kind, "job");
    let job = serde_json::from_str(&event.data).unwrap();
    (event, job)
}
