//! Why a contract is refused.

use blindsight_ckks::keys::KeyError;
use blindsight_ckks::parameters::ParameterError;
use blindsight_exact::DecisionError;
use thiserror::Error;

/// Why a contract is refused. Every refusal names the field.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ContractError {
    /// The contract is too long to be read.
    #[error("the contract has {found} bytes; at most {most} are read")]
    TooLong {
        /// Its length.
        found: usize,
        /// The policy's limit.
        most: usize,
    },
    /// The bytes are no contract.
    #[error("the contract cannot be read: {0}")]
    Malformed(#[from] serde_json::Error),
    /// Another version of the format.
    #[error("the contract is of version {found}, this program reads version {}", crate::VERSION)]
    Version {
        /// The version found.
        found: u32,
    },
    /// A text is too long, empty, or holds characters that are not for showing.
    #[error("{field} must be 1 to {most} characters that can be shown")]
    Text {
        /// The field.
        field: &'static str,
        /// The most characters.
        most: usize,
    },
    /// The name is not made for a protocol.
    #[error("the model's id must be 1 to 64 of a-z, 0-9, '.', '_' and '-'")]
    Id,
    /// More of something than the policy allows.
    #[error("the contract asks for {found} {what}; at most {most} are accepted")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// How much the contract asks for.
        found: u64,
        /// The policy's limit.
        most: u64,
    },
    /// A number is out of its range.
    #[error("{field} is {found}, which is not {expected}")]
    Number {
        /// The field.
        field: &'static str,
        /// Its value.
        found: f64,
        /// What it should be.
        expected: &'static str,
    },
    /// A list of another length than others ask for.
    #[error("{field} has {found} entries, but {expected} belong there")]
    Length {
        /// The field.
        field: &'static str,
        /// Entries found.
        found: usize,
        /// Entries expected.
        expected: usize,
    },
    /// The parameter set is insecure or inconsistent.
    #[error("the scheme: {0}")]
    Scheme(#[from] ParameterError),
    /// The parameter set of exact answers is insecure or impossible.
    #[error("the parameter set of labels: {0}")]
    Exact(#[from] blindsight_exact::ParameterError),
    /// Labels have no room for so many classes, or the lead is none.
    #[error("the answer: {0}")]
    Decision(#[from] DecisionError),
    /// A key is insecure, useless or impossible.
    #[error("key {index}: {source}")]
    Key {
        /// Its place in the contract.
        index: usize,
        /// What is wrong with it.
        source: KeyError,
    },
    /// The list of keys is none.
    #[error("the keys: {0}")]
    Keys(KeyError),
    /// Keys must stand in their one order, so that equal lists are equal bytes.
    #[error("key {index} does not stand in its place")]
    KeyOrder {
        /// The first key out of place.
        index: usize,
    },
    /// A key has no such automorphism.
    #[error("key {index}: {exponent} is not the exponent of an automorphism of this ring")]
    Exponent {
        /// Its place in the contract.
        index: usize,
        /// The exponent.
        exponent: u32,
    },
    /// Requests that are signs have an answer of TFHE, and scores of TFHE such requests.
    #[error("requests of signs and answers of TFHE belong together")]
    Request,
    /// A box reaches beyond the input, or its inputs beyond a ciphertext.
    #[error("box {index} of the request reaches beyond the input or a ciphertext")]
    BoxOutside {
        /// Its place in the request.
        index: usize,
    },
    /// Two values would go to one slot.
    #[error("box {index} of the request puts a second value into slot {slot}")]
    SlotTwice {
        /// Its place in the request.
        index: usize,
        /// The slot.
        slot: usize,
    },
    /// A value of the input goes nowhere.
    #[error("value {value} of the input has no slot")]
    ValueLost {
        /// Its index in the input.
        value: usize,
    },
    /// Two values of an answer would be read from one slot, or one from outside the period.
    #[error(
        "value {value} of the answer is read from slot {slot}, which is taken or does not exist"
    )]
    AnswerSlot {
        /// Its index in the answer.
        value: usize,
        /// The slot.
        slot: u32,
    },
}
