//! The inner product of digits and a key, with everything that is done to it while in cache.

use blindsight_ckks::evaluation_key::EvaluationKey;
use blindsight_ckks::keys::Special;
use blindsight_ring::kernels::{self, Extras, KeyTerm};
use blindsight_ring::{Limb, Ntt, Permutation, Poly, Word, for_width};
use rayon::prelude::*;

use super::digits::{Digits, HoistedDigits, prepare_limb};
use crate::context::DigitTables;
use crate::extended::Extended;
use crate::parallel::{gather, tasks};

/// What is added to and done with a key product.
#[derive(Clone, Copy, Default)]
pub(crate) struct Finish<'a> {
    /// The first half of the ciphertext being switched.
    pub(crate) first: Option<Accumulator<'a>>,
    /// A polynomial modulo the chain for the second half: what a product of ciphertexts already
    /// has there.
    pub(crate) second: Option<&'a Poly<Ntt>>,
    /// The automorphism applied afterwards.
    pub(crate) permutation: Option<&'a Permutation>,
    /// Added at the end.
    pub(crate) addend: Option<&'a Extended>,
}

/// The first half of a ciphertext that takes part in a key switch.
#[derive(Clone, Copy)]
pub(crate) enum Accumulator<'a> {
    /// Modulo the chain: multiplied by the special primes.
    Plain(&'a Poly<Ntt>),
    /// Modulo chain and special primes already.
    Extended(&'a Poly<Ntt>),
}

/// In which forms the second half of a product is wanted.
#[derive(Clone, Copy)]
pub(crate) struct Outputs {
    ntt: bool,
    prepared: bool,
}

/// A key product.
pub(crate) struct Product {
    pub(crate) level: usize,
    pub(crate) special: Special,
    pub(crate) c0: Poly<Ntt>,
    c1: Option<Poly<Ntt>>,
    prepared: Option<Vec<Limb>>,
}

impl Outputs {
    /// NTT values: the product is used as it is.
    pub(crate) const NTT: Self = Self { ntt: true, prepared: false };
    /// Prepared coefficients: the product is only rotated again.
    pub(crate) const PREPARED: Self = Self { ntt: false, prepared: true };
    /// Both.
    pub(crate) const BOTH: Self = Self { ntt: true, prepared: true };
}

impl<'a> Finish<'a> {
    /// A rotation of a ciphertext with the given first half.
    pub(crate) fn rotation(first: Accumulator<'a>, permutation: &'a Permutation) -> Self {
        Self { first: Some(first), permutation: Some(permutation), ..Self::default() }
    }
}

impl Product {
    /// The product as an extended pair; it was asked for in NTT values.
    pub(crate) fn into_extended(self) -> Extended {
        let c1 = self.c1.expect("the product was asked for in NTT values");
        Extended { c0: self.c0, c1, level: self.level, special: self.special }
    }

    /// The prepared second half, if it was asked for.
    pub(crate) fn take_prepared(&mut self) -> Option<Vec<Limb>> {
        self.prepared.take()
    }

    /// The product as a pair to be rotated further; it was asked for in prepared form.
    pub(crate) fn into_rotating(self) -> super::Rotating {
        let prepared = self.prepared.expect("the product was asked for in prepared form");
        super::Rotating { c0: self.c0, prepared }
    }
}

/// The inner product of digits and key, with what belongs to it.
pub(crate) fn key_product(
    digits: &Digits<'_>,
    key: &EvaluationKey,
    finish: Finish<'_>,
    outputs: Outputs,
) -> Product {
    product(&digits.tables, outputs, |indices| {
        let rows = digits.extend_to(indices);
        let columns = indices.iter().enumerate().map(|(k, &i)| {
            let limbs: Vec<&Limb> =
                rows.iter().map(|row| row[k].as_ref().unwrap_or_else(|| digits.known(i))).collect();
            (i, limb_product(&digits.tables, key, finish, i, &limbs))
        });
        columns.collect()
    })
}

/// The same with digits that were extended beforehand, for several keys to read.
pub(crate) fn key_product_hoisted(
    digits: &HoistedDigits,
    key: &EvaluationKey,
    finish: Finish<'_>,
    outputs: Outputs,
) -> Product {
    product(&digits.tables, outputs, |indices| {
        let columns = indices.iter().map(|&i| {
            let limbs: Vec<&Limb> = digits.rows.iter().map(|row| &row[i]).collect();
            (i, limb_product(&digits.tables, key, finish, i, &limbs))
        });
        columns.collect()
    })
}

/// Assembles a product from the pairs of limbs that `pairs` makes for a few indices.
fn product(
    tables: &DigitTables,
    outputs: Outputs,
    pairs: impl Fn(&[usize]) -> Vec<(usize, [Limb; 2])> + Sync,
) -> Product {
    let parts = tasks(tables.basis.primes()).into_par_iter().map(|indices| {
        let finished = pairs(&indices).into_iter().map(|(i, [b, a])| {
            let prepared = outputs.prepared.then(|| prepare_limb(tables, i, &a));
            (i, (b, outputs.ntt.then_some(a), prepared))
        });
        finished.collect::<Vec<_>>()
    });
    let limbs = gather(parts.collect());
    let (mut c0, mut c1, mut prepared) = (Vec::new(), Vec::new(), Vec::new());
    for (b, a, coefficients) in limbs {
        c0.push(b);
        c1.extend(a);
        prepared.extend(coefficients);
    }
    let basis = &tables.basis;
    Product {
        level: tables.level,
        special: tables.special,
        c0: Poly::from_limbs(basis, c0),
        c1: outputs.ntt.then(|| Poly::from_limbs(basis, c1)),
        prepared: outputs.prepared.then_some(prepared),
    }
}

fn limb_product(
    tables: &DigitTables,
    key: &EvaluationKey,
    finish: Finish<'_>,
    i: usize,
    digits: &[&Limb],
) -> [Limb; 2] {
    let (prime, level) = (&*tables.basis.primes()[i], tables.level);
    // A key made for a higher level has limbs in between that this level does not use.
    let key_limb = if i < level { i } else { key.spec().layout().level + i - level };
    let (mut out_b, mut out_a) = (Limb::stale(prime), Limb::stale(prime));
    for_width!(prime, W => {
        let terms: Vec<KeyTerm<'_, W>> = digits
            .iter()
            .zip(key.rows())
            .map(|(digit, [b, a])| KeyTerm {
                digit: W::of(digit),
                b: W::of(&b.limbs()[key_limb]),
                a: W::of(&a.limbs()[key_limb]),
            })
            .collect();
        // Times the special primes, a polynomial modulo the chain vanishes modulo each of them.
        let first = match finish.first {
            Some(Accumulator::Plain(c0)) => {
                tables.special_products.get(i).map(|f| (W::of(&c0.limbs()[i]), *f))
            }
            Some(Accumulator::Extended(c0)) => Some((W::of(&c0.limbs()[i]), prime.to_montgomery(1))),
            None => None,
        };
        let second = finish.second.and_then(|c1| {
            tables.special_products.get(i).map(|f| (W::of(&c1.limbs()[i]), *f))
        });
        let addend = finish.addend.map(|x| [W::of(&x.c0.limbs()[i]), W::of(&x.c1.limbs()[i])]);
        let extras = Extras { carried: [first, second], permutation: finish.permutation, addend };
        let (out_b, out_a) = (W::of_mut(&mut out_b), W::of_mut(&mut out_a));
        kernels::key_product::<W>(prime, &terms, extras, out_b, out_a);
    });
    [out_b, out_a]
}
