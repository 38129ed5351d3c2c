//! How an answer is read.

mod compact;
mod exact;
mod label;
mod products;

use blindsight_ckks::parameters::Parameters;
use blindsight_exact::ExactParameters;
use serde::Serialize;

use crate::error::ContractError;
use crate::policy::Policy;
use crate::raw::AnswerForm;

pub use compact::CompactAnswer;
pub use exact::ExactAnswer;
pub use label::LabelAnswer;
pub use products::ProductAnswer;

/// How an answer is read.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// The answer to one input.
    Compact(CompactAnswer),
    /// The answer to all inputs of a request.
    Products(ProductAnswer),
    /// The label of one input.
    Label(LabelAnswer),
    /// The scores of a network of signs, of one input.
    Exact(ExactAnswer),
}

/// What an answer tells whom it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum AnswerKind {
    /// A score for each class.
    Scores,
    /// Features of the input.
    Features,
    /// The label alone.
    Label,
    /// The label if it leads by enough.
    LabelWithLead,
}

impl Answer {
    pub(crate) fn new(
        form: AnswerForm,
        classes: usize,
        set: &Parameters,
        policy: &Policy,
    ) -> Result<Self, ContractError> {
        let most = policy.answer_values;
        match form {
            AnswerForm::Compact(data) => CompactAnswer::new(data, set, most).map(Self::Compact),
            AnswerForm::Products(data) => ProductAnswer::new(data, set, most).map(Self::Products),
            AnswerForm::Label(data) => LabelAnswer::new(&data, set, classes).map(Self::Label),
            AnswerForm::Exact(data) => ExactAnswer::new(&data, set, most).map(Self::Exact),
        }
    }

    /// The number of values of a result: of a label alone, none.
    #[must_use]
    pub fn values(&self) -> usize {
        match self {
            Self::Compact(answer) => answer.values(),
            Self::Products(answer) => answer.values(),
            Self::Label(_) => 0,
            Self::Exact(answer) => answer.values(),
        }
    }

    /// What a decrypted 1 means, where numbers are decrypted.
    #[must_use]
    pub fn unit(&self) -> f64 {
        match self {
            Self::Compact(answer) => answer.unit(),
            Self::Products(answer) => answer.unit(),
            Self::Label(_) => 1.0,
            Self::Exact(answer) => answer.unit(),
        }
    }

    /// What scores stay within, as leads are parts of it: compilers choose the unit for that. Two
    /// scores under TFHE differ by less than half the circle.
    #[must_use]
    pub fn bound(&self) -> f64 {
        match self {
            Self::Exact(answer) => answer.unit() * ExactAnswer::BOUND,
            _ => self.unit(),
        }
    }

    /// The length of every answer in bytes.
    #[must_use]
    pub fn byte_len(&self, set: &Parameters) -> u64 {
        match self {
            Self::Compact(answer) => answer.byte_len(set),
            Self::Products(answer) => answer.byte_len(set),
            Self::Label(answer) => answer.byte_len(),
            Self::Exact(answer) => answer.byte_len(),
        }
    }

    /// The form of an answer to one input, if it is that.
    #[must_use]
    pub fn compact(&self) -> Option<&CompactAnswer> {
        match self {
            Self::Compact(answer) => Some(answer),
            _ => None,
        }
    }

    /// The form of an answer to many inputs, if it is that.
    #[must_use]
    pub fn products(&self) -> Option<&ProductAnswer> {
        match self {
            Self::Products(answer) => Some(answer),
            _ => None,
        }
    }

    /// The form of a label alone, if it is that.
    #[must_use]
    pub fn label(&self) -> Option<&LabelAnswer> {
        match self {
            Self::Label(answer) => Some(answer),
            _ => None,
        }
    }

    /// The parameter set of TFHE, if the answer is under one.
    #[must_use]
    pub fn exact(&self) -> Option<&ExactParameters> {
        match self {
            Self::Label(answer) => Some(answer.exact()),
            Self::Exact(answer) => Some(answer.exact()),
            Self::Compact(_) | Self::Products(_) => None,
        }
    }
}

/// What a decrypted 1 means must be a sensible number.
fn check_unit(found: f64) -> Result<(), ContractError> {
    if (1e-12..=1e12).contains(&found) {
        Ok(())
    } else {
        let field = "the unit of answers";
        Err(ContractError::Number { field, found, expected: "between 1e-12 and 1e12" })
    }
}

/// There is a value, and there are not too many.
fn check_values(found: usize, most: usize) -> Result<(), ContractError> {
    if found == 0 {
        let (field, expected) = ("the number of values in an answer", "positive");
        return Err(ContractError::Number { field, found: 0.0, expected });
    }
    if found > most {
        let (what, found, most) = ("values in an answer", found as u64, most as u64);
        return Err(ContractError::TooMany { what, found, most });
    }
    Ok(())
}
