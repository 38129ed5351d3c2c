//! The answer that is a label alone.

use blindsight_ckks::parameters::Parameters;
use blindsight_exact::{Decision, DecisionCode, ExactParameters, LabelCiphertext, Lead};

use crate::error::ContractError;
use crate::raw::LabelData;

/// How a label is read, and under which set it is decided: which class is the best, or which one leads
/// by enough.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelAnswer {
    exact: ExactParameters,
    code: DecisionCode,
}

impl LabelAnswer {
    pub(super) fn new(
        data: &LabelData,
        set: &Parameters,
        classes: usize,
    ) -> Result<Self, ContractError> {
        let exact = ExactParameters::new(data.exact.literal(), set)?;
        let decision = match data.lead {
            Some(lead) => Decision::LabelWithLead { lead: Lead::new(lead)? },
            None => Decision::Label,
        };
        let code = DecisionCode::new(&exact, classes, decision)?;
        Ok(Self { exact, code })
    }

    /// The parameter set of the keys that decide.
    #[must_use]
    pub fn exact(&self) -> &ExactParameters {
        &self.exact
    }

    /// What is decided, and how answers lie on the circle.
    #[must_use]
    pub fn code(&self) -> &DecisionCode {
        &self.code
    }

    /// By how much a label must lead, if it must.
    #[must_use]
    pub fn lead(&self) -> Option<Lead> {
        match self.code.decision() {
            Decision::LabelWithLead { lead } => Some(*lead),
            _ => None,
        }
    }

    pub(super) fn byte_len(&self) -> u64 {
        LabelCiphertext::byte_len(&self.exact) as u64
    }
}
