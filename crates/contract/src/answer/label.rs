//! The answer that is a label alone.

use blindsight_ckks::parameters::Parameters;
use blindsight_exact::{ExactParameters, LabelCiphertext, LabelCode};

use crate::error::ContractError;
use crate::raw::LabelData;

/// How a label is read, and under which set it is decided.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelAnswer {
    exact: ExactParameters,
    code: LabelCode,
}

impl LabelAnswer {
    pub(super) fn new(
        data: &LabelData,
        set: &Parameters,
        classes: usize,
    ) -> Result<Self, ContractError> {
        let exact = ExactParameters::new(data.exact.literal(), set)?;
        let code = LabelCode::new(&exact, classes)?;
        Ok(Self { exact, code })
    }

    /// The parameter set of the keys that decide.
    #[must_use]
    pub fn exact(&self) -> &ExactParameters {
        &self.exact
    }

    /// How labels lie on the circle.
    #[must_use]
    pub fn code(&self) -> LabelCode {
        self.code
    }

    pub(super) fn byte_len(&self) -> u64 {
        LabelCiphertext::byte_len(&self.exact) as u64
    }
}
