//! The answer to one input: a ciphertext made small.

use blindsight_ckks::parameters::Parameters;
use blindsight_ckks::response::CompactCiphertext;
use blindsight_ckks::wire::{ExpectedResponse, ExpectedScale};

use super::{check_unit, check_values};
use crate::error::ContractError;
use crate::raw::AnswerData;

/// How an answer is read: from distinct slots to values.
#[derive(Debug, Clone, PartialEq)]
pub struct CompactAnswer {
    data: AnswerData,
}

impl CompactAnswer {
    pub(super) fn new(
        data: AnswerData,
        set: &Parameters,
        most_values: usize,
    ) -> Result<Self, ContractError> {
        let bits = CompactCiphertext::LEAST_LOG2_MODULUS..=CompactCiphertext::MOST_LOG2_MODULUS;
        if !bits.contains(&data.log2_modulus) {
            let (field, found) = ("log2 of the answer's modulus", f64::from(data.log2_modulus));
            return Err(ContractError::Number { field, found, expected: "between 10 and 26" });
        }
        let period = data.period as usize;
        if !(period.is_power_of_two() && period <= set.slots()) {
            let (field, found) = ("the answer's period", f64::from(data.period));
            let expected = "a power of two up to the slots";
            return Err(ContractError::Number { field, found, expected });
        }
        let half = f64::from(data.log2_modulus) - 1.0;
        if !(data.scale.is_finite() && data.scale >= 1.0 && data.scale.log2() <= half) {
            let (field, found) = ("the scale of answers", data.scale);
            return Err(ContractError::Number { field, found, expected: "one below the modulus" });
        }
        check_unit(data.unit)?;
        check_values(data.slots.len(), most_values.min(period))?;
        let mut taken = vec![false; period];
        for (value, &slot) in data.slots.iter().enumerate() {
            match taken.get_mut(slot as usize) {
                Some(taken) if !*taken => *taken = true,
                _ => return Err(ContractError::AnswerSlot { value, slot }),
            }
        }
        Ok(Self { data })
    }

    /// `log2` of the modulus.
    #[must_use]
    pub fn log2_modulus(&self) -> u32 {
        self.data.log2_modulus
    }

    /// The number of distinct slots.
    #[must_use]
    pub fn period(&self) -> usize {
        self.data.period as usize
    }

    /// The number of values.
    #[must_use]
    pub fn values(&self) -> usize {
        self.data.slots.len()
    }

    /// For each value of the result, its slot.
    pub fn slots(&self) -> impl Iterator<Item = usize> {
        self.data.slots.iter().map(|&slot| slot as usize)
    }

    /// What a decrypted 1 means.
    #[must_use]
    pub fn unit(&self) -> f64 {
        self.data.unit
    }

    /// What the reader of an answer expects.
    #[must_use]
    pub fn expected(&self) -> ExpectedResponse {
        ExpectedResponse { period: self.period(), scale: ExpectedScale::Exactly(self.data.scale) }
    }

    /// The values, from the distinct slots; `None` if there are fewer than the period.
    #[must_use]
    pub fn read(&self, slots: &[f64]) -> Option<Vec<f64>> {
        let values = self.data.slots.iter().map(|&slot| slots.get(slot as usize));
        values.map(|slot| slot.map(|value| value * self.data.unit)).collect()
    }

    /// The length of every answer in bytes.
    #[must_use]
    pub fn byte_len(&self, set: &Parameters) -> u64 {
        CompactCiphertext::byte_len(set, self.period(), self.log2_modulus()) as u64
    }
}
