//! Encoding the weights of a plan.

use std::sync::Arc;

use blindsight_ckks::encoding::Complex64;
use blindsight_ckks::keys::Special;
use blindsight_ckks::parameters::Parameters;
use blindsight_ring::arith::product_mod;
use blindsight_ring::kernels::weight_stream;
use blindsight_ring::poly::scale_limb;
use blindsight_ring::{Limb, Prime};
use rayon::prelude::*;

use super::{LinearTransform, TransformPlan};
use crate::context::Context;

/// The fewest slots a weight is encoded with: the smallest transform has twice as many values.
const FEWEST_SLOTS: usize = 32;

impl TransformPlan {
    /// The bytes that the encoded plan will occupy in memory.
    #[must_use]
    pub fn encoded_byte_len(&self, set: &Parameters) -> usize {
        let word = |prime: &Arc<Prime>| if prime.is_narrow() { 4 } else { 8 };
        let chain = set.modulus(self.level);
        let of_chain: usize = chain.primes().iter().map(word).sum();
        let of_special: usize = set.special(self.baby_special).primes().iter().map(word).sum();
        let terms: usize = self.sums.iter().map(Vec::len).sum();
        let weights = terms * 2 * self.period() * (of_chain + of_special);
        weights + self.masks.len() * set.degree() * of_chain
    }

    /// The slots that all weights are encoded with.
    fn period(&self) -> usize {
        let lengths = self.sums.iter().flatten().map(|term| term.weights.len());
        lengths.max().unwrap_or(1).max(FEWEST_SLOTS)
    }
}

impl LinearTransform {
    /// Encodes the weights of a plan.
    #[must_use]
    pub fn new(context: &Context, plan: TransformPlan) -> Self {
        let primes = primes(context, plan.level, plan.baby_special);
        let missing = missing_primes(context, &plan, &primes);
        let period = plan.period();
        let terms: Vec<&[Complex64]> =
            plan.sums.iter().flatten().map(|t| t.weights.as_slice()).collect();
        let encoded: Vec<Vec<i64>> = terms
            .par_iter()
            .map(|weights| encode(context, weights, period, plan.weight_scale))
            .collect();
        let weights = primes.par_iter().map(|prime| {
            let factor = product_mod(missing.iter().copied(), prime.value());
            let limbs: Vec<Limb> = encoded
                .iter()
                .map(|coefficients| {
                    let mut limb = transform(context, prime, coefficients);
                    if factor != 1 {
                        scale_limb(prime, &mut limb, prime.to_montgomery(factor));
                    }
                    limb
                })
                .collect();
            weight_stream(prime, &limbs.iter().collect::<Vec<_>>())
        });
        let weights = weights.collect();
        let slots = context.set().slots();
        let masks = plan.masks.iter().map(|mask| {
            let coefficients = encode(context, mask, slots, plan.mask_scale);
            primes[..plan.level].par_iter().map(|p| transform(context, p, &coefficients)).collect()
        });
        let masks: Vec<Vec<Limb>> = masks.collect();
        let mask_scale = if masks.is_empty() { 1.0 } else { plan.mask_scale.round() };
        let nodes_of = |terms: &Vec<super::Term>| terms.iter().map(|t| t.node).collect();
        Self {
            level: plan.level,
            baby_special: plan.baby_special,
            giant_special: plan.giant_special,
            sums: plan.sums.iter().map(nodes_of).collect(),
            nodes: plan.nodes,
            mask_scale,
            masks,
            weights,
            giant: plan.giant,
            rescales: plan.rescales,
            scale: plan.weight_scale * mask_scale,
        }
    }
}

/// The primes of a level followed by special primes.
pub(super) fn primes(context: &Context, level: usize, special: Special) -> Vec<Arc<Prime>> {
    let set = context.set();
    set.chain().primes()[..level].iter().chain(set.special(special).primes()).cloned().collect()
}

/// The special primes of the giant steps that the baby steps lack. Sums of baby steps join the
/// giant steps by having these multiplied in, which makes their residues modulo each of them zero.
fn missing_primes(context: &Context, plan: &TransformPlan, primes: &[Arc<Prime>]) -> Vec<u64> {
    let giants = context.set().special(plan.giant_special);
    let lacks = |q: &u64| primes.iter().all(|p| p.value() != *q);
    giants.primes().iter().map(|p| p.value()).filter(lacks).collect()
}

fn encode(context: &Context, weights: &[Complex64], period: usize, scale: f64) -> Vec<i64> {
    let (encoder, repeated) = (context.set().encoder(), weights.iter().cycle().take(period));
    if weights.iter().all(|weight| weight.im == 0.0) {
        let real: Vec<f64> = repeated.map(|weight| weight.re).collect();
        return encoder.encode_real(&real, scale);
    }
    let repeated: Vec<Complex64> = repeated.copied().collect();
    encoder.encode(&repeated, scale)
}

fn transform(context: &Context, prime: &Prime, coefficients: &[i64]) -> Limb {
    context.subring(prime, coefficients.len()).transform_montgomery(coefficients)
}
