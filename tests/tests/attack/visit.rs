//! Somebody's whole visit: keys, picture, answer.

use std::time::Instant;

use blindsight_tests::api::Api;
use blindsight_tests::client::{Client, class_of};
use blindsight_tests::poll;

const SAMPLE: &str = "04-deer-3.png";

/// How long it took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Visit {
    /// From the first byte of the keys to the last of the answer.
    pub(crate) seconds: f64,
    /// The evaluation alone.
    pub(crate) run_seconds: f64,
    /// From the acceptance of the job to the start of its run.
    pub(crate) waited_seconds: f64,
}

impl Visit {
    pub(crate) fn min(self, other: Self) -> Self {
        if self.seconds < other.seconds { self } else { other }
    }
}

/// Sends keys and a picture, and reads the answer, which must be right.
pub(crate) fn whole(api: &Api, client: &Client, seed: u8) -> Visit {
    let start = Instant::now();
    let holding = upload(api, client);
    let request = client.request(SAMPLE, seed);
    let accepted = api.submit(&holding, &request);
    let submitted = Instant::now();
    let running = poll("the start of the run", blindsight_tests::api::RUN, || {
        (api.job(&holding, &accepted.id).state != "queued").then(Instant::now)
    });
    let answer = api.wait_for_result(&holding, &accepted.id);
    let seconds = start.elapsed().as_secs_f64();
    assert_eq!(client.class(&answer), class_of(SAMPLE));
    let job = api.job(&holding, &accepted.id);
    api.send(&api.request_of(&holding, "DELETE", &format!("/v1/keys/{}", holding.id))).expect(204);
    Visit {
        seconds,
        run_seconds: job.evaluate_seconds.unwrap_or(0.0),
        waited_seconds: (running - submitted).as_secs_f64(),
    }
}

/// As a decent client does: who is told to come back comes back.
fn upload(api: &Api, client: &Client) -> blindsight_tests::api::Holding {
    let holding = api.create(client.bundle.len());
    let mut offset = 0;
    while offset < client.bundle.len() {
        let end = client.bundle.len().min(offset + blindsight_tests::api::PART);
        let answer = api.send(&api.part(&holding, offset, &client.bundle[offset..end]));
        if answer.status == 429 {
            std::thread::sleep(std::time::Duration::from_millis(500));
            offset = usize::try_from(api.head(&holding).number("Upload-Offset").unwrap()).unwrap();
            continue;
        }
        answer.expect(204);
        offset = end;
    }
    holding
}
