//! The service on a real, if very small, compiled model: a rotation and a rescale.

use std::path::Path;
use std::sync::Arc;

use blindsight_ckks::ciphertext::SeededCiphertext;
use blindsight_ckks::evaluation_key::SeededKey;
use blindsight_ckks::keys::{KeyList, KeySpec};
use blindsight_ckks::parameters::{Literal, Parameters};
use blindsight_ckks::response::CompactCiphertext;
use blindsight_ckks::wire::KeySetManifest;
use blindsight_ckks_eval::bootstrap::BootstrapLiteral;
use blindsight_contract::{
    AnswerData, AnswerForm, BoxData, Contract, Forecast, InputData, KeyData, Policy,
    PreparationData, RequestData, RequestForm, SchemeData, VERSION,
};
use blindsight_engine::{Bundle, Operation, Program, Step, ValueType};
use blindsight_evaluator::models::{Answers, CompiledModel};
use blindsight_ring::Poly;
use blindsight_ring::sampling::Seed;

use crate::server::Server;

const REQUEST: ValueType = ValueType { level: 2, scale: 1_073_741_824.0 };
const LAST_SCALE: f64 = 1_048_576.0;
const SEED: Seed = Seed::from_bytes([9; 32]);

pub(crate) struct Real {
    set: Arc<Parameters>,
    keys: KeyList,
    file: Vec<u8>,
    contract: Contract,
}

impl Real {
    /// A model that rotates by so many slots.
    fn new(id: &str, steps: i64) -> Self {
        Self::with_classes(id, steps, &["one"])
    }

    /// The same with these classes, at most four.
    pub(crate) fn with_classes(id: &str, steps: i64, classes: &[&str]) -> Self {
        let set = Arc::new(Parameters::new(Literal::bootstrapped_2_15()).unwrap());
        let rotate = Operation::Rotate { input: 0, steps };
        let rescale = Operation::Rescale { input: 1, level: 1, scale: LAST_SCALE };
        let program = Program {
            bootstrap: Some(BootstrapLiteral::degree_15()),
            polynomials: Vec::new(),
            steps: vec![
                Step { operation: rotate, layer: 0 },
                Step { operation: rescale, layer: 1 },
            ],
            transforms: vec![],
            plaintexts: vec![],
            activations: vec![],
        };
        let keys = program.check(&set, REQUEST).unwrap().keys;
        let modulus: f64 = 1_048_576.0;
        let contract = Contract {
            blindsight_contract: VERSION,
            id: id.to_owned(),
            title: format!("Rotates by {steps}"),
            classes: classes.iter().map(|&class| class.to_owned()).collect(),
            input: InputData { shape: [1, 1, 1], preparation: PreparationData::Tensor {} },
            scheme: SchemeData::of(set.literal()),
            keys: keys.specs().iter().map(KeyData::of).collect(),
            request: RequestForm::Slots(RequestData {
                level: REQUEST.level as u32,
                scale: REQUEST.scale,
                ciphertexts: 1,
                inputs: 1,
                slots: vec![BoxData { from: [0; 3], extent: [1; 3], slot: 0, strides: [0; 3] }],
            }),
            answer: AnswerForm::Compact(AnswerData {
                log2_modulus: 20,
                period: 4,
                scale: LAST_SCALE * modulus / set.prime(1),
                unit: 1.0,
                slots: (0..classes.len() as u32).collect(),
            }),
            forecast: Forecast {
                seconds: 0.1,
                memory_bytes: 0,
                log2_failure: -50.0,
                score_error: 0.0,
            },
        };
        let file = Bundle::write(&contract, &program, 50_000_000).unwrap();
        Self { set, keys, file, contract }
    }

    pub(crate) fn write(&self, folder: &Path) {
        std::fs::write(folder.join(format!("{}.bs", self.contract.id)), &self.file).unwrap();
    }

    fn head(&self) -> Vec<u8> {
        KeySetManifest::new(&self.set, &self.keys).to_bytes(&self.set)
    }

    /// The length of what stands before the keys of an upload.
    pub(crate) fn head_bytes(&self) -> usize {
        self.head().len()
    }

    pub(crate) fn bundle(&self) -> Vec<u8> {
        let mut bytes = self.head();
        bytes.extend(self.key_frames().concat());
        bytes
    }

    pub(crate) fn contract(&self) -> &Contract {
        &self.contract
    }

    /// Keys without any secret: what they switch becomes noise.
    fn key_frames(&self) -> Vec<Vec<u8>> {
        let frame = |spec: &KeySpec| {
            let basis = spec.basis(&self.set);
            let rows = spec.layout().digits.iter().map(|_| Poly::zero(&basis)).collect();
            SeededKey { spec: spec.clone(), seed: SEED, rows }.to_bytes(&self.set)
        };
        self.keys.specs().iter().map(frame).collect()
    }

    pub(crate) fn request(&self) -> Vec<u8> {
        let c0 = Poly::zero(&self.set.modulus(REQUEST.level));
        SeededCiphertext { c0, seed: SEED, scale: REQUEST.scale }.to_bytes(&self.set)
    }
}

#[test]
fn compiled_models_are_loaded_run_and_dropped() {
    let models = [Real::new("left", 1), Real::new("far", 5)];
    let data = std::env::temp_dir().join(format!("blindsight-real-{}", std::process::id()));
    let config = blindsight_evaluator::config::Config {
        listen: std::net::SocketAddr::from(([127, 0, 0, 1], 0)),
        models: data.join("models"),
        data,
        preload: vec!["none".to_owned()],
        // Room for the matrices that both share, and for one of them being loaded.
        model_memory: 60_000_000,
        ..Default::default()
    };
    std::fs::create_dir_all(&config.models).unwrap();
    for model in &models {
        model.write(&config.models);
    }
    let server = Server::start_with(config, CompiledModel::reader(Answers::default()));
    let listed = server.send("GET", "/v1/models", &[], &[]).json();
    assert_eq!(listed["broken"], serde_json::json!([]));
    assert_eq!(listed["models"][1]["request_bytes"], models[0].request().len());
    let left = server.send("GET", "/v1/models/left/contract", &[], &[]);
    let accepted = Contract::parse(&left.body, &Policy::default()).unwrap();
    assert_eq!((accepted.id(), left.body), ("left", models[0].contract.to_bytes()));

    let first = server.keys_beside(("left", ""), &models[0].bundle(), None);
    let capability = Some(first.capability.as_str());
    let second = server.keys_beside(("far", &first.id), &models[1].bundle(), capability);
    for (model, keys, with) in [
        (&models[0], &first, String::new()),
        (&models[1], &second, format!("&with={}", first.id)),
        (&models[0], &second, format!("&with={}", first.id)),
    ] {
        let query = format!("?model={}{with}", model.contract.id);
        let submitted = server.submit_to(keys, &query, &model.request(), &[]);
        assert_eq!(submitted.status, 202, "{}", submitted.text());
        let job = submitted.header("location").unwrap();
        let ended = server.end(keys, &job);
        assert_eq!((&ended["state"], &ended["steps"]), (&"done".into(), &2.into()), "{ended}");
        let result = server.get(&format!("{job}/result"), &keys.capability).body;
        let expected = accepted.answer().compact().unwrap().expected();
        assert!(CompactCiphertext::from_bytes(&model.set, &result, &expected).is_ok());
    }
    let refused = server.submit_to(&second, "?model=left", &models[0].request(), &[]);
    assert_eq!(refused.refusal(), (422, "keys_do_not_fit".to_owned()));
    let mut damaged = models[0].request();
    damaged[500] ^= 1;
    let refused = server.submit_to(&first, "?model=left", &damaged, &[]);
    assert_eq!(refused.refusal(), (422, "damaged".to_owned()));
    let mut wrong = models[1].bundle();
    let length = wrong.len();
    wrong[length - 1] ^= 0x80;
    let created = server.create_beside(("far", ""), length, capability);
    let keys = crate::server::Keys { id: created.id(), capability: first.capability.clone() };
    assert_eq!(server.append(&keys, 0, &wrong, &[]).refusal(), (422, "damaged".to_owned()));
    let metrics = server.send("GET", "/metrics", &[], &[]).text();
    assert!(metrics.contains("blindsight_model_loads_total{model=\"left\"}"), "{metrics}");
}

#[test]
fn one_request_is_answered_from_files() {
    let model = Real::new("files", 3);
    let folder = std::env::temp_dir().join(format!("blindsight-answer-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("keys")).unwrap();
    model.write(&folder);
    for (index, bytes) in model.key_frames().into_iter().enumerate() {
        std::fs::write(folder.join(format!("keys/{index}.key")), bytes).unwrap();
    }
    std::fs::write(folder.join("request"), model.request()).unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_blindsight-evaluator"))
        .current_dir(&folder)
        .args(["answer", "--model", "files.bs", "--keys", "keys"])
        .args(["--request", "request", "--answer", "answer"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["model"], "files");
    assert!(report["bytes"]["expanded_keys"].as_u64().unwrap() > 0, "{report}");
    let accepted = Contract::parse(&model.contract.to_bytes(), &Policy::default()).unwrap();
    let answer = std::fs::read(folder.join("answer")).unwrap();
    let expected = accepted.answer().compact().unwrap().expected();
    assert!(CompactCiphertext::from_bytes(&model.set, &answer, &expected).is_ok());
    std::fs::remove_dir_all(&folder).unwrap();
}
