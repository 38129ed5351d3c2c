//! Linear transforms of the slots: baby-step giant-step sums of rotated, weighted copies.
//!
//! `y = sum_j rot_G^j (sum_i w_ij * rot_i(x))`. The rotated copies (babies) are the nodes of a
//! tree: each is one key switch away from its parent. Children of one parent share its digits
//! (hoisting, many keys); a chain of equal steps needs one key (few keys). Giant steps follow
//! Horner's scheme, so one more key serves them all. Everything stays multiplied by the special
//! primes until the end: one division for the whole transform.

mod plan;

use std::sync::Arc;

use blindsight_ckks::ciphertext::Ciphertext;
use blindsight_ckks::keys::{KeyKind, Special};
use blindsight_ring::arith::product_mod;
use blindsight_ring::kernels::{self, Weighted};
use blindsight_ring::{Basis, GaloisElement, Limb, Poly, Prime, Word, for_width};
use rayon::prelude::*;

use crate::evaluator::{Context, Evaluator, MissingKey};
use crate::extended::Extended;
use crate::key_switch::{Carried, Finish};

pub use plan::{Node, Term, TransformPlan};

/// A linear transform with its weights encoded, ready to be applied to ciphertexts.
#[derive(Debug)]
pub struct LinearTransform {
    level: usize,
    /// Special primes of the babies, and of the weighted sums.
    baby_special: Special,
    /// Special primes of the giant steps.
    giant_special: Special,
    nodes: Vec<Node>,
    masks: Vec<Vec<Limb>>,
    /// What an unmasked input is multiplied by where others are masked.
    mask_scale: f64,
    /// For each giant step, its weighted babies.
    sums: Vec<Vec<(usize, Vec<Limb>)>>,
    giant: Option<GaloisElement>,
    rescales: usize,
    /// What the transform multiplies the scale by before it rescales.
    scale: f64,
}

impl LinearTransform {
    /// Encodes the weights of a plan.
    #[must_use]
    pub fn new(context: &Context, plan: TransformPlan) -> Self {
        let baby_primes = primes(context, plan.level, plan.baby_special);
        // Sums of babies with fewer special primes join those with more: the missing primes are
        // multiplied in, which makes their residues zero.
        let missing: Vec<u64> = context
            .set()
            .special(plan.giant_special)
            .primes()
            .iter()
            .map(|p| p.value())
            .filter(|q| !baby_primes[plan.level..].iter().any(|p| p.value() == *q))
            .collect();
        let longest = plan.sums.iter().flatten().map(|t| t.weights.len()).max().unwrap_or(1);
        let encode =
            |weights: &[_], length: usize, scale: f64, primes: &[Arc<Prime>], missing: &[u64]| {
                let repeated: Vec<_> = weights.iter().cycle().take(length).copied().collect();
                let coefficients = context.set().encoder().encode(&repeated, scale);
                let limbs = primes.iter().map(|prime| {
                    let subring = context.subring(prime, coefficients.len());
                    let mut limb = subring.transform_montgomery(&coefficients);
                    if !missing.is_empty() {
                        let factor = product_mod(missing.iter().copied(), prime.value());
                        blindsight_ring::poly::scale_limb(
                            prime,
                            &mut limb,
                            prime.to_montgomery(factor),
                        );
                    }
                    limb
                });
                limbs.collect::<Vec<_>>()
            };
        // The smallest transform has 64 values: 32 slots.
        let length = longest.max(32);
        let sums = plan
            .sums
            .par_iter()
            .map(|terms| {
                let encoded = terms.par_iter().map(|t| {
                    (t.node, encode(&t.weights, length, plan.weight_scale, &baby_primes, &missing))
                });
                encoded.collect()
            })
            .collect();
        let slots = context.set().slots();
        let chain = &baby_primes[..plan.level];
        let masks: Vec<_> =
            plan.masks.iter().map(|m| encode(m, slots, plan.mask_scale, chain, &[])).collect();
        let mask_scale = if masks.is_empty() { 1.0 } else { plan.mask_scale.round() };
        Self {
            level: plan.level,
            baby_special: plan.baby_special,
            giant_special: plan.giant_special,
            nodes: plan.nodes,
            mask_scale,
            masks,
            sums,
            giant: plan.giant,
            rescales: plan.rescales,
            scale: plan.weight_scale * mask_scale,
        }
    }

    /// The bytes the weights occupy in memory.
    #[must_use]
    pub fn byte_len(&self) -> usize {
        let weights = self.sums.iter().flatten().flat_map(|(_, limbs)| limbs);
        weights.chain(self.masks.iter().flatten()).map(Limb::byte_len).sum()
    }

    /// Applies the transform to a ciphertext of at least its level.
    ///
    /// # Errors
    /// When a rotation key is missing.
    pub fn apply(
        &self,
        evaluator: Evaluator<'_>,
        input: &Ciphertext,
    ) -> Result<Ciphertext, MissingKey> {
        let babies = self.babies(evaluator, input)?;
        self.apply_to_babies(evaluator, babies, input.scale)
    }

    /// The rest of the transform, from its rotated inputs: one for each node.
    pub(crate) fn apply_to_babies(
        &self,
        evaluator: Evaluator<'_>,
        babies: Vec<Extended>,
        input_scale: f64,
    ) -> Result<Ciphertext, MissingKey> {
        let mut sums = self.weighted_sums(evaluator.context, &babies);
        drop(babies);
        let mut result = sums.pop().expect("a transform has at least one sum");
        while let Some(sum) = sums.pop() {
            let giant = self.giant.expect("a transform of several sums has a giant step");
            result = evaluator.rotate_extended(result, giant, Some(&sum))?;
        }
        let primes = evaluator.set().chain().primes();
        let dropped = &primes[self.level - self.rescales..self.level];
        let divisor: f64 = dropped.iter().map(|p| p.value() as f64).product();
        let scale = input_scale * self.scale / divisor;
        Ok(result.divide(evaluator.context, self.rescales, scale))
    }

    /// The rotated inputs, in the order of the nodes.
    fn babies(
        &self,
        evaluator: Evaluator<'_>,
        input: &Ciphertext,
    ) -> Result<Vec<Extended>, MissingKey> {
        let mut babies: Vec<Extended> = Vec::with_capacity(self.nodes.len());
        let mut inputs: Vec<Option<Ciphertext>> = Vec::with_capacity(self.nodes.len());
        let children = |of: usize| {
            let steps = self.nodes.iter().enumerate();
            steps.filter(move |(_, n)| matches!(n, Node::Step { from, .. } if *from == of)).count()
        };
        let mut hoisted: Vec<Option<crate::key_switch::HoistedDigits>> = Vec::new();
        for node in &self.nodes {
            match *node {
                Node::Input { mask } => {
                    let c = self.masked(evaluator.context, input, mask);
                    babies.push(extend(evaluator.context, &c, self.baby_special));
                    inputs.push(Some(c));
                }
                Node::Step { from, element } => {
                    let key = evaluator.key(KeyKind::Automorphism(element), self.level)?;
                    let permutation = evaluator.context.permutation(element);
                    let source = inputs[from].as_ref();
                    let carried = match source {
                        Some(c) => Carried::Plain(&c.c0),
                        None => Carried::Extended(&babies[from].c0),
                    };
                    let finish = Finish {
                        carried: Some(carried),
                        permutation: Some(&permutation),
                        ..Finish::default()
                    };
                    let stored = hoisted[from].is_some();
                    let baby = if stored || children(from) > 1 {
                        if !stored {
                            let digits = self.digits(evaluator, source, &babies[from], key);
                            hoisted[from] = Some(digits.hoist());
                        }
                        let digits = hoisted[from].as_ref().expect("stored just above");
                        Evaluator::key_product_hoisted(digits, key, finish)
                    } else {
                        let digits = self.digits(evaluator, source, &babies[from], key);
                        evaluator.key_product(&digits, key, finish)
                    };
                    babies.push(baby);
                    inputs.push(None);
                }
            }
            hoisted.push(None);
        }
        Ok(babies)
    }

    fn digits<'p>(
        &self,
        evaluator: Evaluator<'_>,
        input: Option<&'p Ciphertext>,
        baby: &Extended,
        key: &blindsight_ckks::evaluation_key::EvaluationKey,
    ) -> crate::key_switch::Digits<'p> {
        match input {
            Some(c) => evaluator.digits(&c.c1, key),
            None => {
                evaluator.digits_of_extended(baby.c1.clone(), self.level, self.baby_special, key)
            }
        }
    }

    /// The input at the transform's level, multiplied by a mask (or by the masks' scale).
    fn masked(&self, context: &Context, input: &Ciphertext, mask: Option<usize>) -> Ciphertext {
        let basis = context.set().modulus(self.level);
        let multiply = |poly: &Poly<_>| {
            let limbs = poly.limbs()[..self.level].par_iter().zip(basis.primes()).enumerate();
            let limbs = limbs.map(|(i, (x, prime))| {
                let mut out = Limb::stale(prime);
                for_width!(prime, W => match mask {
                    Some(m) => {
                        kernels::multiply::<W>(prime, W::of_mut(&mut out), W::of(x), W::of(&self.masks[m][i]));
                    }
                    None => kernels::scale::<W>(
                        prime, W::of_mut(&mut out), W::of(x),
                        prime.to_montgomery(prime.reduce(self.mask_scale as i128)),
                    ),
                });
                out
            });
            Poly::from_limbs(&basis, limbs.collect())
        };
        Ciphertext {
            c0: multiply(&input.c0),
            c1: multiply(&input.c1),
            scale: input.scale * self.mask_scale,
        }
    }

    /// The inner sums of all giant steps, modulo the giants' special primes.
    fn weighted_sums(&self, context: &Context, babies: &[Extended]) -> Vec<Extended> {
        let baby_primes = primes(context, self.level, self.baby_special);
        let columns: Vec<Vec<[Limb; 2]>> = baby_primes
            .par_iter()
            .enumerate()
            .map(|(i, prime)| self.limb_sums(prime, i, babies))
            .collect();
        let giant_primes = primes(context, self.level, self.giant_special);
        let basis = Basis::new(giant_primes.clone());
        let mut sums: Vec<(Vec<Limb>, Vec<Limb>)> =
            self.sums.iter().map(|_| Default::default()).collect();
        let mut columns = columns.into_iter().zip(&baby_primes).peekable();
        for prime in &giant_primes {
            // A special prime that the babies lack: the sum is a multiple of it.
            let column = match columns.next_if(|(_, p)| *p == prime) {
                Some((column, _)) => column,
                None => sums.iter().map(|_| [Limb::zero(prime), Limb::zero(prime)]).collect(),
            };
            for ((c0, c1), [x0, x1]) in sums.iter_mut().zip(column) {
                c0.push(x0);
                c1.push(x1);
            }
        }
        let (level, special) = (self.level, self.giant_special);
        let extended = sums.into_iter().map(|(c0, c1)| Extended {
            c0: Poly::from_limbs(&basis, c0),
            c1: Poly::from_limbs(&basis, c1),
            level,
            special,
        });
        extended.collect()
    }

    fn limb_sums(&self, prime: &Prime, i: usize, babies: &[Extended]) -> Vec<[Limb; 2]> {
        let mut sums: Vec<[Limb; 2]> =
            self.sums.iter().map(|_| [Limb::stale(prime), Limb::stale(prime)]).collect();
        for_width!(prime, W => {
            let inputs: Vec<[&[W]; 2]> = babies
                .iter()
                .map(|b| [W::of(&b.c0.limbs()[i]), W::of(&b.c1.limbs()[i])])
                .collect();
            let weighted: Vec<Vec<Weighted<'_, W>>> = self
                .sums
                .iter()
                .map(|terms| {
                    terms.iter().map(|(input, limbs)| Weighted { input: *input, weight: W::of(&limbs[i]) }).collect()
                })
                .collect();
            let mut outs: Vec<[&mut [W]; 2]> =
                sums.iter_mut().map(|[a, b]| [W::of_mut(a), W::of_mut(b)]).collect();
            kernels::weighted_sums::<W>(prime, &inputs, &weighted, &mut outs);
        });
        sums
    }
}

/// The primes of a level followed by special primes.
fn primes(context: &Context, level: usize, special: Special) -> Vec<Arc<Prime>> {
    let set = context.set();
    set.chain().primes()[..level].iter().chain(set.special(special).primes()).cloned().collect()
}

/// A ciphertext multiplied by the special primes: zero modulo each of them.
fn extend(context: &Context, c: &Ciphertext, special: Special) -> Extended {
    let level = c.level();
    let all = primes(context, level, special);
    let special_values: Vec<u64> = all[level..].iter().map(|p| p.value()).collect();
    let basis = Basis::new(all.clone());
    let extend_poly = |poly: &Poly<_>| {
        let limbs = all.par_iter().enumerate().map(|(i, prime)| {
            if i >= level {
                return Limb::zero(prime);
            }
            let mut out = Limb::stale(prime);
            let factor = product_mod(special_values.iter().copied(), prime.value());
            for_width!(prime, W => kernels::scale::<W>(
                prime, W::of_mut(&mut out), W::of(&poly.limbs()[i]), prime.to_montgomery(factor)
            ));
            out
        });
        Poly::from_limbs(&basis, limbs.collect())
    };
    Extended { c0: extend_poly(&c.c0), c1: extend_poly(&c.c1), level, special }
}
