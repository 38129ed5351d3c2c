//! Fast base conversion between residue number systems.
//!
//! Halevi, Polyakov and Shoup (ePrint 2018/117): a residue vector modulo `Q = prod q_i` is taken
//! to other primes without leaving small integers, with the multiple of `Q` found by a
//! floating-point quotient. The result is the *centred* representative, so no multiple of `Q`
//! leaks into key switches.

use std::sync::Arc;

use crate::arith::{inv_mod_prime, mul_mod, product_mod};
use crate::for_width;
use crate::kernels::{self, Lifted, Weights};
use crate::limb::{Limb, Word};
use crate::modulus::MontgomeryResidue;
use crate::pool::Buffer;
use crate::prime::Prime;

/// The constants that take residues modulo a set of source primes to target primes.
#[derive(Debug)]
pub struct BaseConverter {
    sources: Vec<Arc<Prime>>,
    targets: Vec<Arc<Prime>>,
    /// `(Q/q_i)^-1 mod q_i`, plain.
    lift: Vec<u64>,
    inverses: Vec<f64>,
    weights: Vec<Weights>,
}

impl BaseConverter {
    /// Prepares the conversion from the product of `sources` to each of `targets`.
    #[must_use]
    pub fn new(sources: &[Arc<Prime>], targets: &[Arc<Prime>]) -> Self {
        Self::scaled(sources, targets, |_| 1)
    }

    /// The same, with what is written to each target multiplied by a factor (plain residue).
    #[must_use]
    pub fn scaled(
        sources: &[Arc<Prime>],
        targets: &[Arc<Prime>],
        factor: impl Fn(usize) -> u64,
    ) -> Self {
        let others = |skip: usize, q: u64| {
            let factors = sources.iter().enumerate().filter(|(i, _)| *i != skip);
            product_mod(factors.map(|(_, p)| p.value()), q)
        };
        let lift = sources
            .iter()
            .enumerate()
            .map(|(i, p)| inv_mod_prime(others(i, p.value()), p.value()))
            .collect();
        let source_bits = sources.iter().map(|p| p.bits()).max().unwrap_or(0);
        let weights = targets
            .iter()
            .enumerate()
            .map(|(index, target)| {
                let q = target.value();
                let constant = |c| target.to_montgomery(mul_mod(c, factor(index), q));
                let of_width = |narrow: bool| {
                    let chosen =
                        sources.iter().enumerate().filter(|(_, p)| p.is_narrow() == narrow);
                    chosen.map(|(i, _)| constant(others(i, q))).collect()
                };
                let product = product_mod(sources.iter().map(|p| p.value()), q);
                Weights {
                    narrow: of_width(true),
                    wide: of_width(false),
                    neg_product: constant(q - product),
                    source_bits,
                }
            })
            .collect();
        Self {
            sources: sources.to_vec(),
            targets: targets.to_vec(),
            lift,
            inverses: sources.iter().map(|p| 1.0 / p.value() as f64).collect(),
            weights,
        }
    }

    /// The source primes.
    #[must_use]
    pub fn sources(&self) -> &[Arc<Prime>] {
        &self.sources
    }

    /// The target primes.
    #[must_use]
    pub fn targets(&self) -> &[Arc<Prime>] {
        &self.targets
    }

    /// The factor `(Q/q_i)^-1 mod q_i` that source limb `i` must be multiplied by before the
    /// conversion (plain, so that callers can merge it with a factor of their own).
    #[must_use]
    pub fn lift_factor(&self, source: usize) -> u64 {
        self.lift[source]
    }

    /// The quotients of lifted limbs for the coefficients `offset .. offset + out.len()`.
    ///
    /// `out.len()` must be a multiple of 8.
    pub fn quotients(&self, lifted: &[&Limb], offset: usize, out: &mut [u32]) {
        let range = offset..offset + out.len();
        let (mut narrow, mut wide) = (Vec::new(), Vec::new());
        for (limb, &inverse) in lifted.iter().zip(&self.inverses) {
            match limb {
                Limb::Narrow(words) => narrow.push((&words[range.clone()], inverse)),
                Limb::Wide(words) => wide.push((&words[range.clone()], inverse)),
            }
        }
        kernels::quotients::<u32>(&narrow, &wide, out);
    }

    /// Writes the converted residues of several targets.
    ///
    /// Targets are written block by block: the sources' block then stays in cache while every
    /// target reads it.
    pub fn convert(&self, lifted: &[&Limb], quotient: &Buffer<u32>, targets: &mut [Target<'_>]) {
        let mut narrow: Vec<&[u32]> = Vec::with_capacity(lifted.len());
        let mut wide: Vec<&[u64]> = Vec::with_capacity(lifted.len());
        for start in (0..quotient.len()).step_by(BLOCK) {
            let range = start..(start + BLOCK).min(quotient.len());
            narrow.clear();
            wide.clear();
            for limb in lifted {
                match limb {
                    Limb::Narrow(words) => narrow.push(&words[range.clone()]),
                    Limb::Wide(words) => wide.push(&words[range.clone()]),
                }
            }
            let block = Lifted { narrow: &narrow, wide: &wide, quotient: &quotient[range.clone()] };
            for Target { index, out, addend } in &mut *targets {
                let (prime, weights) = (&self.targets[*index], &self.weights[*index]);
                for_width!(prime, W => {
                    let addend = addend.map(|(x, factor)| (&W::of(x)[range.clone()], factor));
                    kernels::convert::<W>(prime, block, weights, addend, &mut W::of_mut(out)[range.clone()]);
                });
            }
        }
    }
}

/// One limb that a conversion writes.
#[derive(Debug)]
pub struct Target<'a> {
    /// The index of its prime among the targets.
    pub index: usize,
    /// Where the residues go.
    pub out: &'a mut Limb,
    /// A limb of the same prime that is added, times a factor.
    pub addend: Option<(&'a Limb, MontgomeryResidue)>,
}

/// Coefficients per block: ten sources' blocks take about 40 KiB.
const BLOCK: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DEGREE: usize = 64;

    fn primes(values: &[u64]) -> Vec<Arc<Prime>> {
        values.iter().map(|&q| Arc::new(Prime::new(q, DEGREE).unwrap())).collect()
    }

    proptest! {
        #[test]
        fn converts_centred_integers_exactly(x in -(1_i128 << 100)..(1_i128 << 100)) {
            // Q is about 2^113: |x| < 2^100 is far from the rounding boundary at Q/2.
            let sources = primes(&[268_369_921, 34_359_410_689, 1_125_899_904_679_937]);
            let targets = primes(&[7681, 1_073_479_681, 1_125_899_903_827_969]);
            let converter = BaseConverter::new(&sources, &targets);
            let limbs: Vec<Limb> = sources.iter().enumerate().map(|(i, p)| {
                let mut limb = Limb::stale(p);
                // Every coefficient differs: x + index.
                limb.fill_with(|k| {
                    let residue = p.reduce(x + k as i128);
                    mul_mod(residue, converter.lift_factor(i), p.value())
                });
                limb
            }).collect();
            let lifted: Vec<&Limb> = limbs.iter().collect();
            let mut quotient = Buffer::stale(DEGREE);
            converter.quotients(&lifted, 0, &mut quotient);
            for (t, p) in targets.iter().enumerate() {
                let mut out = Limb::stale(p);
                converter.convert(&lifted, &quotient, &mut [Target { index: t, out: &mut out, addend: None }]);
                for k in 0..DEGREE {
                    prop_assert_eq!(out.get(k), p.reduce(x + k as i128));
                }
            }
        }
    }
}
