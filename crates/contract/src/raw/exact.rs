//! Parameter sets of TFHE and the scores of networks of signs, as plain data.

use blindsight_exact::{Decomposition, Literal};
use serde::{Deserialize, Serialize};

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

/// The answer of a network of signs to one input: scores on the circle, docs/exact.md.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct ExactData {
    /// The parameter set of request, keys and scores.
    pub exact: ExactSetData,
    /// How many scores.
    pub values: u32,
    /// What once around the circle means.
    pub unit: f64,
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
