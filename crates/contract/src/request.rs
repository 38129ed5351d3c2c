//! What a client sends of an input.

use blindsight_ckks::parameters::Parameters;
use blindsight_exact::{BinaryPicture, ExactParameters};

use crate::accepted::limit;
use crate::answer::Answer;
use crate::error::ContractError;
use crate::input::Input;
use crate::policy::Policy;
use crate::raw::{RequestForm, SignsData};
use crate::slot_map::SlotRequest;

/// What a client sends of an input.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// Its values, in slots of CKKS.
    Slots(SlotRequest),
    /// The signs of its values, under a secret of TFHE.
    Signs(SignRequest),
}

/// How the signs of an input's values are encrypted: as coefficients of one ring sample.
#[derive(Debug, Clone, PartialEq)]
pub struct SignRequest {
    signs: usize,
    exact: ExactParameters,
}

impl Request {
    /// The answer has been read: requests that are signs are under its parameter set, and an answer
    /// that holds scores of signs has such a request.
    pub(crate) fn new(
        form: RequestForm,
        set: &Parameters,
        input: &Input,
        answer: &Answer,
        policy: &Policy,
    ) -> Result<Self, ContractError> {
        match (form, answer) {
            (RequestForm::Slots(_), Answer::Exact(_)) => Err(ContractError::Request),
            (RequestForm::Slots(data), _) => {
                SlotRequest::new(data, set, input.shape(), policy).map(Self::Slots)
            }
            (RequestForm::Signs(data), _) => {
                let exact = answer.exact().ok_or(ContractError::Request)?;
                SignRequest::new(data, exact, input, policy).map(Self::Signs)
            }
        }
    }

    /// The most inputs that a request holds.
    #[must_use]
    pub fn inputs(&self) -> usize {
        match self {
            Self::Slots(request) => request.inputs(),
            Self::Signs(_) => 1,
        }
    }

    /// The length of every request in bytes.
    #[must_use]
    pub fn byte_len(&self, set: &Parameters) -> u64 {
        match self {
            Self::Slots(request) => request.byte_len(set),
            Self::Signs(request) => request.byte_len(),
        }
    }

    /// How values go into slots, if they do.
    #[must_use]
    pub fn slots(&self) -> Option<&SlotRequest> {
        match self {
            Self::Slots(request) => Some(request),
            Self::Signs(_) => None,
        }
    }

    /// How signs are encrypted, if they are what is sent.
    #[must_use]
    pub fn signs(&self) -> Option<&SignRequest> {
        match self {
            Self::Slots(_) => None,
            Self::Signs(request) => Some(request),
        }
    }
}

impl SignRequest {
    fn new(
        data: SignsData,
        exact: &ExactParameters,
        input: &Input,
        policy: &Policy,
    ) -> Result<Self, ContractError> {
        let (field, found, expected) = ("the signs of a request", data.signs, input.values());
        let found = found as usize;
        if found != expected {
            return Err(ContractError::Length { field, found, expected });
        }
        limit("signs of a request", found as u64, exact.degree() as u64)?;
        let request = Self { signs: found, exact: exact.clone() };
        limit("bytes a request", request.byte_len(), policy.request_bytes)?;
        Ok(request)
    }

    /// How many: one for each value of the input.
    #[must_use]
    pub fn signs(&self) -> usize {
        self.signs
    }

    /// The parameter set that they are encrypted under.
    #[must_use]
    pub fn exact(&self) -> &ExactParameters {
        &self.exact
    }

    /// The signs of an input's values, true where one is positive; none of other inputs.
    #[must_use]
    pub fn of(&self, values: &[f32]) -> Option<Vec<bool>> {
        (values.len() == self.signs).then(|| values.iter().map(|value| *value > 0.0).collect())
    }

    /// The length of every request in bytes.
    #[must_use]
    pub fn byte_len(&self) -> u64 {
        BinaryPicture::byte_len(self.signs) as u64
    }
}
