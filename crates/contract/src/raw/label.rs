//! An answer that is a label alone, as plain data.

use blindsight_exact::{Decomposition, Literal};
use serde::{Deserialize, Serialize};

use super::{AnswerForm, Contract, Forecast};
use crate::error::ContractError;

/// An answer that holds the label of one input and nothing else, decided by TFHE: docs/exact.md.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct LabelData {
    /// The parameter set of the keys that decide.
    pub exact: ExactSetData,
}

/// A parameter set of TFHE. Digits are `log2` of their base and their number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct ExactSetData {
    /// The dimension of the secret under which a bootstrap reads.
    pub lwe_dimension: u32,
    /// `log2` of the degree of the secret under which it ends.
    pub log2_degree: u32,
    /// `log2` of the bound of errors under the first.
    pub lwe_log2_error: u32,
    /// `log2` of the bound of errors under the second.
    pub ring_log2_error: u32,
    /// Digits of the accumulator in a blind rotation.
    pub bootstrap: [u32; 2],
    /// Digits of the key switch from the second secret to the first.
    pub key_switch: [u32; 2],
    /// Digits of the bridge from the secret of CKKS.
    pub bridge: [u32; 2],
}

/// What one sign bootstrap takes on two threads of the machine of docs/benchmarks.md, the rest of a
/// decision with it: 0.48 s for 61 of them.
const SIGN_SECONDS: f64 = 0.008;

/// What the expanded key for exact answers takes in memory, in bytes.
const KEY_MEMORY: u64 = 121_000_000;

/// What the name of a model gets appended when it answers with labels.
const ENDING: &str = ".label";

impl Contract {
    /// The contract of the same model when it answers with the label alone. It has a name of its own,
    /// because its answers and its keys are others.
    #[must_use]
    pub fn with_label_alone(self) -> Self {
        let exact = ExactSetData::of(&Literal::degree_2048());
        let classes = self.classes.len() as f64;
        let signs = classes * (classes - 1.0) / 2.0 + 2.0 * (classes - 2.0);
        let forecast = Forecast {
            seconds: self.forecast.seconds + signs.max(1.0) * SIGN_SECONDS,
            memory_bytes: self.forecast.memory_bytes.saturating_add(KEY_MEMORY),
            ..self.forecast
        };
        Self {
            id: format!("{}{ENDING}", self.id),
            title: format!("{}, the label alone", self.title),
            answer: AnswerForm::Label(LabelData { exact }),
            forecast,
            ..self
        }
    }

    /// The contract that bytes hold, before anybody has checked it.
    ///
    /// # Errors
    /// When they hold none of this version.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ContractError> {
        Self::read(bytes)
    }
}

impl ExactSetData {
    /// The data of a parameter set.
    #[must_use]
    pub fn of(literal: &Literal) -> Self {
        let digits = |d: Decomposition| [d.log2_base, d.levels];
        Self {
            lwe_dimension: literal.lwe_dimension,
            log2_degree: literal.log2_degree,
            lwe_log2_error: literal.lwe_log2_error,
            ring_log2_error: literal.ring_log2_error,
            bootstrap: digits(literal.bootstrap),
            key_switch: digits(literal.key_switch),
            bridge: digits(literal.bridge),
        }
    }

    pub(crate) fn literal(self) -> Literal {
        let digits = |[log2_base, levels]: [u32; 2]| Decomposition { log2_base, levels };
        Literal {
            lwe_dimension: self.lwe_dimension,
            log2_degree: self.log2_degree,
            lwe_log2_error: self.lwe_log2_error,
            ring_log2_error: self.ring_log2_error,
            bootstrap: digits(self.bootstrap),
            key_switch: digits(self.key_switch),
            bridge: digits(self.bridge),
        }
    }
}
