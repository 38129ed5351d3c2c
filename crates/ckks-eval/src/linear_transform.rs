//! Linear transforms of the slots: baby-step giant-step sums of rotated, weighted copies.
//!
//! `y = sum_j rot_G^j (sum_i w_ij * rot_i(x))`. The rotated copies (baby steps) are the nodes
//! of a tree: each is one key switch away from its parent. Children of one parent share its digits
//! (hoisting, many keys); a chain of equal steps needs one key (few keys). Giant steps follow
//! Horner's scheme, so one more key serves them all. Everything stays multiplied by the special
//! primes until the end: one division for the whole transform.

mod baby_steps;
mod encode;
mod plan;
mod sums;

use blindsight_ckks::ciphertext::Ciphertext;
use blindsight_ckks::keys::{KeyKind, Special};
use blindsight_ring::{GaloisElement, Limb};

use crate::error::{EvalError, check_level};
use crate::evaluator::Evaluator;
use crate::extended::Extended;
use crate::key_switch::Outputs;

pub use plan::{Node, PlanError, Term, TransformPlan};

/// A linear transform with its weights encoded, ready to be applied to ciphertexts.
#[derive(Debug)]
pub struct LinearTransform {
    level: usize,
    /// Special primes of the baby steps, and of the weighted sums.
    baby_special: Special,
    /// Special primes of the giant steps.
    giant_special: Special,
    nodes: Vec<Node>,
    masks: Vec<Vec<Limb>>,
    /// What an unmasked input is multiplied by where others are masked.
    mask_scale: f64,
    /// For each giant step, the nodes of its terms.
    sums: Vec<Vec<usize>>,
    /// For each limb, the weights of all terms in the order in which they are read.
    weights: Vec<Limb>,
    giant: Option<GaloisElement>,
    rescales: usize,
    /// What the transform multiplies the scale by before it rescales.
    scale: f64,
}

impl LinearTransform {
    /// The bytes the weights occupy in memory.
    #[must_use]
    pub fn byte_len(&self) -> usize {
        self.weights.iter().chain(self.masks.iter().flatten()).map(Limb::byte_len).sum()
    }

    /// Applies the transform to a ciphertext of at least its level.
    ///
    /// # Errors
    /// When the ciphertext has too few limbs, or a rotation key is missing.
    pub fn apply(
        &self,
        evaluator: Evaluator<'_>,
        input: &Ciphertext,
    ) -> Result<Ciphertext, EvalError> {
        check_level("a linear transform", input.level(), self.level)?;
        let copies = self.copies(evaluator, input)?;
        self.apply_to_copies(evaluator, copies, input.scale)
    }

    /// Special primes of the baby steps.
    pub(crate) fn baby_special(&self) -> Special {
        self.baby_special
    }

    /// The rest of the transform, from its rotated inputs: one for each node.
    pub(crate) fn apply_to_copies(
        &self,
        evaluator: Evaluator<'_>,
        copies: Vec<Extended>,
        input_scale: f64,
    ) -> Result<Ciphertext, EvalError> {
        let sums = self.weighted_sums(evaluator.context, &copies);
        drop(copies);
        let result = self.giant_steps(evaluator, sums)?;
        let primes = evaluator.set().chain().primes();
        let dropped = &primes[self.level - self.rescales..self.level];
        let divisor: f64 = dropped.iter().map(|p| p.value() as f64).product();
        let scale = input_scale * self.scale / divisor;
        Ok(result.divide(evaluator.context, self.rescales, scale))
    }

    /// `sums[0] + rot(sums[1] + rot(sums[2] + ...))`.
    fn giant_steps(
        &self,
        evaluator: Evaluator<'_>,
        mut sums: Vec<Extended>,
    ) -> Result<Extended, EvalError> {
        let last = sums.pop().expect("a transform has at least one sum");
        let Some(giant) = self.giant.filter(|_| !sums.is_empty()) else { return Ok(last) };
        let kind = KeyKind::Automorphism(giant);
        let key = evaluator.key_with(kind, self.level, self.giant_special)?;
        let permutation = evaluator.context.permutation(giant);
        let mut rotating = evaluator.start_rotating(last, key);
        while let Some(sum) = sums.pop() {
            let outputs = if sums.is_empty() { Outputs::NTT } else { Outputs::PREPARED };
            let product = evaluator.rotate_extended(
                rotating,
                self.level,
                key,
                &permutation,
                Some(&sum),
                outputs,
            );
            if sums.is_empty() {
                return Ok(product.into_extended());
            }
            rotating = product.into_rotating();
        }
        unreachable!("the loop ends with the first sum")
    }
}
