//! A program: what the evaluator runs.
//!
//! Steps in order, each with its operands; levels and scales of all values follow from them
//! ([`Program::check`]), and so do the keys that a client makes and how long each value lives.

mod check;
mod circuit;
mod end;
mod error;
#[cfg(test)]
mod tests;
mod uses;

use std::sync::Arc;

use blindsight_ckks::encoding::Complex64;
use blindsight_ckks::parameters::Parameters;
use blindsight_ckks_eval::activation::TrigPolynomial;
use blindsight_ckks_eval::bootstrap::BootstrapLiteral;
use blindsight_ckks_eval::linear_transform::TransformPlan;
use blindsight_ring::Prime;

pub use check::{Checked, ValueType};
pub(crate) use check::{check_plaintext, check_plan, check_polynomial};
pub use circuit::Circuit;
pub(crate) use end::End;
pub use error::ProgramError;

/// Names the request's first ciphertext (0) or the result of step `i - 1`.
pub type Value = usize;

/// What the evaluator runs, with its constants in the clear.
#[derive(Debug, Clone)]
pub struct Program {
    /// The bootstrap that its steps use, if they use one. Its levels also say at which levels keys
    /// are made.
    pub bootstrap: Option<BootstrapLiteral>,
    /// The steps. The last one's result is the answer.
    pub steps: Vec<Step>,
    /// Linear transforms.
    pub transforms: Vec<TransformPlan>,
    /// Slot values that are added.
    pub plaintexts: Vec<PlaintextData>,
    /// Trigonometric polynomials of bootstraps.
    pub activations: Vec<TrigPolynomial>,
    /// Polynomials that are evaluated without a bootstrap.
    pub polynomials: Vec<PolynomialData>,
}

/// One step.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// What is computed.
    pub operation: Operation,
    /// The layer of the model that the step belongs to, counted from 0: what progress counts.
    pub layer: usize,
}

/// What a step computes.
#[derive(Debug, Clone, PartialEq)]
pub enum Operation {
    /// A further ciphertext of the request, whose first one is value 0.
    Request {
        /// Its number, from 1.
        ciphertext: usize,
    },
    /// A linear transform of the slots.
    Transform {
        /// Its input.
        input: Value,
        /// Index of the transform.
        transform: usize,
    },
    /// A rotation of the slots to the left.
    Rotate {
        /// Its input.
        input: Value,
        /// Slots.
        steps: i64,
    },
    /// A linear combination with small Gaussian integers: terms have one scale.
    Combine {
        /// Real and imaginary part of each factor, and what it multiplies.
        terms: Vec<([i32; 2], Value)>,
    },
    /// The sum with slot values in the clear.
    AddPlaintext {
        /// Its input.
        input: Value,
        /// Index of the plaintext.
        plaintext: usize,
    },
    /// A functional bootstrap.
    Bootstrap {
        /// Its input.
        input: Value,
        /// Index of the trigonometric polynomial.
        activation: usize,
    },
    /// The square of every slot.
    Square {
        /// Its input.
        input: Value,
        /// Primes that the result is divided by: none, where a later step rescales.
        rescales: usize,
    },
    /// A polynomial of every slot.
    Polynomial {
        /// Its input.
        input: Value,
        /// Index of the polynomial.
        polynomial: usize,
    },
    /// A rescale to a lower level, with exactly this scale.
    Rescale {
        /// Its input.
        input: Value,
        /// The level of the result.
        level: usize,
        /// The scale of the result.
        scale: f64,
    },
}

/// Slot values that are added at one level and scale.
#[derive(Debug, Clone, PartialEq)]
pub struct PlaintextData {
    /// The values; a power of two of them, which repeat over the slots.
    pub values: Vec<Complex64>,
    /// The level of the sum.
    pub level: usize,
    /// The scale of the sum.
    pub scale: f64,
}

/// A real polynomial.
#[derive(Debug, Clone, PartialEq)]
pub struct PolynomialData {
    /// Factors of the Chebyshev polynomials `T_0, T_1, ...`, for inputs in `[-1, 1]`.
    pub coefficients: Vec<f64>,
    /// The scale of the result.
    pub scale: f64,
}

impl Operation {
    /// The values that the step reads.
    pub fn inputs(&self) -> impl Iterator<Item = Value> {
        let (one, many): (Option<Value>, &[([i32; 2], Value)]) = match self {
            Self::Request { .. } => (None, &[]),
            Self::Combine { terms } => (None, terms),
            Self::Transform { input, .. }
            | Self::Rotate { input, .. }
            | Self::AddPlaintext { input, .. }
            | Self::Bootstrap { input, .. }
            | Self::Square { input, .. }
            | Self::Polynomial { input, .. }
            | Self::Rescale { input, .. } => (Some(*input), &[]),
        };
        one.into_iter().chain(many.iter().map(|(_, value)| *value))
    }

    /// What the operation is called in messages.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Request { .. } => "ciphertext of the request",
            Self::Transform { .. } => "linear transform",
            Self::Rotate { .. } => "rotation",
            Self::Combine { .. } => "combination",
            Self::AddPlaintext { .. } => "plaintext sum",
            Self::Bootstrap { .. } => "bootstrap",
            Self::Square { .. } => "square",
            Self::Polynomial { .. } => "polynomial",
            Self::Rescale { .. } => "rescale",
        }
    }
}

impl PlaintextData {
    /// The bytes that the encoded values will occupy in memory.
    #[must_use]
    pub fn encoded_byte_len(&self, set: &Parameters) -> usize {
        let word = |prime: &Arc<Prime>| if prime.is_narrow() { 4 } else { 8 };
        let words: usize = set.chain().primes().iter().take(self.level).map(word).sum();
        words * set.degree()
    }
}

impl Program {
    /// The bytes that the encoded constants will occupy in memory.
    #[must_use]
    pub fn encoded_byte_len(&self, set: &Parameters) -> u64 {
        let transforms = self.transforms.iter().map(|plan| plan.encoded_byte_len(set) as u64);
        let plaintexts = self.plaintexts.iter().map(|p| p.encoded_byte_len(set) as u64);
        transforms.chain(plaintexts).fold(0, u64::saturating_add)
    }

    /// The ciphertexts of a request, as far as the steps name them.
    #[must_use]
    pub fn ciphertexts(&self) -> usize {
        let named = self.steps.iter().filter_map(|step| match step.operation {
            Operation::Request { ciphertext } => Some(ciphertext.saturating_add(1)),
            _ => None,
        });
        named.max().unwrap_or(1)
    }

    /// The number of layers that progress counts.
    #[must_use]
    pub fn layers(&self) -> usize {
        self.steps.last().map_or(0, |step| step.layer.saturating_add(1))
    }
}
