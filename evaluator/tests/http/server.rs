//! A service with small models on a free port, and a plain client.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use blindsight_evaluator::capability::new_id;
use blindsight_evaluator::config::Config;
use blindsight_evaluator::models::Parse;
use blindsight_evaluator::server::serve;
use blindsight_evaluator::service::{OpenError, Service};
use blindsight_evaluator::store::{Blobs, StoreError};
use serde_json::Value;
use ureq::http::Request;

use crate::database::Rows;
use crate::document;
use crate::fake::{self, Spec, bundle};

/// A running service; stopped at the end, its folder removed.
pub(crate) struct Server {
    pub(crate) service: Arc<Service>,
    pub(crate) address: SocketAddr,
    thread: Option<JoinHandle<()>>,
    config: Config,
    pub(crate) rows: Rows,
    agent: ureq::Agent,
}

/// An answer, whole.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

pub(crate) type Headers<'a> = &'a [(&'a str, &'a str)];

pub(crate) const TUS: (&str, &str) = ("Tus-Resumable", "1.0.0");
pub(crate) const PART: (&str, &str) = ("Content-Type", "application/offset+octet-stream");
pub(crate) const OCTETS: (&str, &str) = ("Content-Type", "application/octet-stream");

/// A key set, and the capability that it came with.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    pub(crate) id: String,
    pub(crate) capability: String,
}

impl Server {
    pub(crate) fn start(settings: impl FnOnce(&mut Config)) -> Self {
        Self::start_serving(&[("fake.bs", Spec::fake())], settings)
    }

    /// Starts with these files in the folder of models.
    pub(crate) fn start_serving(
        models: &[(&str, Spec)],
        settings: impl FnOnce(&mut Config),
    ) -> Self {
        Self::start_with(config(models, settings), fake::reader())
    }

    /// Starts on a database and a store that others use too.
    pub(crate) fn start_beside_others(
        models: &[(&str, Spec)],
        rows: &Rows,
        blobs: &Blobs,
        settings: impl FnOnce(&mut Config),
    ) -> Self {
        let config = config(models, settings);
        let service = rows.open_beside_others(&config, fake::reader(), blobs.clone()).unwrap();
        Self::start_service(config, rows.clone(), service)
    }

    pub(crate) fn start_with(config: Config, parse: Parse) -> Self {
        let rows = Rows::new();
        let service = rows.open(&config, parse).unwrap();
        Self::start_service(config, rows, service)
    }

    fn start_service(config: Config, rows: Rows, service: Arc<Service>) -> Self {
        let pool = Arc::new(rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap());
        let (send, receive) = mpsc::channel();
        let thread = std::thread::spawn({
            let service = service.clone();
            move || serve(&service, &pool, |address| send.send(address).unwrap()).unwrap()
        });
        let address = receive.recv().unwrap();
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .allow_non_standard_methods(true)
            .max_redirects(0)
            .build();
        let thread = Some(thread);
        Self { service, address, thread, config, rows, agent: agent.into() }
    }

    /// Stops in order and starts again, with a chance to change the stores in between.
    pub(crate) fn restart(mut self, between: impl FnOnce(&mut Config, &Rows)) -> Self {
        self.stop();
        let mut config = self.config.clone();
        between(&mut config, &self.rows);
        // The folder stays, and its lock is free when the last owner is gone.
        self.config.data = PathBuf::new();
        let rows = self.rows.clone();
        drop(self);
        let service = reopened(&config, &rows);
        Self::start_service(config, rows, service)
    }

    fn stop(&mut self) {
        self.service.stop();
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported, and must not hide the one that brought us here.
            let _ = thread.join();
        }
    }

    /// Sends a request and compares the answer with the API's description.
    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        headers: Headers<'_>,
        body: &[u8],
    ) -> Answer {
        let uri = format!("http://{}{path}", self.address);
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let sends = !body.is_empty() || matches!(method, "POST" | "PATCH" | "PUT");
        let mut response = if sends {
            self.agent.run(request.body(body).unwrap()).unwrap()
        } else {
            self.agent.run(request.body(()).unwrap()).unwrap()
        };
        let header = |(name, value): (&ureq::http::HeaderName, &ureq::http::HeaderValue)| {
            (name.as_str().to_owned(), value.to_str().unwrap().to_owned())
        };
        let answer = Answer {
            status: response.status().as_u16(),
            headers: response.headers().iter().map(header).collect(),
            body: response.body_mut().read_to_vec().unwrap(),
        };
        document::check(method, path, &answer);
        answer
    }

    pub(crate) fn get(&self, path: &str, capability: &str) -> Answer {
        self.send("GET", path, &[("Blindsight-Capability", capability)], &[])
    }

    pub(crate) fn delete(&self, path: &str, capability: &str) -> Answer {
        self.send("DELETE", path, &[("Blindsight-Capability", capability), TUS], &[])
    }

    /// Starts an upload.
    pub(crate) fn create(&self, more: Headers<'_>) -> Answer {
        let length = bundle(0).len().to_string();
        let metadata = format!("model {}", STANDARD.encode("fake"));
        let defaults =
            [TUS, ("Upload-Length", length.as_str()), ("Upload-Metadata", metadata.as_str())];
        let given = |name: &str| more.iter().any(|(other, _)| *other == name);
        let defaults = defaults.into_iter().filter(|(name, _)| !given(name));
        let headers: Vec<_> = defaults.chain(more.iter().copied()).collect();
        self.send("POST", "/v1/uploads", &headers, &[])
    }

    /// Starts an upload that must succeed.
    pub(crate) fn begin(&self) -> Keys {
        let created = self.create(&[]);
        assert_eq!(created.status, 201, "{}", created.text());
        let capability = created.header("blindsight-capability").unwrap();
        Keys { id: created.id(), capability }
    }

    /// Appends to an upload.
    pub(crate) fn append(
        &self,
        keys: &Keys,
        offset: usize,
        bytes: &[u8],
        more: Headers<'_>,
    ) -> Answer {
        let offset = offset.to_string();
        let capability = ("Blindsight-Capability", keys.capability.as_str());
        let defaults = [TUS, PART, capability, ("Upload-Offset", offset.as_str())];
        let given = |name: &str| more.iter().any(|(other, _)| *other == name);
        let defaults = defaults.into_iter().filter(|(name, _)| !given(name));
        let headers: Vec<_> = defaults.chain(more.iter().copied()).collect();
        self.send("PATCH", &format!("/v1/uploads/{}", keys.id), &headers, bytes)
    }

    /// A key set.
    pub(crate) fn keys(&self, salt: u8) -> Keys {
        let keys = self.begin();
        let appended = self.append(&keys, 0, &bundle(salt), &[]);
        assert_eq!(appended.status, 204, "{}", appended.text());
        assert_eq!(appended.header("blindsight-keys"), Some(keys.id.clone()));
        keys
    }

    /// Starts an upload of these bytes for a model, beside the keys of other key sets.
    pub(crate) fn create_beside(
        &self,
        (model, have): (&str, &str),
        length: usize,
        capability: Option<&str>,
    ) -> Answer {
        let length = length.to_string();
        let mut metadata = format!("model {}", STANDARD.encode(model));
        if !have.is_empty() {
            metadata += &format!(",have {}", STANDARD.encode(have));
        }
        let mut headers = vec![("Upload-Length", length.as_str()), ("Upload-Metadata", &metadata)];
        headers.extend(capability.map(|text| ("Blindsight-Capability", text)));
        self.create(&headers)
    }

    /// A key set of these bytes.
    pub(crate) fn keys_beside(
        &self,
        (model, have): (&str, &str),
        bytes: &[u8],
        capability: Option<&str>,
    ) -> Keys {
        let created = self.create_beside((model, have), bytes.len(), capability);
        assert_eq!(created.status, 201, "{}", created.text());
        let given = created.header("blindsight-capability");
        let capability = given.or(capability.map(str::to_owned)).unwrap();
        let keys = Keys { id: created.id(), capability };
        let appended = self.append(&keys, 0, bytes, &[]);
        assert_eq!(appended.status, 204, "{}", appended.text());
        keys
    }

    /// Submits a request for the usual model.
    pub(crate) fn submit(&self, keys: &Keys, request: &[u8], more: Headers<'_>) -> Answer {
        self.submit_to(keys, "?model=fake", request, more)
    }

    /// Submits a request with this query.
    pub(crate) fn submit_to(
        &self,
        keys: &Keys,
        query: &str,
        request: &[u8],
        more: Headers<'_>,
    ) -> Answer {
        let capability = ("Blindsight-Capability", keys.capability.as_str());
        let given = |name: &str| more.iter().any(|(other, _)| *other == name);
        let defaults = [OCTETS, capability].into_iter().filter(|(name, _)| !given(name));
        let headers: Vec<_> = defaults.chain(more.iter().copied()).collect();
        self.send("POST", &format!("/v1/keys/{}/jobs{query}", keys.id), &headers, request)
    }

    /// The path of a job that must be accepted.
    pub(crate) fn job(&self, keys: &Keys, request: &[u8]) -> String {
        let submitted = self.submit(keys, request, &[]);
        assert_eq!(submitted.status, 202, "{}", submitted.text());
        submitted.header("location").unwrap()
    }

    /// Waits until a job has ended.
    pub(crate) fn end(&self, keys: &Keys, job: &str) -> Value {
        self.wait(|| {
            let job = self.get(job, &keys.capability).json();
            let state = job["state"].as_str().unwrap().to_owned();
            (!["queued", "running"].contains(&state.as_str())).then_some(job)
        })
    }

    /// Waits until a job runs.
    pub(crate) fn runs(&self, keys: &Keys, job: &str) {
        self.wait(|| (self.get(job, &keys.capability).json()["state"] == "running").then_some(()));
    }

    pub(crate) fn wait<T>(&self, mut until: impl FnMut() -> Option<T>) -> T {
        let start = Instant::now();
        loop {
            if let Some(value) = until() {
                return value;
            }
            assert!(start.elapsed() < Duration::from_secs(20), "waited too long");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Sends bytes as they are, and returns what comes until the other side closes.
    pub(crate) fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.write_all(bytes).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut answer = Vec::new();
        // A connection that is cut is an end too.
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
        let _ = std::fs::remove_dir_all(&self.config.data);
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let found = self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.clone())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{}", self.text()))
    }

    /// The code of a problem.
    pub(crate) fn code(&self) -> String {
        let problem = self.json();
        assert_eq!(problem["status"], self.status);
        problem["code"].as_str().unwrap().to_owned()
    }

    /// The id at the end of the location.
    pub(crate) fn id(&self) -> String {
        let location = self.header("location").unwrap();
        location.rsplit('/').next().unwrap().to_owned()
    }

    /// Status and code.
    pub(crate) fn refusal(&self) -> (u16, String) {
        (self.status, self.code())
    }
}

fn config(models: &[(&str, Spec)], settings: impl FnOnce(&mut Config)) -> Config {
    let data = std::env::temp_dir().join(format!("blindsight-http-{}", new_id()));
    let mut config = Config {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        models: data.join("models"),
        data,
        body_pause_seconds: 2,
        models_seconds: 1,
        ..Config::default()
    };
    std::fs::create_dir_all(&config.models).unwrap();
    for (file, spec) in models {
        spec.write(&config.models, file);
    }
    settings(&mut config);
    config
}

/// A service on a folder whose last owner is about to let go: a thread of its HTTP server may end a
/// little after the server.
fn reopened(config: &Config, rows: &Rows) -> Arc<Service> {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        match rows.open(config, fake::reader()) {
            Err(OpenError::Store(StoreError::InUse(_))) if Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(10));
            }
            opened => return opened.unwrap(),
        }
    }
}
