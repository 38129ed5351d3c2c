//! A contract as plain data: what the compiler writes, and what nobody should act upon.

mod exact;
mod label;
mod request;

use blindsight_ckks::keys::{KeyKind, KeySpec};
use blindsight_ckks::parameters::Literal;
use serde::{Deserialize, Serialize};

use crate::error::ContractError;

pub use exact::{ExactData, ExactSetData};
pub use label::LabelData;
pub use request::{BoxData, RequestData, RequestForm, SignsData};

/// The version of the contract's format that this crate writes, and the only one it reads.
pub const VERSION: u32 = 1;

/// A contract that nobody has checked yet. Its bytes are JSON: text is what people can read before
/// they agree to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct Contract {
    /// [`VERSION`].
    pub blindsight_contract: u32,
    /// The model's name in the protocol.
    pub id: String,
    /// Its name for people.
    pub title: String,
    /// Names of the classes, in the order of the answer's values; none where these are no scores but
    /// features, as an encoder gives them.
    pub classes: Vec<String>,
    /// How an input is prepared.
    pub input: InputData,
    /// The parameter set.
    pub scheme: SchemeData,
    /// The evaluation keys.
    pub keys: Vec<KeyData>,
    /// How a request is packed and encrypted.
    pub request: RequestForm,
    /// How an answer is read.
    pub answer: AnswerForm,
    /// What the model will cost, as its compiler says: for people, never acted upon.
    pub forecast: Forecast,
}

/// The input that a model reads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct InputData {
    /// Channels, rows, columns.
    pub shape: [u32; 3],
    /// What becomes the input.
    pub preparation: PreparationData,
}

/// What becomes the input of a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum PreparationData {
    /// A picture: the largest centred square, resized, and `(value / 255 - mean) / deviation` for
    /// each channel; grey is the luma.
    Picture {
        /// One mean a channel.
        mean: Vec<f32>,
        /// One standard deviation a channel.
        deviation: Vec<f32>,
    },
    /// Numbers as they are.
    Tensor {},
}

/// A parameter set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct SchemeData {
    /// `log2` of the ring degree.
    pub log2_degree: u32,
    /// The modulus chain, bottom first.
    pub chain: Vec<u64>,
    /// Special primes of 31 bits or more.
    pub wide_special: Vec<u64>,
    /// Special primes below `2^31`.
    pub narrow_special: Vec<u64>,
    /// The weight of the sparse secret, where there is one.
    pub sparse_weight: Option<u32>,
}

/// One evaluation key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct KeyData {
    /// What it switches.
    pub kind: KeyKindData,
    /// The exponent of its automorphism, 0 where there is none.
    pub exponent: u32,
    /// Limbs of the chain.
    pub level: u32,
    /// For each digit, the first limb after it.
    pub digits: Vec<u32>,
    /// Wide and narrow special primes.
    pub special: [u32; 2],
}

/// What a key switches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum KeyKindData {
    /// The square of the secret to the secret.
    Relinearisation,
    /// The secret to its preimage under an automorphism.
    Automorphism,
    /// The secret to the sparse one.
    DenseToSparse,
    /// The sparse secret to the preimage of the secret under an automorphism.
    SparseToDense,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(untagged)]
pub enum AnswerForm {
    /// To one input: a ciphertext made small.
    Compact(AnswerData),
    /// To all inputs of a request: a ciphertext for each value, as products leave it.
    Products(ProductsData),
    /// To one input: the label alone.
    Label(LabelData),
    /// To one input: the scores of a network of signs.
    Exact(ExactData),
}

/// The answer to all inputs of a request: each value is a ciphertext of several parts, whose slots
/// are the inputs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct ProductsData {
    /// Values of a result, and so ciphertexts.
    pub values: u32,
    /// Parts of a ciphertext.
    pub parts: u32,
    /// Limbs.
    pub level: u32,
    /// What values are multiplied by.
    pub scale: f64,
    /// What a decrypted 1 means.
    pub unit: f64,
}

/// The answer to one input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct AnswerData {
    /// `log2` of the modulus.
    pub log2_modulus: u32,
    /// The number of distinct slots.
    pub period: u32,
    /// What values are multiplied by.
    pub scale: f64,
    /// What a decrypted 1 means.
    pub unit: f64,
    /// For each value of the result, its slot.
    pub slots: Vec<u32>,
}

/// What a compiler says that a model will cost.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct Forecast {
    /// One request on the machine that the model was compiled for.
    pub seconds: f64,
    /// The evaluator's memory for one client and one request, in bytes.
    pub memory_bytes: u64,
    /// `log2` of the probability that a run fails by chance.
    pub log2_failure: f64,
    /// The expected error of a score, root mean square.
    pub score_error: f64,
}

/// What every version of the format has.
#[derive(Deserialize)]
struct Versioned {
    blindsight_contract: u32,
}

impl Contract {
    /// Reads the bytes, and checks nothing but their version and form.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, ContractError> {
        // First of all: another version has other fields, and should not be called malformed.
        let Versioned { blindsight_contract: found } = serde_json::from_slice(bytes)?;
        if found != VERSION {
            return Err(ContractError::Version { found });
        }
        Ok(serde_json::from_slice(bytes)?)
    }

    /// The contract as it is handed out.
    ///
    /// # Panics
    /// Never: it has no maps with keys that are no text.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a contract has no maps with keys that are no text")
    }
}

impl SchemeData {
    /// Residues of one polynomial under all primes, as far as 64 bits count them.
    pub(crate) fn residues(&self) -> u64 {
        let primes = [&self.chain, &self.wide_special, &self.narrow_special].map(Vec::len);
        let degree = 1_u64.checked_shl(self.log2_degree).unwrap_or(u64::MAX);
        degree.saturating_mul(primes.iter().sum::<usize>() as u64)
    }

    /// The data of a parameter set.
    #[must_use]
    pub fn of(literal: &Literal) -> Self {
        Self {
            log2_degree: literal.log_degree,
            chain: literal.chain.clone(),
            wide_special: literal.wide_special.clone(),
            narrow_special: literal.narrow_special.clone(),
            sparse_weight: literal.sparse_weight.map(|weight| weight as u32),
        }
    }

    pub(crate) fn literal(self) -> Literal {
        Literal {
            log_degree: self.log2_degree,
            chain: self.chain,
            wide_special: self.wide_special,
            narrow_special: self.narrow_special,
            sparse_weight: self.sparse_weight.map(|weight| weight as usize),
        }
    }
}

impl KeyData {
    /// The data of a key.
    #[must_use]
    pub fn of(spec: &KeySpec) -> Self {
        let (kind, exponent) = match spec.kind() {
            KeyKind::Relinearisation => (KeyKindData::Relinearisation, 0),
            KeyKind::Automorphism(element) => (KeyKindData::Automorphism, element.exponent()),
            KeyKind::DenseToSparse => (KeyKindData::DenseToSparse, 0),
            KeyKind::SparseToDense(element) => (KeyKindData::SparseToDense, element.exponent()),
        };
        let layout = spec.layout();
        Self {
            kind,
            exponent,
            level: layout.level as u32,
            digits: layout.digits.iter().map(|digit| digit.end as u32).collect(),
            special: [layout.special.wide as u32, layout.special.narrow as u32],
        }
    }
}
