//! Keys that are deleted take everything with them.

use std::time::Duration;

use blindsight_tests::poll;

use crate::stage::Stage;

pub(crate) fn ends_everything(stage: &Stage) {
    let (api, keys) = (&stage.api, &stage.keys);
    let request = stage.request("02-bird-0.png");
    let running = api.submit(keys, &request);
    let waiting = api.submit(keys, &request);
    api.wait_for_step(keys, &running.id, 1);

    let path = format!("/v1/keys/{}", keys.id);
    api.send(&api.request_of(keys, "DELETE", &path)).expect(204);
    for path in [
        path,
        format!("/v1/uploads/{}", keys.id),
        format!("/v1/jobs/{}", running.id),
        format!("/v1/jobs/{}", waiting.id),
        format!("/v1/jobs/{}/result", running.id),
        format!("/v1/jobs/{}/events", waiting.id),
    ] {
        let method = if path.contains("uploads") { "HEAD" } else { "GET" };
        let request = api.request_of(keys, method, &path).header("Tus-Resumable", "1.0.0");
        assert_eq!(api.send(&request).status, 404, "{path}");
    }
    poll("an end of the run, and nothing on the disk", Duration::from_secs(5), || {
        let status = api.send(&api.request("GET", "/v1/status")).expect(200).json();
        (status["running"] == 0 && stage.stored_bytes() == 0).then_some(())
    });
}
