//! Key switching: from digits of a polynomial and a key to a ciphertext under another secret.
//!
//! The phases are parallel over limbs. The digits are extended to a few limbs at a time, which are
//! transformed, multiplied by the key and forgotten while still in cache; only hoisting, where
//! several keys read the same digits, stores them.

use blindsight_ckks::ciphertext::Ciphertext;
use blindsight_ckks::evaluation_key::EvaluationKey;
use blindsight_ckks::keys::{KeyKind, Special};
use std::ops::Range;
use std::sync::Arc;

use blindsight_ring::arith::{inv_mod_prime, mul_mod, product_mod};
use blindsight_ring::kernels::{self, Extras, KeyTerm};
use blindsight_ring::pool::Buffer;
use blindsight_ring::{Basis, GaloisElement, Limb, Ntt, Permutation, Poly, Prime, Word, for_width};
use rayon::prelude::*;

use crate::evaluator::{DigitTables, Evaluator, MissingKey};
use crate::extended::{Extended, TARGETS_PER_TASK, lift_limb, quotients};

/// A polynomial prepared for splitting into digits: lifted coefficients and quotients.
pub(crate) struct Digits<'a> {
    tables: Arc<DigitTables>,
    level: usize,
    special: Special,
    lifted: Vec<Limb>,
    quotients: Vec<Buffer<u32>>,
    /// The NTT values of the polynomial where they are known; else they are recomputed.
    own: Option<&'a Poly<Ntt>>,
}

/// Digits extended to all limbs: what hoisting stores.
pub(crate) struct HoistedDigits {
    pub(crate) primes: Vec<Arc<Prime>>,
    pub(crate) level: usize,
    pub(crate) special: Special,
    /// One row a digit, one limb a prime, as NTT values.
    pub(crate) rows: Vec<Vec<Limb>>,
}

/// What is added to and done with a key product.
#[derive(Clone, Copy, Default)]
pub(crate) struct Finish<'a> {
    /// The first half of the ciphertext being switched.
    pub(crate) carried: Option<Carried<'a>>,
    /// A polynomial modulo the chain for the second half: what a product of ciphertexts already
    /// has there.
    pub(crate) carried_second: Option<&'a Poly<Ntt>>,
    /// The automorphism applied afterwards.
    pub(crate) permutation: Option<&'a Permutation>,
    /// Added at the end.
    pub(crate) addend: Option<&'a Extended>,
}

/// The first half of a ciphertext that takes part in a key switch.
#[derive(Clone, Copy)]
pub(crate) enum Carried<'a> {
    /// Modulo the chain: multiplied by the special primes.
    Plain(&'a Poly<Ntt>),
    /// Modulo chain and special primes already.
    Extended(&'a Poly<Ntt>),
}

impl Evaluator<'_> {
    /// Rotates the slots by `steps` to the left.
    ///
    /// # Errors
    /// When the client sent no key for this rotation at this level.
    pub fn rotate(&self, c: &Ciphertext, steps: i64) -> Result<Ciphertext, MissingKey> {
        self.automorphism(c, GaloisElement::rotation(steps, self.set().degree()))
    }

    /// Conjugates the slots.
    ///
    /// # Errors
    /// When the client sent no conjugation key for this level.
    pub fn conjugate(&self, c: &Ciphertext) -> Result<Ciphertext, MissingKey> {
        self.automorphism(c, GaloisElement::conjugation(self.set().degree()))
    }

    /// Applies an automorphism.
    ///
    /// # Errors
    /// When the client sent no key for it at this level.
    pub fn automorphism(
        &self,
        c: &Ciphertext,
        element: GaloisElement,
    ) -> Result<Ciphertext, MissingKey> {
        let key = self.key(KeyKind::Automorphism(element), c.level())?;
        let digits = self.digits(&c.c1, key);
        let permutation = self.context.permutation(element);
        let finish = Finish {
            carried: Some(Carried::Plain(&c.c0)),
            permutation: Some(&permutation),
            ..Finish::default()
        };
        Ok(self.key_product(&digits, key, finish).divide(self.context, 0, c.scale))
    }

    /// Prepares a polynomial for a key (and all keys of the same shape).
    pub(crate) fn digits<'p>(&self, c1: &'p Poly<Ntt>, key: &EvaluationKey) -> Digits<'p> {
        let layout = &key.spec().layout;
        let level = c1.basis().len();
        let tables = self.context.digits(&layout.digits, level, layout.special);
        let mut lifted: Vec<Limb> = c1.limbs().to_vec();
        lifted.par_iter_mut().enumerate().for_each(|(i, limb)| {
            let (digit, range) = tables.digit_of(i);
            lift_limb(&tables.converters[digit], i - range.start, limb);
        });
        Digits::new(tables, level, layout.special, lifted, Some(c1))
    }

    /// Prepares the second half of an extended pair: divides by the special primes and lifts, all
    /// on coefficients.
    pub(crate) fn digits_of_extended(
        &self,
        c1: Poly<Ntt>,
        level: usize,
        special: Special,
        key: &EvaluationKey,
    ) -> Digits<'static> {
        let layout = &key.spec().layout;
        debug_assert_eq!(layout.special, special);
        let tables = self.context.digits(&layout.digits, level, special);
        let division = self.context.division(level, Some(special), 0);
        let primes = tables.primes.clone();
        let mut lifted = c1.into_limbs();
        lifted.par_iter_mut().enumerate().for_each(|(i, limb)| {
            if i < level {
                primes[i].inverse_ntt_unscaled(limb);
            } else {
                lift_limb(&division.converter, i - level, limb);
            }
        });
        let special_limbs = lifted.split_off(level);
        let sources: Vec<&Limb> = special_limbs.iter().collect();
        let quotient = quotients(&division.converter, &sources);
        lifted.par_chunks_mut(TARGETS_PER_TASK).enumerate().for_each(|(task, limbs)| {
            let first = task * TARGETS_PER_TASK;
            let mut remainders: Vec<Limb> =
                primes[first..].iter().take(limbs.len()).map(|p| Limb::stale(p)).collect();
            let mut targets: Vec<_> =
                remainders.iter_mut().enumerate().map(|(k, limb)| (first + k, limb)).collect();
            division.converter.convert(&sources, &quotient, &mut targets);
            for (k, (limb, remainder)) in limbs.iter_mut().zip(remainders).enumerate() {
                let i = first + k;
                let (prime, q) = (&primes[i], primes[i].value());
                let (digit, range) = tables.digit_of(i);
                // (x / N - remainder) / P, times the digit's lift factor.
                let product = |a, b| mul_mod(a, b, q);
                let lift = tables.converters[digit].lift_factor(i - range.start);
                let factor = product(division.inverses[i], lift);
                let of_x = prime.to_montgomery(product(factor, prime.degree_inverse()));
                let of_remainder = prime.to_montgomery(q - factor);
                let mut difference = Limb::stale(prime);
                for_width!(prime, W => {
                    let terms = [(W::of(limb), [of_x; 2]), (W::of(&remainder), [of_remainder; 2])];
                    kernels::linear_combination::<W>(prime, W::of_mut(&mut difference), &terms, [0; 2]);
                });
                *limb = difference;
            }
        });
        Digits::new(tables, level, special, lifted, None)
    }

    /// The inner product of digits and key, with what belongs to it.
    pub(crate) fn key_product(
        &self,
        digits: &Digits<'_>,
        key: &EvaluationKey,
        finish: Finish<'_>,
    ) -> Extended {
        let place = Place { primes: &digits.tables.primes, level: digits.level };
        place.product(digits.special, |first, outs| {
            let rows = digits.extend_to(first..first + outs.len());
            for (k, out) in outs.iter_mut().enumerate() {
                let limbs: Vec<&Limb> = rows
                    .iter()
                    .map(|row| row[k].as_ref().unwrap_or_else(|| digits.known_limb(first + k)))
                    .collect();
                place.limb_product(key, finish, first + k, &limbs, out);
            }
        })
    }

    /// The same with digits that were extended beforehand, for several keys to read.
    pub(crate) fn key_product_hoisted(
        digits: &HoistedDigits,
        key: &EvaluationKey,
        finish: Finish<'_>,
    ) -> Extended {
        let place = Place { primes: &digits.primes, level: digits.level };
        place.product(digits.special, |first, outs| {
            for (k, out) in outs.iter_mut().enumerate() {
                let limbs: Vec<&Limb> = digits.rows.iter().map(|row| &row[first + k]).collect();
                place.limb_product(key, finish, first + k, &limbs, out);
            }
        })
    }

    /// Rotates an extended pair and adds another: one step of Horner's scheme over giant steps.
    /// Only the second half is divided by the special primes; the first stays extended.
    pub(crate) fn rotate_extended(
        &self,
        x: Extended,
        element: GaloisElement,
        addend: Option<&Extended>,
    ) -> Result<Extended, MissingKey> {
        let key = self.key(KeyKind::Automorphism(element), x.level)?;
        let digits = self.digits_of_extended(x.c1, x.level, x.special, key);
        let permutation = self.context.permutation(element);
        let finish = Finish {
            carried: Some(Carried::Extended(&x.c0)),
            permutation: Some(&permutation),
            addend,
            ..Finish::default()
        };
        Ok(self.key_product(&digits, key, finish))
    }
}

/// The limbs that a key product runs over: those of a level, then the special ones.
#[derive(Clone, Copy)]
struct Place<'a> {
    primes: &'a [Arc<Prime>],
    level: usize,
}

impl Place<'_> {
    /// Makes an extended pair with a task for every few limbs, given the index of its first.
    fn product(
        self,
        special: Special,
        task: impl Fn(usize, &mut [[&mut Limb; 2]]) + Sync,
    ) -> Extended {
        let basis = Basis::new(self.primes.to_vec());
        let (mut c0, mut c1) = (Poly::stale(&basis), Poly::stale(&basis));
        let mut pairs: Vec<[&mut Limb; 2]> =
            c0.limbs_mut().iter_mut().zip(c1.limbs_mut()).map(|(b, a)| [b, a]).collect();
        pairs
            .par_chunks_mut(TARGETS_PER_TASK)
            .enumerate()
            .for_each(|(i, outs)| task(i * TARGETS_PER_TASK, outs));
        Extended { c0, c1, level: self.level, special }
    }

    fn limb_product(
        self,
        key: &EvaluationKey,
        finish: Finish<'_>,
        i: usize,
        digits: &[&Limb],
        [out_b, out_a]: &mut [&mut Limb; 2],
    ) {
        let (prime, level) = (&*self.primes[i], self.level);
        // A key made for a higher level has limbs in between that this level does not use.
        let key_limb = if i < level { i } else { key.spec().layout.level + i - level };
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
            let special = self.primes[level..].iter().map(|p| p.value());
            let times_special = prime.to_montgomery(product_mod(special, prime.value()));
            let first = match finish.carried {
                // P times a polynomial modulo the chain vanishes modulo the special primes.
                Some(Carried::Plain(_)) if i >= level => None,
                Some(Carried::Plain(c0)) => Some((W::of(&c0.limbs()[i]), times_special)),
                Some(Carried::Extended(c0)) => Some((W::of(&c0.limbs()[i]), prime.to_montgomery(1))),
                None => None,
            };
            let second = finish.carried_second.filter(|_| i < level);
            let carried = [first, second.map(|c1| (W::of(&c1.limbs()[i]), times_special))];
            let addend = finish.addend.map(|x| [W::of(&x.c0.limbs()[i]), W::of(&x.c1.limbs()[i])]);
            let extras = Extras { carried, permutation: finish.permutation, addend };
            kernels::key_product::<W>(prime, &terms, extras, W::of_mut(out_b), W::of_mut(out_a));
        });
    }
}

impl<'a> Digits<'a> {
    pub(crate) fn new(
        tables: Arc<DigitTables>,
        level: usize,
        special: Special,
        lifted: Vec<Limb>,
        own: Option<&'a Poly<Ntt>>,
    ) -> Self {
        let quotients = tables
            .ranges
            .iter()
            .zip(&tables.converters)
            .map(|(range, converter)| {
                let sources: Vec<&Limb> = lifted[range.clone()].iter().collect();
                quotients(converter, &sources)
            })
            .collect();
        Self { tables, level, special, lifted, quotients, own }
    }

    /// The NTT values of every digit at the limbs of `range`: one row a digit, one entry a limb.
    /// `None` stands for a limb inside the digit whose values are known already.
    fn extend_to(&self, range: Range<usize>) -> Vec<Vec<Option<Limb>>> {
        let primes = &self.tables.primes;
        let mut rows = Vec::with_capacity(self.tables.ranges.len());
        for (d, digit) in self.tables.ranges.iter().enumerate() {
            let mut row: Vec<Option<Limb>> = range
                .clone()
                .map(|i| {
                    let known = digit.contains(&i) && self.own.is_some();
                    (!known).then(|| Limb::stale(&primes[i]))
                })
                .collect();
            let mut targets = Vec::with_capacity(row.len());
            for (i, limb) in range.clone().zip(&mut row) {
                let Some(limb) = limb else { continue };
                if digit.contains(&i) {
                    self.unlift(d, i, limb);
                } else {
                    // Targets are numbered as if the digit's own limbs were not there.
                    let target = if i < digit.start { i } else { i - digit.len() };
                    targets.push((target, limb));
                }
            }
            if !targets.is_empty() {
                let sources: Vec<&Limb> = self.lifted[digit.clone()].iter().collect();
                self.tables.converters[d].convert(&sources, &self.quotients[d], &mut targets);
            }
            for (i, limb) in range.clone().zip(&mut row) {
                if let Some(limb) = limb {
                    primes[i].forward_ntt(limb);
                }
            }
            rows.push(row);
        }
        rows
    }

    /// Writes the coefficients of a limb inside a digit: undoes the lift.
    fn unlift(&self, digit: usize, i: usize, out: &mut Limb) {
        let prime = &self.tables.primes[i];
        let start = self.tables.ranges[digit].start;
        let lift = self.tables.converters[digit].lift_factor(i - start);
        let inverse = inv_mod_prime(lift, prime.value());
        for_width!(prime, W => kernels::scale::<W>(
            prime, W::of_mut(out), W::of(&self.lifted[i]), prime.to_montgomery(inverse)
        ));
    }

    fn known_limb(&self, i: usize) -> &Limb {
        self.own.map_or(&self.lifted[i], |poly| &poly.limbs()[i])
    }

    /// Extends every digit to every limb and keeps them.
    pub(crate) fn hoist(&self) -> HoistedDigits {
        let count = self.tables.primes.len();
        let tasks: Vec<_> = (0..count).step_by(TARGETS_PER_TASK).collect();
        let parts: Vec<_> = tasks
            .into_par_iter()
            .map(|first| self.extend_to(first..(first + TARGETS_PER_TASK).min(count)))
            .collect();
        let mut rows: Vec<Vec<Limb>> = self.tables.ranges.iter().map(|_| Vec::new()).collect();
        for part in parts {
            for (row, limbs) in rows.iter_mut().zip(part) {
                for limb in limbs {
                    let known = || self.known_limb(row.len()).clone();
                    row.push(limb.unwrap_or_else(known));
                }
            }
        }
        HoistedDigits {
            primes: self.tables.primes.clone(),
            level: self.level,
            special: self.special,
            rows,
        }
    }
}

impl DigitTables {
    /// The digit that limb `i` belongs to.
    pub(crate) fn digit_of(&self, i: usize) -> (usize, &Range<usize>) {
        let digit = self.ranges.iter().position(|r| r.contains(&i)).unwrap_or(0);
        (digit, &self.ranges[digit])
    }
}
