//! An answer that is a label alone, as plain data.

use blindsight_exact::{Lead, Literal};
use serde::{Deserialize, Serialize};

use super::{AnswerForm, Contract, ExactSetData, Forecast};
use crate::error::ContractError;

/// An answer that holds the label of one input and nothing else, decided by TFHE: docs/exact.md.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct LabelData {
    /// The parameter set of the keys that decide.
    pub exact: ExactSetData,
    /// By how much the label's score must lead all others, as a part of the bound of scores: if it does
    /// not, the answer is that nobody is sure. Not said where the largest score is enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub lead: Option<f64>,
}

/// What one sign bootstrap takes on two threads of the machine of docs/benchmarks.md, the rest of a
/// decision with it: 0.48 s for 61 of them.
const SIGN_SECONDS: f64 = 0.008;

/// What the expanded key for exact answers takes in memory, in bytes.
const KEY_MEMORY: u64 = 121_000_000;

impl Contract {
    /// The contract of the same model when it answers with the label alone, or with the label if it
    /// leads by so much. It has a name of its own, because its answers and its keys are others.
    #[must_use]
    pub fn with_label_alone(self, lead: Option<Lead>) -> Self {
        // A network of signs has such keys already.
        let (exact, key_memory) = match self.answer {
            AnswerForm::Exact(data) => (data.exact, 0),
            _ => (ExactSetData::of(&Literal::degree_2048()), KEY_MEMORY),
        };
        let classes = self.classes.len() as f64;
        let more = if lead.is_some() { classes } else { 2.0 * (classes - 2.0) };
        let signs = classes * (classes - 1.0) / 2.0 + more;
        let forecast = Forecast {
            seconds: self.forecast.seconds + signs.max(1.0) * SIGN_SECONDS,
            memory_bytes: self.forecast.memory_bytes.saturating_add(key_memory),
            ..self.forecast
        };
        Self {
            id: format!("{}.{}", self.id, if lead.is_some() { "lead" } else { "label" }),
            title: match lead {
                Some(_) => format!("{}, the label if it leads", self.title),
                None => format!("{}, the label alone", self.title),
            },
            answer: AnswerForm::Label(LabelData { exact, lead: lead.map(Lead::get) }),
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
