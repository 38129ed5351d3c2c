//! What a server says of a model, checked.

use blindsight_contract::{
    AcceptedContract, AnswerKind, Contract, Key, LARGEST_VALUE, Meaning, Policy, Preparation,
};
use blindsight_session::Session;
use js_sys::Uint8Array;
use serde::Serialize;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::error::{ClientError, Code};
use crate::input;

/// A contract that keeps this module's policy: everything else in here wants one.
#[wasm_bindgen(js_name = Contract)]
#[derive(Debug)]
pub struct ModelContract(AcceptedContract);

#[wasm_bindgen(js_class = Contract)]
impl ModelContract {
    /// Reads a contract, and refuses what a client should not do.
    ///
    /// # Errors
    /// `contract_refused`, with what is wrong in a sentence.
    pub fn parse(bytes: &Uint8Array) -> Result<Self, ClientError> {
        let most = Policy::default().contract_bytes;
        let bytes = input::bytes("the contract", bytes, most, Code::ContractRefused)?;
        Self::accept(&bytes)
    }

    /// What it says: see `Description`.
    ///
    /// # Errors
    /// None that an input could cause.
    pub fn describe(&self) -> Result<JsValue, ClientError> {
        serde_wasm_bindgen::to_value(&self.description())
            .map_err(|error| ClientError::new(Code::WorkerFailed, error))
    }

    /// The frame that an upload of some of its keys begins with, given by their places.
    ///
    /// # Errors
    /// When there are no such keys, one is named twice, or some for exact answers without the others.
    pub fn manifest(&self, places: Vec<u32>) -> Result<Vec<u8>, ClientError> {
        let keys: Vec<Key<'_>> =
            places.iter().map(|&place| self.key(place)).collect::<Result<_, _>>()?;
        let part = self.0.bundle().part(&keys);
        let part = part.map_err(|error| ClientError::new(Code::InvalidArgument, error))?;
        Ok(part.head(self.0.set()))
    }
}

// The package's types are made from this and what it holds: see `typescript.rs`.
/// What JavaScript is told of a model. Hashes are hexadecimal, lengths in bytes.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub(crate) struct Description<'a> {
    id: &'a str,
    title: &'a str,
    /// What an answer tells.
    answer: AnswerKind,
    /// Names of the classes; none of an encoder.
    classes: &'a [String],
    /// How many features an encoder gives; none of a classifier.
    features: Option<usize>,
    /// The most inputs of one request.
    inputs: usize,
    /// SHA-256 of the contract.
    sha256: String,
    /// Names the parameter set.
    scheme: String,
    /// Changes whenever the same seed would give other keys.
    identity: String,
    /// Names the list of keys.
    key_list: String,
    keys: Vec<KeyDescription>,
    /// The length of the manifest of all keys.
    manifest_bytes: f64,
    input: InputDescription,
    request_bytes: f64,
    answer_bytes: f64,
    forecast: ForecastDescription,
}

/// An evaluation key.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
struct KeyDescription {
    /// SHA-256 of what the key is: the same key has the same name in every model of a scheme.
    name: String,
    bytes: f64,
}

/// What a model reads.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
struct InputDescription {
    kind: InputKind,
    /// Channels, rows, columns.
    shape: [usize; 3],
    /// Numbers lie between this and its negative.
    largest: f64,
}

/// What becomes the input of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
enum InputKind {
    /// A picture in colour.
    Photo,
    /// A picture in shades of grey: of one in colour, the luma.
    Grey,
    /// Numbers as they are.
    Tensor,
}

/// What whoever compiled a model expects; nobody has checked that.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
struct ForecastDescription {
    seconds: f64,
    memory_bytes: f64,
    log2_failure: f64,
    score_error: f64,
}

impl ModelContract {
    pub(crate) fn accept(bytes: &[u8]) -> Result<Self, ClientError> {
        Contract::parse(bytes, &Policy::default())
            .map(Self)
            .map_err(|error| ClientError::new(Code::ContractRefused, error))
    }

    pub(crate) fn accepted(&self) -> &AcceptedContract {
        &self.0
    }

    /// The key at a place of the contract's list.
    pub(crate) fn key(&self, place: u32) -> Result<Key<'_>, ClientError> {
        self.0.bundle().key(place as usize).ok_or_else(|| {
            ClientError::new(Code::InvalidArgument, format!("there is no key {place}"))
        })
    }

    fn description(&self) -> Description<'_> {
        let contract = &self.0;
        let (set, forecast) = (contract.set(), contract.forecast());
        let bundle = contract.bundle();
        let keys = bundle
            .keys()
            .map(|key| KeyDescription { name: hex(&key.name()), bytes: key.byte_len(set) as f64 });
        let kind = match (contract.input().preparation(), contract.input().shape()) {
            (Preparation::Tensor, _) => InputKind::Tensor,
            (Preparation::Picture { .. }, [1, ..]) => InputKind::Grey,
            (Preparation::Picture { .. }, _) => InputKind::Photo,
        };
        Description {
            id: contract.id(),
            title: contract.title(),
            answer: contract.tells(),
            classes: contract.classes(),
            features: match contract.meaning() {
                Meaning::Scores { .. } => None,
                Meaning::Features => Some(contract.answer().values()),
            },
            inputs: contract.request().inputs(),
            sha256: hex(&contract.fingerprint()),
            scheme: hex(&set.fingerprint().0),
            identity: hex(&Session::identity(contract)),
            key_list: hex(&bundle.digest(set)),
            keys: keys.collect(),
            manifest_bytes: bundle.head(set).len() as f64,
            input: InputDescription {
                kind,
                shape: contract.input().shape(),
                largest: LARGEST_VALUE,
            },
            request_bytes: contract.request().byte_len(set) as f64,
            answer_bytes: contract.answer().byte_len(set) as f64,
            forecast: ForecastDescription {
                seconds: forecast.seconds,
                memory_bytes: forecast.memory_bytes as f64,
                log2_failure: forecast.log2_failure,
                score_error: forecast.score_error,
            },
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a text cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use blindsight_contract::testing::{batch_sample, sample, sign_sample, slots};
    use blindsight_contract::{InputData, KeyBundle, PreparationData};

    use super::*;

    #[test]
    fn the_description_is_that_of_the_contract() {
        let contract = ModelContract::accept(&sample().to_bytes()).unwrap();
        let description = contract.description();
        assert_eq!((description.id, description.title), ("sample-10", "A sample with ten classes"));
        assert_eq!(
            (description.input.kind, description.input.shape),
            (InputKind::Photo, [3, 32, 32])
        );
        let mut names: Vec<&str> = description.keys.iter().map(|key| key.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 6);
        let hashes = [&description.sha256, &description.scheme, &description.identity];
        for hash in hashes.into_iter().chain([&description.key_list]) {
            assert_eq!(hash.len(), 64);
        }
        assert_ne!(description.identity, description.scheme);
    }

    #[test]
    fn the_description_says_what_the_model_answers() {
        let mut contract = sample();
        let described = |contract: &Contract| {
            let contract = ModelContract::accept(&contract.to_bytes()).unwrap();
            let description = contract.description();
            let keys = description.keys.len();
            (description.answer, description.classes.len(), description.features, keys)
        };
        assert_eq!(described(&contract), (AnswerKind::Scores, 10, None, 6));
        let label = contract.clone().with_label_alone(None);
        assert_eq!(described(&label), (AnswerKind::Label, 10, None, 21));
        contract.classes.clear();
        assert_eq!(described(&contract), (AnswerKind::Features, 0, Some(10), 6));
        assert_eq!(described(&sign_sample()), (AnswerKind::Scores, 10, None, 15));
        let batch = ModelContract::accept(&batch_sample().to_bytes()).unwrap();
        assert_eq!(batch.description().inputs, 1024);
    }

    #[test]
    fn the_description_says_what_the_model_reads() {
        let kind = |channels: u32, preparation| {
            let mut contract = sample();
            contract.input = InputData { shape: [channels, 28, 28], preparation };
            slots(&mut contract).slots.truncate(1);
            slots(&mut contract).slots[0].extent = contract.input.shape;
            let contract = ModelContract::accept(&contract.to_bytes()).unwrap();
            contract.description().input.kind
        };
        let picture = |channels: usize| PreparationData::Picture {
            mean: vec![0.5; channels],
            deviation: vec![0.5; channels],
        };
        assert_eq!(kind(3, picture(3)), InputKind::Photo);
        assert_eq!(kind(1, picture(1)), InputKind::Grey);
        assert_eq!(kind(1, PreparationData::Tensor {}), InputKind::Tensor);
    }

    #[test]
    fn manifests_are_of_any_part() {
        let contract = ModelContract::accept(&sample().to_bytes()).unwrap();
        let set = contract.0.set();
        let whole = contract.manifest((0..6).collect()).unwrap();
        assert_eq!(whole, contract.0.bundle().head(set));
        let part = KeyBundle::from_head(set, &contract.manifest(vec![4, 1]).unwrap());
        assert_eq!(part.unwrap().len(), 2);
        for places in [vec![6], vec![1, 1], vec![u32::MAX]] {
            let refused = contract.manifest(places).unwrap_err();
            assert_eq!(refused.code, Code::InvalidArgument);
        }
    }

    #[test]
    fn refusals_say_why() {
        let mut weak = sample();
        weak.scheme.log2_degree = 14;
        let refused = ModelContract::accept(&weak.to_bytes()).unwrap_err();
        assert_eq!(refused.code, Code::ContractRefused);
        assert!(refused.message.contains("128 bits of security"), "{refused}");
    }
}
