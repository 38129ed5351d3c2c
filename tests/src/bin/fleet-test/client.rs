//! A client of the fleet that takes nothing amiss: whatever fails is tried again, at another front-end.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use blindsight_fake::{Behaviour, bundle, request};
use blindsight_tests::http::{Request, Response};
use serde_json::Value;
use uuid::Uuid;

/// A caller, by an address of its own, and the front-ends that it knows.
#[derive(Debug)]
pub(crate) struct Client {
    fronts: Arc<[SocketAddr]>,
    from: Ipv4Addr,
    turn: AtomicUsize,
}

/// A key set and its capability.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    pub(crate) id: String,
    capability: String,
}

/// What a front-end said, or that it said nothing.
pub(crate) type Said = Option<Response>;

/// How long to wait before something is tried again.
pub(crate) const PAUSE: Duration = Duration::from_millis(50);

impl Client {
    /// The caller 127.0.1.`number`.
    pub(crate) fn new(fronts: &Arc<[SocketAddr]>, number: u8) -> Self {
        let from = Ipv4Addr::new(127, 0, 1, number);
        Self { fronts: fronts.clone(), from, turn: AtomicUsize::new(number.into()) }
    }

    fn request<'a>(&self, method: &str, target: &str) -> Request<'a> {
        Request::new(method, target).from(Some(self.from))
    }

    /// Asks the front-end whose turn it is.
    fn send(&self, request: &Request<'_>) -> Said {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let answer = request.exchange(self.fronts[turn % self.fronts.len()]);
        if !matches!(&answer, Ok(answer) if answer.status < 500) {
            std::thread::sleep(PAUSE);
        }
        answer.ok()
    }

    /// Sends keys; `None` if that did not work this time. Different salts make different bundles.
    pub(crate) fn upload(&self, salt: u8) -> Option<Keys> {
        let bytes = bundle(salt);
        let creation = self
            .request("POST", "/v1/uploads")
            .header("Tus-Resumable", "1.0.0")
            .header("Upload-Length", &bytes.len().to_string())
            .header("Upload-Metadata", &format!("model {}", STANDARD.encode("fake")))
            .header("Content-Length", "0");
        let created = self.send(&creation).filter(|answer| answer.status == 201)?;
        let id = created.header("Location")?.strip_prefix("/v1/uploads/")?.to_owned();
        let capability = created.header("Blindsight-Capability")?.to_owned();
        let part = self
            .request("PATCH", &format!("/v1/uploads/{id}"))
            .header("Blindsight-Capability", &capability)
            .header("Tus-Resumable", "1.0.0")
            .header("Upload-Offset", "0")
            .body("application/offset+octet-stream", bytes);
        let whole = self.send(&part).filter(|answer| answer.status == 204)?;
        whole.header("Blindsight-Keys").is_some().then_some(Keys { id, capability })
    }

    /// Sends keys, again and again until it worked, for at most a minute.
    pub(crate) fn upload_at_last(&self, salt: u8) -> Option<Keys> {
        (0..600).find_map(|_| {
            self.upload(salt).or_else(|| {
                std::thread::sleep(2 * PAUSE);
                None
            })
        })
    }

    /// Submits a request under a name of its own: two times the same is one job.
    pub(crate) fn submit(&self, keys: &Keys, name: Uuid, body: &[u8]) -> Said {
        let submission = self
            .request("POST", &format!("/v1/keys/{}/jobs?model=fake", keys.id))
            .header("Blindsight-Capability", &keys.capability)
            .header("Idempotency-Key", &name.to_string())
            .body("application/octet-stream", body);
        self.send(&submission)
    }

    /// What is known of a job.
    pub(crate) fn job(&self, keys: &Keys, id: &str) -> Option<Value> {
        let answer = self.get(keys, &format!("/v1/jobs/{id}"))?;
        if answer.status == 200 { serde_json::from_slice(&answer.body).ok() } else { None }
    }

    /// The answer to a request for a result.
    pub(crate) fn result(&self, keys: &Keys, id: &str) -> Said {
        self.get(keys, &format!("/v1/jobs/{id}/result"))
    }

    fn get(&self, keys: &Keys, target: &str) -> Said {
        self.send(&self.request("GET", target).header("Blindsight-Capability", &keys.capability))
    }
}

/// A request that no other is equal to, for a run of five steps.
pub(crate) fn unique_request(name: Uuid, step_ms: u8) -> Vec<u8> {
    let mut body = request(step_ms, Behaviour::Works);
    body[3..19].copy_from_slice(name.as_bytes());
    body
}

/// The name of the job in an answer that accepts one.
pub(crate) fn accepted(answer: &Response) -> Option<String> {
    if !matches!(answer.status, 200 | 202) {
        return None;
    }
    let job: Value = serde_json::from_slice(&answer.body).ok()?;
    Some(job.get("id")?.as_str()?.to_owned())
}
