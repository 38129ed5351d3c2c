//! The progress of a job as server-sent events.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header;
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::stream;
use tokio::sync::watch;
use tokio::time::Interval;

use super::access::{Holder, Name, Who};
use super::problem::Refused;
use crate::jobs::JobView;
use crate::places::{NoPlace, Place};
use crate::refusal::{Code, Refusal};
use crate::service::Service;
use crate::time::Timestamp;

/// The progress of a job: `event: job` with the job as JSON whenever it changes, a comment every
/// ten seconds, and the end of the stream after the job's end.
///
/// Ids grow. A client that comes back with `Last-Event-ID` gets the present state at once, under a
/// larger id; there is nothing to catch up on, because every event holds the whole state.
#[utoipa::path(
    get, path = "/v1/jobs/{id}/events", tag = "jobs",
    params(
        ("Last-Event-ID" = Option<i64>, Header),
    ),
    responses(
        (status = 200, description = "Events; the data of each is a job",
            content_type = "text/event-stream", body = JobView),
        (status = 429, description = "Too many streams"),
    )
)]
pub(super) async fn events(
    service: Data<Service>,
    request: HttpRequest,
    holder: Holder,
    who: Who,
    name: Name,
) -> Result<HttpResponse, Refused> {
    let service = service.into_inner();
    // Before the first look, so that no change falls between.
    let changes = service.jobs.watch(name.0).await?;
    let first = service.jobs.view(holder.0, name.0).await?;
    let place = service.gate.events.take(&who.0).map_err(|why| {
        let detail = match why {
            NoPlace::Share => "You have too many event streams open; poll the job instead.",
            NoPlace::Full => "Too many event streams are open; poll the job instead.",
        };
        Refusal::new(Code::Busy, detail).retry_after(10)
    })?;
    service.metrics.event_streams.inc();
    let last = request.headers().get("Last-Event-ID").and_then(|value| value.to_str().ok());
    let mut listener = Listener {
        changes,
        stopping: service.lifecycle.stopping(),
        heartbeat: tokio::time::interval(Duration::from_secs(
            service.config.heartbeat_seconds.max(1),
        )),
        last_id: last.and_then(|text| text.parse().ok()).unwrap_or(0),
        last: None,
        waiting: VecDeque::new(),
        ended: false,
        service,
        _place: place,
    };
    // The first tick of an interval comes at once.
    listener.heartbeat.reset();
    // How long a browser waits before it connects again.
    listener.waiting.push_back(Bytes::from_static(b"retry: 1000\n\n"));
    listener.note(first);
    let body = stream::unfold(listener, |mut listener| async move {
        let bytes = listener.next().await?;
        Some((Ok::<_, std::convert::Infallible>(bytes), listener))
    });
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        // Proxies that collect before they pass on would keep the progress to themselves.
        .insert_header(("X-Accel-Buffering", "no"))
        .streaming(body))
}

struct Listener {
    service: Arc<Service>,
    /// Nothing changes any more for a job that has ended.
    changes: Option<watch::Receiver<Option<JobView>>>,
    stopping: watch::Receiver<bool>,
    heartbeat: Interval,
    last_id: i64,
    last: Option<JobView>,
    waiting: VecDeque<Bytes>,
    ended: bool,
    _place: Place,
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.service.metrics.event_streams.dec();
    }
}

impl Listener {
    /// The next bytes of the stream; `None` at its end.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(bytes) = self.waiting.pop_front() {
                return Some(bytes);
            }
            let changes = self.changes.as_mut().filter(|_| !self.ended)?;
            let changed = tokio::select! {
                // Fails when the job was deleted.
                changed = changes.changed() => changed.is_ok(),
                _ = self.heartbeat.tick() => return Some(Bytes::from_static(b":\n\n")),
                // The client comes back, and finds the job where it was.
                _ = self.stopping.wait_for(|&stopping| stopping) => false,
            };
            if !changed {
                return None;
            }
            let job = changes.borrow_and_update().clone();
            if let Some(job) = job {
                self.note(job);
            }
        }
    }

    fn note(&mut self, job: JobView) {
        self.ended = job.state.is_final();
        if self.last.as_ref().is_some_and(|last| last.says_as_much_as(&job)) {
            return;
        }
        // Milliseconds, so that ids also grow when the service was restarted in between.
        self.last_id = Timestamp::now().0.max(self.last_id.saturating_add(1));
        let data = serde_json::to_string(&job).expect("a job is plain data");
        let event = format!("id: {}\nevent: job\ndata: {data}\n\n", self.last_id);
        self.waiting.push_back(event.into());
        self.last = Some(job);
    }
}
