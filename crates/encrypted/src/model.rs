//! A network with keys, ready for encrypted inputs.

use std::ops::ControlFlow;

use blindsight_compiler::{Candidate, Description, Goal, InputRule, Wishes, compile};
use blindsight_contract::AcceptedContract;
use blindsight_engine::{Bundle, BundleLimits, Engine, Model};
use blindsight_model::calibration::{Margins, calibrate_inputs};
use blindsight_model::fingerprint::Fingerprint;
use blindsight_model::graph::Graph;
use blindsight_model::plain::PlainNetwork;
use blindsight_model::sequential::TrainedNetwork;
use blindsight_model::tensor::Tensor;

use crate::client::{Client, Keys};
use crate::error::EncryptedError;

/// What becomes ready for encrypted inputs.
pub trait Plan {
    /// Compiles the network for what it is to be good at, and makes keys. The inputs tell where its
    /// values lie: some hundreds, of the kind that will be classified.
    ///
    /// # Errors
    /// [`EncryptedError`] when there are no inputs, one does not fit, or the network cannot be run
    /// encrypted. Nothing is made then, no key either.
    fn plan(&self, goal: Goal, inputs: &[Tensor]) -> Result<EncryptedModel, EncryptedError>;
}

impl Plan for TrainedNetwork {
    fn plan(&self, goal: Goal, inputs: &[Tensor]) -> Result<EncryptedModel, EncryptedError> {
        let (graph, about) = (self.graph(), self.about());
        let scores = graph.shape(graph.output()).elements();
        let classes = match about.classes.is_empty() {
            true => (0..scores).map(|class| class.to_string()).collect(),
            false => about.classes.clone(),
        };
        let input = match &about.normalisation {
            Some(numbers) => InputRule::Picture {
                mean: numbers.mean.clone(),
                deviation: numbers.deviation.clone(),
            },
            None => InputRule::Tensor,
        };
        let title = about.title.clone().unwrap_or_else(|| "A network".to_owned());
        let description = Description { id: "network".to_owned(), title, classes, input };
        let wishes = Wishes { goal, ..Wishes::default() };
        EncryptedModel::compile(graph, self.fingerprint(), &description, wishes, inputs)
    }
}

/// A compiled model and a client with keys for it.
#[derive(Debug)]
pub struct EncryptedModel {
    pub(crate) plain: PlainNetwork,
    model: Model,
    client: Client,
    keys: Keys,
    candidates: Vec<Candidate>,
}

/// Encrypted inputs, as they travel.
#[derive(Debug, Clone)]
pub struct Request {
    bytes: Vec<u8>,
    inputs: usize,
}

/// Encrypted scores, as they travel.
#[derive(Debug, Clone)]
pub struct Answer {
    bytes: Vec<u8>,
    inputs: usize,
}

impl EncryptedModel {
    /// Compiles a network without batch normalisations; see [`Plan::plan`].
    ///
    /// # Errors
    /// As [`Plan::plan`].
    pub fn compile(
        graph: &Graph,
        fingerprint: Fingerprint,
        description: &Description,
        wishes: Wishes,
        inputs: &[Tensor],
    ) -> Result<Self, EncryptedError> {
        check_inputs(graph, inputs.iter())?;
        let go_on = |_| ControlFlow::Continue(());
        let margins = Margins::default();
        let (calibration, _) = calibrate_inputs(graph, fingerprint, inputs, &margins, go_on)?;
        let compiled = compile(graph, &calibration, description, inputs, wishes)?;
        let bundle = Bundle::parse(&compiled.to_bytes()?, &BundleLimits::default())?;
        let model = Self::load(&bundle, graph.clone())?;
        Ok(Self { candidates: compiled.candidates, ..model })
    }

    /// A model that was compiled, with the network that it was compiled from.
    ///
    /// # Errors
    /// [`EncryptedError`] when the model cannot be made ready.
    pub fn load(bundle: &Bundle, graph: Graph) -> Result<Self, EncryptedError> {
        let model = Engine::default().load(bundle)?;
        let client = Client::new(model.contract())?;
        let keys = client.register(model.contract())?;
        let plain = PlainNetwork::new(graph);
        Ok(Self { plain, model, client, keys, candidates: Vec::new() })
    }

    /// What a client knows of the model.
    #[must_use]
    pub fn contract(&self) -> &AcceptedContract {
        self.model.contract()
    }

    /// The ways to run it that were considered; none of a model that was loaded.
    #[must_use]
    pub fn candidates(&self) -> &[Candidate] {
        &self.candidates
    }

    /// What a client sends of its keys, in bytes.
    #[must_use]
    pub const fn key_bytes(&self) -> usize {
        self.keys.bytes
    }

    /// How many inputs a request holds.
    #[must_use]
    pub fn most_inputs(&self) -> usize {
        self.contract().request().inputs()
    }

    /// Encrypts inputs, up to [`EncryptedModel::most_inputs`]: the client's part.
    ///
    /// # Errors
    /// [`EncryptedError`] when there are none or too many, or one does not fit: its index is named.
    pub fn encrypt(&mut self, inputs: &[Tensor]) -> Result<Request, EncryptedError> {
        self.encrypt_all(inputs.iter())
    }

    pub(crate) fn encrypt_all<'a>(
        &mut self,
        inputs: impl ExactSizeIterator<Item = &'a Tensor> + Clone,
    ) -> Result<Request, EncryptedError> {
        check_inputs(self.plain.graph(), inputs.clone())?;
        let (found, most) = (inputs.len(), self.most_inputs());
        if found > most {
            return Err(EncryptedError::TooMany { found, most });
        }
        let values: Vec<f32> = inputs.flat_map(Tensor::values).copied().collect();
        let bytes = self.client.encrypt(self.model.contract(), &values)?;
        Ok(Request { bytes, inputs: found })
    }

    /// Runs the network on encrypted inputs: the evaluator's part, which knows no secret.
    ///
    /// # Errors
    /// [`EncryptedError`] when the request is no request for this model.
    pub fn predict_encrypted(&self, request: &Request) -> Result<Answer, EncryptedError> {
        let bytes = self.keys.evaluate(&self.model, &request.bytes, &mut ())?;
        Ok(Answer { bytes, inputs: request.inputs })
    }

    /// Decrypts the scores, one list for each input: the client's part.
    ///
    /// # Errors
    /// [`EncryptedError`] when the answer is no answer of this model.
    pub fn decrypt(&self, answer: &Answer) -> Result<Vec<Vec<f64>>, EncryptedError> {
        let scores = self.client.decrypt(self.contract(), &answer.bytes)?;
        let each = self.contract().answer().values();
        Ok(scores.chunks(each).take(answer.inputs).map(<[f64]>::to_vec).collect())
    }
}

impl Request {
    /// What is sent, in bytes: the same for every request of a model.
    #[must_use]
    pub const fn byte_len(&self) -> usize {
        self.bytes.len()
    }
}

impl Answer {
    /// What is sent back, in bytes.
    #[must_use]
    pub const fn byte_len(&self) -> usize {
        self.bytes.len()
    }
}

/// Whether there are inputs, and all are what the network reads.
fn check_inputs<'a>(
    graph: &Graph,
    inputs: impl ExactSizeIterator<Item = &'a Tensor>,
) -> Result<(), EncryptedError> {
    if inputs.len() == 0 {
        return Err(EncryptedError::Empty);
    }
    let expected = graph.shape(graph.input());
    for (index, input) in inputs.enumerate() {
        if input.shape() != expected {
            let (found, expected) = (input.values().len(), expected.elements());
            return Err(EncryptedError::Shape { index, found, expected });
        }
    }
    Ok(())
}
