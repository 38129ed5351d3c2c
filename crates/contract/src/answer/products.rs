//! The answer to all inputs of a request: a ciphertext of several parts for each value.

use blindsight_ckks::parameters::Parameters;
use blindsight_ckks::product::ProductCiphertext;
use blindsight_ckks::wire::ExpectedScale;

use super::{check_unit, check_values};
use crate::error::ContractError;
use crate::raw::ProductsData;

/// How an answer to many inputs is read: value after value, a ciphertext each, an input a slot.
#[derive(Debug, Clone, PartialEq)]
pub struct ProductAnswer {
    data: ProductsData,
}

impl ProductAnswer {
    pub(super) fn new(
        data: ProductsData,
        set: &Parameters,
        most_values: usize,
    ) -> Result<Self, ContractError> {
        check_values(data.values as usize, most_values)?;
        check_unit(data.unit)?;
        if !(1..=ProductCiphertext::MOST_PARTS).contains(&(data.parts as usize)) {
            let (field, found) = ("the parts of an answer", f64::from(data.parts));
            return Err(ContractError::Number { field, found, expected: "between 1 and 16" });
        }
        if !(1..=set.top_level()).contains(&(data.level as usize)) {
            let (field, found) = ("the level of answers", f64::from(data.level));
            return Err(ContractError::Number { field, found, expected: "a level of the scheme" });
        }
        let log2_modulus = set.modulus(data.level as usize).log2();
        if log2_modulus > ProductCiphertext::MOST_LOG2 {
            let (field, found) = ("log2 of the modulus of answers", log2_modulus);
            return Err(ContractError::Number { field, found, expected: "one that can be read" });
        }
        let half = log2_modulus - 1.0;
        if !(data.scale.is_finite() && data.scale >= 1.0 && data.scale.log2() <= half) {
            let (field, found) = ("the scale of answers", data.scale);
            return Err(ContractError::Number { field, found, expected: "one below the modulus" });
        }
        Ok(Self { data })
    }

    /// Values of a result, and so ciphertexts.
    #[must_use]
    pub fn values(&self) -> usize {
        self.data.values as usize
    }

    /// Parts of a ciphertext.
    #[must_use]
    pub fn parts(&self) -> usize {
        self.data.parts as usize
    }

    /// Limbs.
    #[must_use]
    pub fn level(&self) -> usize {
        self.data.level as usize
    }

    /// What values are multiplied by.
    #[must_use]
    pub fn scale(&self) -> f64 {
        self.data.scale
    }

    /// The scale that the reader of an answer expects.
    #[must_use]
    pub fn expected_scale(&self) -> ExpectedScale {
        ExpectedScale::Exactly(self.data.scale)
    }

    /// What a decrypted 1 means.
    #[must_use]
    pub fn unit(&self) -> f64 {
        self.data.unit
    }

    /// The length of one ciphertext in bytes.
    #[must_use]
    pub fn part_byte_len(&self, set: &Parameters) -> usize {
        ProductCiphertext::byte_len(set, self.level(), self.parts())
    }

    /// The length of every answer in bytes.
    #[must_use]
    pub fn byte_len(&self, set: &Parameters) -> u64 {
        (self.values() as u64).saturating_mul(self.part_byte_len(set) as u64)
    }
}
