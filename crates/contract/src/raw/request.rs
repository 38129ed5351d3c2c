//! A request, as plain data.

use serde::{Deserialize, Serialize};

/// A request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(untagged)]
pub enum RequestForm {
    /// Slots of CKKS.
    Slots(RequestData),
    /// Signs under a secret of TFHE.
    Signs(SignsData),
}

/// A request to a network of signs: of every value of the input, whether it is positive. They are the
/// coefficients of one ring sample under the parameter set of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct SignsData {
    /// How many: as many as the input has values.
    pub signs: u32,
}

/// A request: the slots of one ciphertext or more, one after another, which hold one input or more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct RequestData {
    /// Limbs.
    pub level: u32,
    /// What values are multiplied by.
    pub scale: f64,
    /// Ciphertexts.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    #[cfg_attr(feature = "typescript", ts(as = "Option<u32>", optional))]
    pub ciphertexts: u32,
    /// The most inputs that one request holds: each stands one slot after the one before.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    #[cfg_attr(feature = "typescript", ts(as = "Option<u32>", optional))]
    pub inputs: u32,
    /// Where the values of the (first) input go.
    pub slots: Vec<BoxData>,
}

/// What is not said is one: contracts of one ciphertext and one input need no more words.
const fn one() -> u32 {
    1
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "what serde calls")]
const fn is_one(count: &u32) -> bool {
    *count == 1
}

/// A box of the input's values and its place in the slots: the value at `from + (c, y, x)` goes to
/// slot `slot + strides . (c, y, x)`, modulo the number of slots of all ciphertexts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct BoxData {
    /// The first channel, row and column.
    pub from: [u32; 3],
    /// Channels, rows and columns.
    pub extent: [u32; 3],
    /// The slot of the first value.
    pub slot: u32,
    /// The distance in slots between neighbouring channels, rows and columns.
    pub strides: [u32; 3],
}

impl RequestForm {
    /// The most inputs that one request holds.
    #[must_use]
    pub const fn inputs(&self) -> u32 {
        match self {
            Self::Slots(data) => data.inputs,
            Self::Signs(_) => 1,
        }
    }
}
