//! A server with a model of this repository, and a client with seeded randomness.

use std::sync::LazyLock;

use blindsight_ckks::ciphertext::Ciphertext;
use blindsight_ckks_client::{ClientSeed, KeyFamily, decrypt};
use blindsight_compiler::residual::lowering::Lowered;
use blindsight_compiler::residual::packing::{Layout, ROW_SLOTS, SLOTS};
use blindsight_contract::AcceptedContract;
use blindsight_engine::{Engine, KeySet, Model};
use blindsight_model::calibration::Calibration;
use blindsight_model::graph::Graph;
use blindsight_model::model::Model as Weights;
use blindsight_model::tensor::{Shape, Tensor};
use blindsight_session::Session;
use blindsight_tests::client::{self, bundle_of, rng};
use blindsight_tests::{api, repository};

/// The server's side.
pub(crate) fn model() -> &'static Model {
    static MODEL: LazyLock<Model> =
        LazyLock::new(|| Engine::default().load(&bundle_of(api::MODEL)).unwrap());
    &MODEL
}

pub(crate) fn contract() -> &'static AcceptedContract {
    client::contract()
}

/// The network that the model was compiled from.
pub(crate) fn graph() -> &'static Graph {
    static GRAPH: LazyLock<Graph> = LazyLock::new(|| {
        Weights::from_safetensors(&read("resnet20.safetensors")).unwrap().graph().clone()
    });
    &GRAPH
}

/// The network in the units of the program.
pub(crate) fn lowered() -> &'static Lowered {
    static LOWERED: LazyLock<Lowered> = LazyLock::new(|| {
        let calibration = Calibration::from_json(&read("resnet20.calibration.json")).unwrap();
        Lowered::new(graph(), &calibration).unwrap()
    });
    &LOWERED
}

fn read(name: &str) -> Vec<u8> {
    std::fs::read(repository().join("models").join(name)).unwrap()
}

/// The client's side, and the keys that the server read from the client's bytes.
pub(crate) struct Client {
    pub(crate) session: Session,
    pub(crate) family: KeyFamily,
    pub(crate) keys: KeySet,
}

pub(crate) fn client() -> &'static Client {
    static CLIENT: LazyLock<Client> = LazyLock::new(|| {
        let seed = || ClientSeed::from_bytes(&[1; 32]);
        let session = Session::new(contract(), &seed());
        let family = KeyFamily::new(contract().set(), &seed());
        let mut keys = KeySet::default();
        for spec in contract().keys().specs() {
            let bytes = session.evaluation_key(spec).unwrap();
            keys.insert(Model::read_key(contract(), spec, &bytes).unwrap());
        }
        assert!(keys.first_missing(contract().keys()).is_none());
        Client { session, family, keys }
    });
    &CLIENT
}

impl Client {
    /// The bytes of a request.
    pub(crate) fn request(&self, picture: &Tensor, seed: u8) -> Vec<u8> {
        self.session.encrypt(contract(), picture.values(), &mut rng(seed)).unwrap()
    }

    /// What an answer's bytes say.
    pub(crate) fn scores(&self, answer: &[u8]) -> Vec<f64> {
        self.session.decrypt(contract(), answer).unwrap().to_vec()
    }

    /// Every copy of a feature map that stands in a ciphertext between bootstraps.
    pub(crate) fn feature_maps(&self, c: &Ciphertext, shape: Shape) -> Vec<Tensor> {
        let slots = decrypt(contract().set(), self.family.secret(), c);
        let layout = Layout::of(shape).unwrap();
        let shift = model().steps().unwrap().scheme().circuit().bootstrap().unwrap().slot_shift();
        let copy = |copy: usize| {
            let mut map = Tensor::zeros(shape);
            for (channel, plane) in map.planes_mut().enumerate() {
                for (at, value) in plane.iter_mut().enumerate() {
                    let (row, column) = (at / shape.width(), at % shape.width());
                    let slot = layout.slot(channel, row, column) + copy * ROW_SLOTS;
                    *value = slots[(slot + SLOTS - shift) % SLOTS].re as f32;
                }
            }
            map
        };
        (0..layout.copies()).map(copy).collect()
    }
}

/// A sample picture as the network reads it.
pub(crate) fn sample(name: &str) -> Tensor {
    client::input(contract(), name)
}
