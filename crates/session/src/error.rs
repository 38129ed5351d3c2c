//! What can go wrong between a client and a contract.

use blindsight_ckks::keys::KeyError;
use blindsight_ckks::wire::ReadError;
use blindsight_ckks_client::EncryptError;
use blindsight_contract::LARGEST_VALUE;
use blindsight_exact_client::TooManyPixels;
use thiserror::Error;

/// Why a session does not do what was asked.
#[derive(Debug, Error, Clone, PartialEq)]
#[non_exhaustive]
pub enum SessionError {
    /// The contract is for another scheme than the session's keys.
    #[error("these keys are of another scheme than the model: it needs keys of its own")]
    OtherScheme,
    /// A key that this scheme does not have.
    #[error("this scheme has no such key: {0}")]
    Key(#[from] KeyError),
    /// The values are not those of one input, or of several that the contract has room for.
    #[error(
        "a request holds up to {most} inputs of {expected} values, but there are {found} values"
    )]
    Count {
        /// Values there are.
        found: usize,
        /// Values of one input.
        expected: usize,
        /// The most inputs.
        most: usize,
    },
    /// A value is too large, or no number.
    #[error(
        "value {index} of the input is not a number between -{LARGEST_VALUE} and {LARGEST_VALUE}"
    )]
    Value {
        /// Its index in the input.
        index: usize,
    },
    /// The request cannot be encrypted, which no accepted contract leads to.
    #[error(transparent)]
    Encrypt(#[from] EncryptError),
    /// The same of signs.
    #[error(transparent)]
    Signs(#[from] TooManyPixels),
    /// The answer is malformed.
    #[error("the answer: {0}")]
    Answer(#[from] ReadError),
    /// The answer is modulo another power of two than the contract says.
    #[error("the answer's modulus is 2^{found}, but the contract says 2^{expected}")]
    AnswerModulus {
        /// `log2` of the answer's modulus.
        found: u32,
        /// `log2` of the contract's.
        expected: u32,
    },
    /// The answer is malformed, where a label or scores under TFHE belong.
    #[error("the answer: {0}")]
    Label(#[from] blindsight_exact::wire::ReadError),
    /// What the answer holds is no label.
    #[error("the answer holds no label of the model")]
    AnswerLabel,
    /// Values were asked for, but the model answers with the label alone.
    #[error("this model answers with the label alone")]
    LabelAlone,
    /// A label alone was asked for, but the model answers with values.
    #[error("this model does not answer with the label alone")]
    NoLabel,
    /// The answer does not have the values that the contract names.
    #[error("the answer does not hold the values that the contract names")]
    AnswerValues,
}
