//! A client with seeded randomness, which knows of the server only what it says over HTTP.

use std::path::Path;
use std::sync::Arc;

use blindsight_ckks::encoding::Complex64;
use blindsight_ckks::parameters::Parameters;
use blindsight_ckks::response::CompactCiphertext;
use blindsight_ckks::wire::KeySetManifest;
use blindsight_ckks_client::{KeyGenerator, SecretKey, SecretRng, decrypt_response, encrypt};
use blindsight_model::classes::Scores;
use blindsight_model::metadata::Normalisation;
use blindsight_model::packing::{answer_format, pack_picture, request_format};
use blindsight_model::picture::Picture32;
use serde_json::Value;
use ureq::http::{Request, Response};
use ureq::{Agent, Body};

/// A client of one server.
pub(crate) struct Client {
    agent: Agent,
    url: String,
    set: Arc<Parameters>,
    secret: SecretKey,
    model: Value,
    capability: Option<String>,
}

/// A request's headers.
pub(crate) type Headers<'a> = &'a [(&'a str, &'a str)];

impl Client {
    pub(crate) fn connect(url: &str) -> Self {
        let config = Agent::config_builder().http_status_as_error(false).build();
        let set = Arc::new(Parameters::degree_15().unwrap());
        let secret = SecretKey::generate(&set, &mut rng(1));
        let (agent, url, model) = (Agent::new_with_config(config), url.to_owned(), Value::Null);
        let mut client = Self { agent, url, set, secret, model, capability: None };
        let models = json(client.send("GET", "/v1/models", &[], &[]));
        client.model = models["models"][0].clone();
        client
    }

    pub(crate) fn model(&self) -> &Value {
        &self.model
    }

    /// All evaluation keys as they are uploaded.
    pub(crate) fn bundle(&self) -> Vec<Vec<u8>> {
        let manifest = KeySetManifest::new(&self.set).to_bytes(&self.set);
        let mut rng = rng(2);
        let keys = KeyGenerator::new(&self.set, &self.secret, &mut rng);
        std::iter::once(manifest).chain(keys.map(|key| key.to_bytes(&self.set))).collect()
    }

    /// Uploads keys, one a request, and returns the key set's id.
    pub(crate) fn upload(&mut self, bundle: &[Vec<u8>]) -> String {
        let length: usize = bundle.iter().map(Vec::len).sum();
        let created = self.send(
            "POST",
            "/v1/uploads",
            &[
                ("Tus-Resumable", "1.0.0"),
                ("Upload-Length", &length.to_string()),
                // The model's name in base64.
                ("Upload-Metadata", "model cmVzbmV0MjAtcmVsdS1jaWZhcjEw"),
            ],
            &[],
        );
        assert_eq!(created.status(), 201);
        self.capability = Some(header(&created, "Blindsight-Capability").unwrap());
        let location = header(&created, "Location").unwrap();
        let mut offset = 0;
        let mut keys = None;
        for frame in bundle {
            let headers = [
                ("Tus-Resumable", "1.0.0"),
                ("Content-Type", "application/offset+octet-stream"),
                ("Upload-Offset", &offset.to_string()),
            ];
            let appended = self.send("PATCH", &location, &headers, frame);
            assert_eq!(appended.status(), 204);
            offset += frame.len();
            assert_eq!(header(&appended, "Upload-Offset"), Some(offset.to_string()));
            keys = header(&appended, "Blindsight-Keys");
        }
        keys.unwrap()
    }

    /// An encrypted picture.
    pub(crate) fn request(&self, sample: &str) -> Vec<u8> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../samples").join(sample);
        let picture = Picture32::decode(&std::fs::read(path).unwrap()).unwrap();
        let triple = |name: &str| -> [f32; 3] {
            let values = self.model["normalisation"][name].as_array().unwrap();
            let values: Vec<f32> = values.iter().map(|x| x.as_f64().unwrap() as f32).collect();
            values.try_into().unwrap()
        };
        let normalisation = Normalisation::new(triple("mean"), triple("std")).unwrap();
        let format = request_format(&self.set);
        let slots = pack_picture(&picture.normalise(&normalisation), format.shift).unwrap();
        let slots: Vec<Complex64> = slots.iter().map(|&x| Complex64::new(x, 0.0)).collect();
        let (scale, level) = (format.scale, format.level);
        let request = encrypt(&self.set, &self.secret, &slots, scale, level, &mut rng(3));
        request.unwrap().to_bytes(&self.set)
    }

    /// The name of the class that an answer means.
    pub(crate) fn label(&self, answer: &[u8]) -> String {
        let answer = CompactCiphertext::from_bytes(&self.set, answer, &answer_format(&self.set));
        let slots = decrypt_response(&self.set, &self.secret, &answer.unwrap());
        let bound = self.model["score_bound"].as_f64().unwrap();
        let scores: Vec<f64> = slots.iter().take(10).map(|z| z.re * bound).collect();
        let best = Scores::new(scores.try_into().unwrap()).best().index();
        self.model["classes"][best].as_str().unwrap().to_owned()
    }

    /// Sends a request with the capability, if there is one.
    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        headers: Headers<'_>,
        body: &[u8],
    ) -> Response<Body> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.url));
        if let Some(capability) = &self.capability {
            request = request.header("Blindsight-Capability", capability);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if matches!(method, "POST" | "PATCH") {
            self.agent.run(request.body(body).unwrap()).unwrap()
        } else {
            self.agent.run(request.body(()).unwrap()).unwrap()
        }
    }
}

pub(crate) fn header(response: &Response<Body>, name: &str) -> Option<String> {
    response.headers().get(name).map(|value| value.to_str().unwrap().to_owned())
}

pub(crate) fn bytes(mut response: Response<Body>) -> Vec<u8> {
    response.body_mut().read_to_vec().unwrap()
}

pub(crate) fn json(response: Response<Body>) -> Value {
    serde_json::from_slice(&bytes(response)).unwrap()
}

fn rng(seed: u8) -> SecretRng {
    SecretRng::from_key([seed; 32])
}
