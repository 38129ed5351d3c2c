//! The rotated copies of the input.

use blindsight_ckks::ciphertext::Ciphertext;
use blindsight_ckks::keys::{KeyKind, Special};
use blindsight_ring::arith::product_mod;
use blindsight_ring::{Basis, GaloisElement, Limb, Ntt, Poly, Word, for_width, kernels};
use rayon::prelude::*;

use super::encode::primes;
use super::{LinearTransform, Node};
use crate::context::Context;
use crate::error::{EvalError, MissingKey};
use crate::evaluator::Evaluator;
use crate::extended::Extended;
use crate::key_switch::{
    Accumulator, Digits, Finish, HoistedDigits, Outputs, key_product, key_product_hoisted,
};

/// A copy and what its children need of it.
struct RotatedCopy {
    pair: Extended,
    source: Source,
}

/// From what the digits of a copy are made.
enum Source {
    /// The copy is the input: a ciphertext modulo the chain.
    Input(Ciphertext),
    /// Prepared coefficients of a rotated copy.
    Prepared(Vec<Limb>),
    /// Digits that several children share.
    Hoisted(HoistedDigits),
    /// There are no children, or the only child has been made.
    Spent,
}

impl LinearTransform {
    /// The rotated inputs, in the order of the nodes.
    pub(super) fn copies(
        &self,
        evaluator: Evaluator<'_>,
        input: &Ciphertext,
    ) -> Result<Vec<Extended>, EvalError> {
        let mut copies: Vec<RotatedCopy> = Vec::with_capacity(self.nodes.len());
        for (index, node) in self.nodes.iter().enumerate() {
            let copy = match *node {
                Node::Input { mask } => {
                    let c = self.masked(evaluator.context, input, mask);
                    let pair = extend(evaluator.context, &c, self.baby_special);
                    RotatedCopy { pair, source: Source::Input(c) }
                }
                Node::Step { from, element } => {
                    let siblings = self.children(from) > 1;
                    let outputs =
                        if self.children(index) > 0 { Outputs::BOTH } else { Outputs::NTT };
                    self.step(evaluator, &mut copies[from], element, siblings, outputs)?
                }
            };
            copies.push(copy);
        }
        Ok(copies.into_iter().map(|copy| copy.pair).collect())
    }

    /// The parent rotated.
    fn step(
        &self,
        evaluator: Evaluator<'_>,
        parent: &mut RotatedCopy,
        element: GaloisElement,
        siblings: bool,
        outputs: Outputs,
    ) -> Result<RotatedCopy, EvalError> {
        let (kind, level) = (KeyKind::Automorphism(element), self.level);
        let key = evaluator.key_with(kind, level, self.baby_special)?;
        let permutation = evaluator.context.permutation(element);
        let source = std::mem::replace(&mut parent.source, Source::Spent);
        // The product with the special primes of a plain input is part of its extended pair.
        let finish = Finish::rotation(Accumulator::Extended(&parent.pair.c0), &permutation);
        let layout = key.spec().layout();
        let tables = || evaluator.context.digits(&layout.digits, level, layout.special);
        let (mut product, source) = match source {
            Source::Hoisted(digits) => {
                // A key from another level may cut other digits.
                if !digits.fit(&tables()) {
                    return Err(MissingKey { kind, level }.into());
                }
                (key_product_hoisted(&digits, key, finish, outputs), Source::Hoisted(digits))
            }
            Source::Input(c) if siblings => {
                let digits = evaluator.digits(&c.c1, key).hoist();
                (key_product_hoisted(&digits, key, finish, outputs), Source::Hoisted(digits))
            }
            Source::Input(c) => {
                let digits = evaluator.digits(&c.c1, key);
                (key_product(&digits, key, finish, outputs), Source::Spent)
            }
            Source::Prepared(limbs) if siblings => {
                let digits = Digits::of_prepared(tables(), limbs).hoist();
                (key_product_hoisted(&digits, key, finish, outputs), Source::Hoisted(digits))
            }
            Source::Prepared(limbs) => {
                let digits = Digits::of_prepared(tables(), limbs);
                (key_product(&digits, key, finish, outputs), Source::Spent)
            }
            Source::Spent => unreachable!("an only child is made once"),
        };
        parent.source = source;
        let source = product.take_prepared().map_or(Source::Spent, Source::Prepared);
        Ok(RotatedCopy { pair: product.into_extended(), source })
    }

    fn children(&self, of: usize) -> usize {
        let is_child = |n: &&Node| matches!(n, Node::Step { from, .. } if *from == of);
        self.nodes.iter().filter(is_child).count()
    }

    /// The input at the transform's level, multiplied by a mask (or by the masks' scale).
    fn masked(&self, context: &Context, input: &Ciphertext, mask: Option<usize>) -> Ciphertext {
        let basis = context.set().modulus(self.level);
        let multiply = |poly: &Poly<Ntt>| {
            let limbs = basis.primes().par_iter().enumerate().map(|(i, prime)| {
                let x = &poly.limbs()[i];
                let mut out = Limb::stale(prime);
                for_width!(prime, W => match mask {
                    Some(m) => {
                        let mask = W::of(&self.masks[m][i]);
                        kernels::multiply::<W>(prime, W::of_mut(&mut out), W::of(x), mask);
                    }
                    None => {
                        let factor = prime.to_montgomery(prime.reduce(self.mask_scale as i128));
                        kernels::scale::<W>(prime, W::of_mut(&mut out), W::of(x), factor);
                    }
                });
                out
            });
            Poly::from_limbs(&basis, limbs.collect())
        };
        let scale = input.scale * self.mask_scale;
        Ciphertext { c0: multiply(&input.c0), c1: multiply(&input.c1), scale }
    }
}

/// A ciphertext multiplied by the special primes: zero modulo each of them.
fn extend(context: &Context, c: &Ciphertext, special: Special) -> Extended {
    let level = c.level();
    let all = primes(context, level, special);
    let special_values: Vec<u64> = all[level..].iter().map(|p| p.value()).collect();
    let basis = Basis::new(all.clone());
    let extend_poly = |poly: &Poly<Ntt>| {
        let limbs = all.par_iter().enumerate().map(|(i, prime)| {
            if i >= level {
                return Limb::zero(prime);
            }
            let mut out = Limb::stale(prime);
            let product = product_mod(special_values.iter().copied(), prime.value());
            let factor = prime.to_montgomery(product);
            for_width!(prime, W => {
                kernels::scale::<W>(prime, W::of_mut(&mut out), W::of(&poly.limbs()[i]), factor);
            });
            out
        });
        Poly::from_limbs(&basis, limbs.collect())
    };
    Extended { c0: extend_poly(&c.c0), c1: extend_poly(&c.c1), level, special }
}
