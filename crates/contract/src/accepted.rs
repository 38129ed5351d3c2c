//! A contract that was checked.

use std::sync::Arc;

use blindsight_ckks::keys::{KeyKind, KeyLayout, KeyList, KeySpec, Special};
use blindsight_ckks::parameters::Parameters;
use blindsight_ring::GaloisElement;
use sha2::{Digest, Sha256};

use crate::answer::{Answer, AnswerKind};
use crate::bundle::KeyBundle;
use crate::error::ContractError;
use crate::input::Input;
use crate::policy::Policy;
use crate::raw::{Contract, Forecast, KeyData, KeyKindData};
use crate::request::Request;
use crate::sets;
use crate::text;

/// A contract that keeps a [`Policy`]: what client and evaluator work with.
#[derive(Debug, Clone)]
pub struct AcceptedContract {
    id: String,
    title: String,
    meaning: Meaning,
    fingerprint: [u8; 32],
    set: Arc<Parameters>,
    keys: KeyBundle,
    input: Input,
    request: Request,
    answer: Answer,
    forecast: Forecast,
}

/// What the values of a result are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning {
    /// Scores of the classes with these names, in this order.
    Scores {
        /// Names of the classes.
        classes: Vec<String>,
    },
    /// Features of the input: what the last layer of a classifier would read.
    Features,
}

impl Contract {
    /// Reads and checks a contract: the only door.
    ///
    /// # Errors
    /// When the bytes are no contract, or the contract asks for something that is insecure,
    /// impossible, or more than the policy allows: see [`ContractError`].
    pub fn parse(bytes: &[u8], policy: &Policy) -> Result<AcceptedContract, ContractError> {
        let (found, most) = (bytes.len(), policy.contract_bytes);
        if found > most {
            return Err(ContractError::TooLong { found, most });
        }
        AcceptedContract::new(Self::read(bytes)?, Sha256::digest(bytes).into(), policy)
    }
}

impl AcceptedContract {
    fn new(
        contract: Contract,
        fingerprint: [u8; 32],
        policy: &Policy,
    ) -> Result<Self, ContractError> {
        text::check_id(&contract.id)?;
        text::check("the title", &contract.title, text::TITLE_CHARACTERS)?;
        check_forecast(&contract.forecast)?;
        let input = Input::new(contract.input, policy)?;
        limit("evaluation keys", contract.keys.len() as u64, policy.keys as u64)?;
        let residues = contract.scheme.residues();
        limit("residues of a polynomial", residues, policy.residues)?;
        let set = sets::parameters(contract.scheme.literal())?;
        let keys = key_list(&set, &contract.keys)?;
        let answer = Answer::new(contract.answer, contract.classes.len(), &set, policy)?;
        let request = Request::new(contract.request, &set, &input, &answer, policy)?;
        if request.signs().is_some() {
            limit("keys of CKKS for a network of signs", keys.len() as u64, 0)?;
        }
        let keys = KeyBundle::new(keys, answer.exact().cloned());
        limit("bytes of evaluation keys", keys.byte_len(&set), policy.key_bytes)?;
        limit("bytes an answer", answer.byte_len(&set), policy.answer_bytes)?;
        if request.inputs() > 1 && answer.products().is_none() {
            let (field, found) = ("the inputs of a request", request.inputs() as f64);
            let expected = "one, where the answer is to one";
            return Err(ContractError::Number { field, found, expected });
        }
        let meaning = Meaning::new(contract.classes, &answer)?;
        Ok(Self {
            id: contract.id,
            title: contract.title,
            meaning,
            fingerprint,
            set,
            keys,
            input,
            request,
            answer,
            forecast: contract.forecast,
        })
    }

    /// The model's name in the protocol.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its name for people.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }

    /// What the values of a result are.
    #[must_use]
    pub fn meaning(&self) -> &Meaning {
        &self.meaning
    }

    /// Names of the classes, in the order of an answer's values; none of an encoder.
    #[must_use]
    pub fn classes(&self) -> &[String] {
        match &self.meaning {
            Meaning::Scores { classes } => classes,
            Meaning::Features => &[],
        }
    }

    /// SHA-256 of the contract's bytes.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        self.fingerprint
    }

    /// The parameter set.
    #[must_use]
    pub fn set(&self) -> &Arc<Parameters> {
        &self.set
    }

    /// The evaluation keys of CKKS.
    #[must_use]
    pub fn keys(&self) -> &KeyList {
        self.keys.scheme()
    }

    /// All keys that a client uploads.
    #[must_use]
    pub fn bundle(&self) -> &KeyBundle {
        &self.keys
    }

    /// How an input is prepared.
    #[must_use]
    pub fn input(&self) -> &Input {
        &self.input
    }

    /// How a request is packed and encrypted.
    #[must_use]
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// How an answer is read.
    #[must_use]
    pub fn answer(&self) -> &Answer {
        &self.answer
    }

    /// What an answer tells.
    #[must_use]
    pub fn tells(&self) -> AnswerKind {
        match (&self.answer, &self.meaning) {
            (Answer::Label(answer), _) if answer.lead().is_some() => AnswerKind::LabelWithLead,
            (Answer::Label(_), _) => AnswerKind::Label,
            (_, Meaning::Scores { .. }) => AnswerKind::Scores,
            (_, Meaning::Features) => AnswerKind::Features,
        }
    }

    /// What the model will cost, as its compiler says.
    #[must_use]
    pub fn forecast(&self) -> Forecast {
        self.forecast
    }
}

impl Meaning {
    fn new(classes: Vec<String>, answer: &Answer) -> Result<Self, ContractError> {
        if classes.is_empty() {
            return Ok(Self::Features);
        }
        let (field, found, expected) = ("the classes", classes.len(), answer.values());
        // A label has room for as many as there are.
        if found != expected && answer.label().is_none() {
            return Err(ContractError::Length { field, found, expected });
        }
        for class in &classes {
            text::check("the name of a class", class, text::CLASS_CHARACTERS)?;
        }
        Ok(Self::Scores { classes })
    }
}

pub(crate) fn limit(what: &'static str, found: u64, most: u64) -> Result<(), ContractError> {
    if found <= most { Ok(()) } else { Err(ContractError::TooMany { what, found, most }) }
}

fn check_forecast(forecast: &Forecast) -> Result<(), ContractError> {
    for (field, found) in [
        ("the forecast of seconds", forecast.seconds),
        ("the forecast of the error", forecast.score_error),
        ("the forecast of failure", -forecast.log2_failure),
    ] {
        if !(0.0..=1e9).contains(&found) {
            return Err(ContractError::Number { field, found, expected: "a sensible number" });
        }
    }
    Ok(())
}

fn key_list(set: &Parameters, keys: &[KeyData]) -> Result<KeyList, ContractError> {
    let specs = keys.iter().enumerate().map(|(index, key)| key_spec(set, index, key));
    let specs: Vec<KeySpec> = specs.collect::<Result<_, _>>()?;
    let list = KeyList::new(specs.clone()).map_err(ContractError::Keys)?;
    match specs.iter().zip(list.specs()).position(|(given, sorted)| given != sorted) {
        Some(index) => Err(ContractError::KeyOrder { index }),
        None => Ok(list),
    }
}

fn key_spec(set: &Parameters, index: usize, key: &KeyData) -> Result<KeySpec, ContractError> {
    let exponent = key.exponent;
    let refused = ContractError::Exponent { index, exponent };
    let element = || {
        GaloisElement::new(exponent, set.degree())
            .map_err(|_| ContractError::Exponent { index, exponent })
    };
    let kind = match key.kind {
        KeyKindData::Relinearisation if exponent == 0 => KeyKind::Relinearisation,
        KeyKindData::DenseToSparse if exponent == 0 => KeyKind::DenseToSparse,
        KeyKindData::Relinearisation | KeyKindData::DenseToSparse => return Err(refused),
        KeyKindData::Automorphism => KeyKind::Automorphism(element()?),
        KeyKindData::SparseToDense => KeyKind::SparseToDense(element()?),
    };
    let ends = key.digits.iter().map(|&end| end as usize);
    let starts = std::iter::once(0).chain(ends.clone());
    let layout = KeyLayout {
        level: key.level as usize,
        digits: starts.zip(ends).map(|(start, end)| start..end).collect(),
        special: Special { wide: key.special[0] as usize, narrow: key.special[1] as usize },
    };
    KeySpec::new(set, kind, layout).map_err(|source| ContractError::Key { index, source })
}
