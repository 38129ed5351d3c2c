//! The answer of a network of signs: scores on the circle.

use blindsight_ckks::parameters::Parameters;
use blindsight_exact::{ExactParameters, ExactScores};

use super::{check_unit, check_values};
use crate::error::ContractError;
use crate::raw::ExactData;

/// How scores are read that a network of signs leaves, and under which set.
#[derive(Debug, Clone, PartialEq)]
pub struct ExactAnswer {
    exact: ExactParameters,
    values: usize,
    unit: f64,
}

impl ExactAnswer {
    /// The bound of scores, as a part of the circle.
    pub const BOUND: f64 = 0.25;

    pub(super) fn new(
        data: &ExactData,
        set: &Parameters,
        most_values: usize,
    ) -> Result<Self, ContractError> {
        let exact = ExactParameters::new(data.exact.literal(), set)?;
        check_values(data.values as usize, most_values)?;
        check_unit(data.unit)?;
        Ok(Self { exact, values: data.values as usize, unit: data.unit })
    }

    /// The parameter set of request, keys and scores.
    #[must_use]
    pub fn exact(&self) -> &ExactParameters {
        &self.exact
    }

    /// How many scores.
    #[must_use]
    pub fn values(&self) -> usize {
        self.values
    }

    /// What once around the circle means.
    #[must_use]
    pub fn unit(&self) -> f64 {
        self.unit
    }

    /// The length of every answer in bytes.
    #[must_use]
    pub fn byte_len(&self) -> u64 {
        ExactScores::byte_len(&self.exact, self.values) as u64
    }
}
