//! Kills while jobs are accepted and wait.

use std::time::Duration;

use blindsight_tests::api::Api;

use crate::scene::Scene;

/// The pictures of the jobs of each round.
const SAMPLES: [&str; 3] = ["08-ship-0.png", "03-cat-0.png", "06-frog-0.png"];
/// Jobs that are not cancelled at the end of all rounds.
const KEPT: usize = 3;

pub(crate) fn killed_while_jobs_wait(scene: &mut Scene, kills: usize) {
    let keys = scene.keys.clone().unwrap();
    let mut accepted = Vec::new();
    for round in 0..kills {
        let requests = SAMPLES.map(|sample| scene.client.request(sample, 9));
        let name = |job: usize| format!("round-{round}-job-{job}");
        let pause = scene.within(Duration::from_millis(150));
        let submit = |api: &Api, job: usize| {
            let request = api.submission(&keys, &requests[job]);
            request.header("Idempotency-Key", &name(job)).exchange(api.address)
        };
        let answers = scene.kill_during("queue", pause, |api, _| {
            let answers = (0..SAMPLES.len()).map_while(|job| submit(api, job).ok());
            answers.map(|answer| Api::job_in(&answer.expect(202))).collect::<Vec<_>>()
        });
        for (job, sample) in SAMPLES.into_iter().enumerate() {
            // Whoever missed the answer asks again, and does not get a second job.
            let again = Api::job_in(&submit(&scene.api, job).unwrap().expect(202));
            if let Some(answer) = answers.get(job) {
                assert_eq!(again.id, answer.id, "accepted twice");
            }
            accepted.push(again.id.clone());
            scene.ledger.accepted(sample, again, 1);
        }
        // Jobs cost time. What is cancelled must stay so.
        while accepted.len() > KEPT {
            let cancelled = scene.api.cancel(&keys, &accepted.remove(0));
            scene.ledger.said(cancelled);
        }
    }
}
