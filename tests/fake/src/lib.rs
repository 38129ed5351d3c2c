//! Models without cryptography, whose requests say how they behave. Their contracts and lists of
//! keys are real, under a parameter set as small as can be. The service's tests run them, and the
//! fleet's nodes.

// Whatever does not fit fails the test that brought it.
#![allow(clippy::missing_panics_doc, clippy::panic)]

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use blindsight_ckks::evaluation_key::{EvaluationKey, SeededKey};
use blindsight_ckks::keys::{KeyKind, KeyLayout, KeyList, KeySpec};
use blindsight_ckks::parameters::{Literal, Parameters};
use blindsight_ckks::wire::frame::{ObjectKind, WireError};
use blindsight_ckks::wire::{KeySetManifest, ReadError};
use blindsight_contract::{
    AcceptedContract, AnswerData, AnswerForm, AnswerKind, BoxData, Contract, Forecast, InputData,
    KeyBundle, KeyData, Policy, PreparationData, RequestData, RequestForm, SchemeData, VERSION,
};
use blindsight_evaluator::models::{
    Description, ExpandError, ExpandedKeys, FrameError, LoadedModel, Parse, RequestError, RunError,
    RunKeys, ServedFile, ServedModel,
};
use blindsight_evaluator::shelf::Weight;
use blindsight_ring::GaloisElement;
use blindsight_ring::sampling::Seed;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Steps of a run.
pub const STEPS: usize = 5;

/// What all loaded models share.
pub const SHARED_BYTES: u64 = 1000;

/// What stands in a file of such a model.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Spec {
    /// Its name.
    pub id: String,
    /// Its title for people.
    pub title: String,
    /// Slots and level of rotations that have keys.
    pub keys: Vec<(i64, usize)>,
    /// Whether its parameter set is another one.
    pub foreign: bool,
    /// What it weighs when it is loaded.
    pub loaded_bytes: u64,
    /// Ends the answers, if there is one.
    pub mark: Option<u8>,
}

impl Spec {
    /// A model with this name and these keys.
    pub fn new(id: &str, keys: &[(i64, usize)]) -> Self {
        Self {
            id: id.to_owned(),
            title: format!("The model {id}"),
            keys: keys.to_vec(),
            foreign: false,
            loaded_bytes: 100,
            mark: None,
        }
    }

    /// The model that most tests use.
    pub fn fake() -> Self {
        Self::new("fake", &[(1, 1), (1, 2), (2, 1)])
    }

    /// One whose bundle makes several parts that are not small.
    pub fn wide() -> Self {
        let keys: Vec<(i64, usize)> = (1..=36).map(|steps| (steps, 1)).collect();
        Self::new("wide", &keys)
    }

    /// Puts the file into a folder.
    pub fn write(&self, folder: &Path, file: &str) {
        let bytes = serde_json::to_vec(self).expect("it is plain data");
        std::fs::write(folder.join(file), bytes).expect("the folder can be written to");
    }

    fn set(&self) -> Parameters {
        let mut narrow_special = vec![5_767_169, 7_340_033];
        if self.foreign {
            narrow_special.reverse();
        }
        let literal = Literal {
            log_degree: 12,
            chain: vec![40_961, 65_537],
            wide_special: vec![],
            narrow_special,
            sparse_weight: None,
        };
        Parameters::new(literal).expect("the set is valid")
    }

    /// The keys that it needs.
    pub fn list(&self) -> KeyList {
        let set = self.set();
        let spec = |&(steps, level): &(i64, usize)| {
            let kind = KeyKind::Automorphism(GaloisElement::rotation(steps, set.degree()));
            let layout = KeyLayout::balanced(&set, level, 1).expect("the set has this level");
            KeySpec::new(&set, kind, layout).expect("the set has such keys")
        };
        KeyList::new(self.keys.iter().map(spec).collect()).expect("no key is there twice")
    }

    fn contract(&self) -> Contract {
        let set = self.set();
        Contract {
            blindsight_contract: VERSION,
            id: self.id.clone(),
            title: self.title.clone(),
            classes: vec!["one".to_owned(), "two".to_owned()],
            input: InputData { shape: [1, 1, 2], preparation: PreparationData::Tensor {} },
            scheme: SchemeData::of(set.literal()),
            keys: self.list().specs().iter().map(KeyData::of).collect(),
            request: RequestForm::Slots(RequestData {
                level: 1,
                scale: 64.0,
                ciphertexts: 1,
                inputs: 1,
                slots: vec![BoxData {
                    from: [0; 3],
                    extent: [1, 1, 2],
                    slot: 0,
                    strides: [0, 0, 1],
                }],
            }),
            answer: AnswerForm::Compact(AnswerData {
                log2_modulus: 12,
                period: 2,
                scale: 16.0,
                unit: 1.0,
                slots: vec![0, 1],
            }),
            forecast: Forecast {
                seconds: 1.5,
                memory_bytes: 1000,
                log2_failure: -40.0,
                score_error: 0.01,
            },
        }
    }

    /// Where the frames of the bundle of all keys start.
    pub fn frame_starts(&self) -> Vec<usize> {
        let lengths = lengths(&self.set(), &self.list()).into_iter();
        lengths.scan(0, |end, length| Some(std::mem::replace(end, *end + length))).collect()
    }

    /// The bytes of the bundle of some of the keys; bundles with different salts differ.
    pub fn bundle(&self, of: impl Fn(&KeySpec) -> bool, salt: u8) -> Vec<u8> {
        let specs = self.list().specs().iter().filter(|spec| of(spec)).cloned().collect();
        let list = KeyList::new(specs).expect("no key is there twice");
        bundle_of(&self.set(), &list, salt)
    }
}

fn lengths(set: &Parameters, list: &KeyList) -> Vec<usize> {
    let manifest = KeySetManifest::new(set, list);
    let keys = manifest.entries().iter().map(|entry| entry.byte_len as usize);
    std::iter::once(manifest.to_bytes(set).len()).chain(keys).collect()
}

fn bundle_of(set: &Parameters, list: &KeyList, salt: u8) -> Vec<u8> {
    let markers = std::iter::once(0).chain(list.specs().iter().map(marker));
    let frames = lengths(set, list).into_iter().zip(markers).map(|(length, marker)| {
        let mut frame = vec![salt; length];
        frame[0] = marker;
        frame
    });
    frames.flatten().collect()
}

/// The first byte of a key's frame, in place of all that a real key says.
fn marker(spec: &KeySpec) -> u8 {
    match spec.kind() {
        KeyKind::Automorphism(element) => {
            (16 * spec.level()) as u8 + (element.exponent() % 16) as u8
        }
        kind => panic!("there are no keys {kind:?} here"),
    }
}

/// Lengths of manifest and keys of the usual model.
pub fn frames() -> Vec<usize> {
    let spec = Spec::fake();
    lengths(&spec.set(), &spec.list())
}

/// The bytes of a whole bundle of the usual model.
pub fn bundle(salt: u8) -> Vec<u8> {
    Spec::fake().bundle(|_| true, salt)
}

/// What the keys of the usual model weigh when they are expanded.
pub fn expanded_bytes() -> u64 {
    let spec = Spec::fake();
    let (set, list) = (spec.set(), spec.list());
    let bytes = list.specs().iter().map(|spec| EvaluationKey::expanded_byte_len(&set, spec) as u64);
    bytes.sum()
}

/// The length of a request.
pub const REQUEST_BYTES: usize = 51 + 2 + 8 + 32 + 4096 * 16 / 8;

/// What a run does at its third step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// Nothing.
    Works = 0,
    /// It panics.
    Panics = 1,
    /// It ends without an answer.
    Fails = 2,
}

/// A request for a run that takes so many milliseconds a step.
pub fn request(step_ms: u8, behaviour: Behaviour) -> Vec<u8> {
    let mut request = vec![7; REQUEST_BYTES];
    request[..3].copy_from_slice(&[b'R', step_ms, behaviour as u8]);
    request
}

/// What the run of a request gives.
pub fn answer(request: &[u8]) -> Vec<u8> {
    request.iter().rev().copied().collect()
}

/// Reads files of such models.
pub fn reader() -> Parse {
    Box::new(|bytes| match FakeModel::parse(bytes) {
        Ok(model) => Ok(ServedFile::one(Arc::new(model))),
        Err(error) => Err(error),
    })
}

struct FakeModel {
    spec: Spec,
    contract: Arc<AcceptedContract>,
    description: Description,
}

impl FakeModel {
    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let spec: Spec = serde_json::from_slice(bytes).map_err(|_| "this is no compiled model")?;
        let bytes = spec.contract().to_bytes();
        let contract = Contract::parse(&bytes, &Policy::default()).map_err(|e| e.to_string())?;
        let contract = Arc::new(contract);
        // As that of a real file, which a mark changes too.
        let fingerprint =
            Sha256::digest(serde_json::to_vec(&spec).expect("it is plain data")).into();
        let description = Description::new(
            contract.clone(),
            bytes.into(),
            fingerprint,
            STEPS as u32,
            spec.loaded_bytes,
        );
        assert_eq!(description.request_bytes(), REQUEST_BYTES as u64);
        Ok(Self { spec, contract, description })
    }
}

impl ServedModel for FakeModel {
    fn description(&self) -> &Description {
        &self.description
    }

    fn check_frame(&self, keys: &KeyBundle, frame: usize, bytes: &[u8]) -> Result<(), FrameError> {
        let keys = keys.scheme();
        assert_eq!(bytes.len(), lengths(self.contract.set(), keys)[frame]);
        let expected = frame.checked_sub(1).map_or(0, |key| marker(&keys.specs()[key]));
        match bytes[0] {
            found if found == expected => Ok(()),
            0xFF => {
                let (expected, found) = (ObjectKind::EvaluationKey, ObjectKind::SecretKey);
                Err(ReadError::Frame(WireError::Kind { expected, found }).into())
            }
            _ => Err(ReadError::OtherKey.into()),
        }
    }

    fn check_request(&self, bytes: &[u8]) -> Result<(), RequestError> {
        match bytes {
            [b'R', ..] if bytes.len() == REQUEST_BYTES => Ok(()),
            [b'R', ..] => {
                let (needed, found) = (REQUEST_BYTES as u64, bytes.len());
                Err(ReadError::from(WireError::Truncated { needed, found }).into())
            }
            _ => Err(ReadError::from(WireError::Checksum).into()),
        }
    }

    fn expand(
        &self,
        keys: &KeyBundle,
        read: &mut dyn FnMut(usize) -> Result<Bytes, ExpandError>,
    ) -> Result<ExpandedKeys, ExpandError> {
        let (set, keys) = (self.contract.set(), keys.scheme());
        let lengths = lengths(set, keys);
        let mut expanded = Vec::new();
        for (index, spec) in keys.specs().iter().enumerate() {
            let bytes = read(index + 1)?;
            assert_eq!((bytes.len(), bytes[0]), (lengths[index + 1], marker(spec)));
            // A key of which nothing is there but its name.
            let (spec, seed, rows) = (spec.clone(), Seed::from_bytes([0; 32]), vec![]);
            expanded.push(Arc::new(EvaluationKey::expand(set, SeededKey { spec, seed, rows })));
        }
        Ok(ExpandedKeys::of_scheme(expanded))
    }

    fn load(&self) -> Result<Arc<dyn LoadedModel>, String> {
        Ok(Arc::new(Loaded { spec: self.spec.clone(), contract: self.contract.clone() }))
    }
}

struct Loaded {
    spec: Spec,
    contract: Arc<AcceptedContract>,
}

impl LoadedModel for Loaded {
    fn weight(&self) -> Weight {
        Weight { bytes: self.spec.loaded_bytes, shared: Some((1, SHARED_BYTES)) }
    }

    fn run(
        &self,
        _: AnswerKind,
        keys: &RunKeys,
        request: &[u8],
        progress: &mut (dyn FnMut(usize, usize) -> ControlFlow<()> + Send),
    ) -> Result<Vec<u8>, RunError> {
        assert_eq!(keys.scheme.first_missing(self.contract.keys()), None);
        for step in 0..STEPS {
            if progress(step, STEPS).is_break() {
                return Err(RunError::Cancelled);
            }
            std::thread::sleep(Duration::from_millis(request[1].into()));
            match request[2] {
                1 if step == 2 => panic!("this is what the request asked for"),
                2 if step == 2 => return Err(RunError::Failed("it cannot be done".to_owned())),
                _ => {}
            }
        }
        let _ = progress(STEPS, STEPS);
        let mut answer = answer(request);
        answer.extend(self.spec.mark);
        Ok(answer)
    }
}
