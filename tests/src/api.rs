//! The service's API as a client uses it.

use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Range;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::evaluator::Evaluator;
use crate::http::{Request, Response};
use crate::{client, poll};

/// The model that the tests ask for.
pub const MODEL: &str = "resnet20";

/// Longest part of an upload that is sent here.
pub const PART: usize = 8 << 20;

/// How long a job may take once it runs, on a slow and busy machine.
pub const RUN: Duration = Duration::from_secs(240);

/// A service, and the token that it may need.
#[derive(Debug, Clone)]
pub struct Api {
    /// Where it listens.
    pub address: SocketAddr,
    token: Option<String>,
    from: Option<Ipv4Addr>,
}

/// An upload, or the key set that it has become, and the capability for it.
#[derive(Debug, Clone)]
pub struct Holding {
    /// Name of the upload and of the key set.
    pub id: String,
    /// Capability.
    pub capability: String,
}

/// A job as the service shows it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "docs/protocol.md explains them")]
pub struct Job {
    pub id: String,
    pub keys: String,
    pub model: String,
    pub state: String,
    pub position: Option<u32>,
    pub step: u32,
    pub steps: u32,
    pub eta_seconds: Option<f64>,
    pub attempts: u32,
    pub created_at: String,
    pub started_at: Option<String>,
    pub finished_at: Option<String>,
    pub error: Option<JobError>,
    pub evaluate_seconds: Option<f64>,
}

/// Why a job has no result.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[expect(missing_docs, reason = "docs/protocol.md explains them")]
pub struct JobError {
    pub code: String,
    pub detail: String,
}

impl Api {
    /// The API of an evaluator that asks for no token.
    pub fn of(evaluator: &Evaluator) -> Self {
        Self { address: evaluator.address(), token: None, from: None }
    }

    /// With a service token.
    #[must_use]
    pub fn with_token(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    /// As a caller with an address of its own: 127.0.0.`number`.
    #[must_use]
    pub fn from(mut self, number: u8) -> Self {
        self.from = Some(Ipv4Addr::new(127, 0, 0, number));
        self
    }

    /// The address that it comes from, if that was chosen.
    pub fn source(&self) -> Option<Ipv4Addr> {
        self.from
    }

    /// A request with the service token.
    pub fn request<'a>(&self, method: &str, target: &str) -> Request<'a> {
        let request = Request::new(method, target).from(self.from);
        match &self.token {
            Some(token) => request.header("Authorization", &format!("Bearer {token}")),
            None => request,
        }
    }

    /// A request of a holder.
    pub fn request_of<'a>(&self, holding: &Holding, method: &str, target: &str) -> Request<'a> {
        self.request(method, target).header("Blindsight-Capability", &holding.capability)
    }

    /// Sends a request that must have an answer.
    #[track_caller]
    pub fn send(&self, request: &Request<'_>) -> Response {
        let answer = request.exchange(self.address);
        answer.unwrap_or_else(|error| {
            let head = request.head();
            panic!("no answer ({error}) to {}", String::from_utf8_lossy(&head));
        })
    }

    /// A request that starts an upload of `length` bytes.
    pub fn creation<'a>(&self, length: usize) -> Request<'a> {
        self.request("POST", "/v1/uploads")
            .header("Tus-Resumable", "1.0.0")
            .header("Upload-Length", &length.to_string())
            .header("Upload-Metadata", &format!("model {}", STANDARD.encode(MODEL)))
            .header("Content-Length", "0")
    }

    /// Starts an upload with a new capability.
    #[track_caller]
    pub fn create(&self, length: usize) -> Holding {
        let created = self.send(&self.creation(length)).expect(201);
        let location = created.header("Location").expect("a location");
        let id = location.strip_prefix("/v1/uploads/").expect("a location of an upload").to_owned();
        let capability = created.header("Blindsight-Capability").expect("a capability").to_owned();
        assert_eq!(created.number("Upload-Offset"), Some(0));
        Holding { id, capability }
    }

    /// A request that appends to an upload.
    pub fn part<'a>(&self, to: &Holding, offset: usize, bytes: &'a [u8]) -> Request<'a> {
        self.request_of(to, "PATCH", &format!("/v1/uploads/{}", to.id))
            .header("Tus-Resumable", "1.0.0")
            .header("Upload-Offset", &offset.to_string())
            .body("application/offset+octet-stream", bytes)
    }

    /// The header that guards a part.
    pub fn checksum(bytes: &[u8]) -> String {
        format!("sha256 {}", STANDARD.encode(Sha256::digest(bytes)))
    }

    /// How much of an upload the service has.
    pub fn head(&self, of: &Holding) -> Response {
        let request = self.request_of(of, "HEAD", &format!("/v1/uploads/{}", of.id));
        self.send(&request.header("Tus-Resumable", "1.0.0"))
    }

    /// Appends the bytes of a bundle in `range` to an upload.
    #[track_caller]
    pub fn append(&self, to: &Holding, bundle: &[u8], range: Range<usize>) {
        let mut offset = range.start;
        while offset < range.end {
            let end = range.end.min(offset + PART);
            let answer = self.send(&self.part(to, offset, &bundle[offset..end])).expect(204);
            assert_eq!(answer.number("Upload-Offset"), Some(end as u64));
            assert_eq!(answer.header("Blindsight-Keys").is_some(), end == bundle.len());
            offset = end;
        }
    }

    /// Uploads a bundle under a new capability.
    #[track_caller]
    pub fn upload(&self, bundle: &[u8]) -> Holding {
        let holding = self.create(bundle.len());
        self.append(&holding, bundle, 0..bundle.len());
        let keys = self.keys(&holding);
        assert_eq!(keys["sha256"], client::sha256_hex(bundle));
        assert_eq!(keys["bytes"], bundle.len());
        holding
    }

    /// What the service says of a key set.
    #[track_caller]
    pub fn keys(&self, of: &Holding) -> serde_json::Value {
        let request = self.request_of(of, "GET", &format!("/v1/keys/{}", of.id));
        self.send(&request).expect(200).json()
    }

    /// A request that submits a job.
    pub fn submission<'a>(&self, with: &Holding, body: &'a [u8]) -> Request<'a> {
        self.submission_to(MODEL, with, body)
    }

    /// A request that submits a job for a model.
    pub fn submission_to<'a>(&self, model: &str, with: &Holding, body: &'a [u8]) -> Request<'a> {
        self.request_of(with, "POST", &format!("/v1/keys/{}/jobs?model={model}", with.id))
            .body("application/octet-stream", body)
    }

    /// Submits a job that must be accepted.
    #[track_caller]
    pub fn submit(&self, with: &Holding, body: &[u8]) -> Job {
        Self::job_in(&self.send(&self.submission(with, body)).expect(202))
    }

    /// A job as it is now.
    #[track_caller]
    pub fn job(&self, of: &Holding, id: &str) -> Job {
        let request = self.request_of(of, "GET", &format!("/v1/jobs/{id}"));
        Self::job_in(&self.send(&request).expect(200))
    }

    /// Cancels a job.
    #[track_caller]
    pub fn cancel(&self, of: &Holding, id: &str) -> Job {
        let request = self.request_of(of, "DELETE", &format!("/v1/jobs/{id}"));
        Self::job_in(&self.send(&request).expect(200))
    }

    /// The answer to a request for a result.
    pub fn result(&self, of: &Holding, id: &str) -> Response {
        self.send(&self.request_of(of, "GET", &format!("/v1/jobs/{id}/result")))
    }

    /// A request for a job's events.
    pub fn events<'a>(&self, of: &Holding, id: &str) -> Request<'a> {
        self.request_of(of, "GET", &format!("/v1/jobs/{id}/events"))
    }

    /// Waits until a job is done and returns its result.
    #[track_caller]
    pub fn wait_for_result(&self, of: &Holding, id: &str) -> Vec<u8> {
        let job = poll("a job that is done", RUN, || {
            let job = self.job(of, id);
            (!matches!(job.state.as_str(), "queued" | "running")).then_some(job)
        });
        assert_eq!(job.state, "done", "{job:?}");
        self.result(of, id).expect(200).body
    }

    /// Waits until a job has come to a step of its run.
    #[track_caller]
    pub fn wait_for_step(&self, of: &Holding, id: &str, step: u32) -> Job {
        poll("a step of a job", RUN, || {
            let job = self.job(of, id);
            let has_ended = job.finished_at.is_some();
            assert!(!has_ended, "the job ended before step {step}: {job:?}");
            (job.state == "running" && job.step >= step).then_some(job)
        })
    }

    /// The job in an answer.
    #[track_caller]
    pub fn job_in(response: &Response) -> Job {
        let job = serde_json::from_slice(&response.body);
        job.unwrap_or_else(|error| panic!("no job ({error}): {response}"))
    }
}
