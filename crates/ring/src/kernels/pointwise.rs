//! Kernels that touch each residue once: sums, differences, scalings, permutations.

use super::kernel;
use super::montgomery::{Modulus, Rounds};
use super::simd::Simd;
use crate::automorphism::Permutation;
use crate::limb::Word;
use crate::prime::Prime;

/// A complex constant as two residues in Montgomery form: the factor on the first half of the NTT
/// array and that on the second (see [`Prime::imaginary_unit`]).
pub type HalfConstants = [u64; 2];

kernel! {
    /// `x += y`.
    pub fn add<W>(prime: &Prime, x: &mut [W], y: &[W]) = add_body
}

kernel! {
    /// `x -= y`.
    pub fn subtract<W>(prime: &Prime, x: &mut [W], y: &[W]) = subtract_body
}

kernel! {
    /// `out = x * y / 2^52`: the product when one operand is in Montgomery form.
    pub fn multiply<W>(prime: &Prime, out: &mut [W], x: &[W], y: &[W]) = multiply_body
}

kernel! {
    /// `out = x * factor`, the factor in Montgomery form.
    pub fn scale<W>(prime: &Prime, out: &mut [W], x: &[W], factor: u64) = scale_body
}

kernel! {
    /// `x = x * factor`, the factor in Montgomery form.
    pub fn scale_in_place<W>(prime: &Prime, x: &mut [W], factor: u64) = scale_in_place_body
}

kernel! {
    /// `out = (x - out) * factor`, the factor in Montgomery form: the end of a division by special
    /// primes, where `out` holds the remainder.
    pub fn subtract_scaled<W>(prime: &Prime, out: &mut [W], x: &[W], factor: u64)
        = subtract_scaled_body
}

kernel! {
    /// `out[permuted] = x`: an automorphism on NTT values.
    pub fn permute<W>(permutation: &Permutation, out: &mut [W], x: &[W]) = permute_body
}

kernel! {
    /// `out = sum_k x_k * c_k + constant`, where `c_k` (Montgomery form) and the constant (plain
    /// residues) have one value on each half of the NTT array: a combination with complex
    /// coefficients.
    pub fn linear_combination<W>(
        prime: &Prime,
        out: &mut [W],
        terms: &[(&[W], HalfConstants)],
        constant: HalfConstants,
    ) = linear_combination_body
}

#[inline(always)]
pub(super) fn add_body<S: Simd, W: Word>(simd: S, prime: &Prime, x: &mut [W], y: &[W]) {
    let q = Modulus::new(simd, prime);
    for (x, y) in x.as_chunks_mut().0.iter_mut().zip(y.as_chunks().0) {
        simd.store(q.add(simd.load(x), simd.load(y)), x);
    }
}

#[inline(always)]
pub(super) fn subtract_body<S: Simd, W: Word>(simd: S, prime: &Prime, x: &mut [W], y: &[W]) {
    let q = Modulus::new(simd, prime);
    for (x, y) in x.as_chunks_mut().0.iter_mut().zip(y.as_chunks().0) {
        simd.store(q.subtract(simd.load(x), simd.load(y)), x);
    }
}

#[inline(always)]
pub(super) fn multiply_body<S: Simd, W: Word>(
    simd: S,
    prime: &Prime,
    out: &mut [W],
    x: &[W],
    y: &[W],
) {
    let q = Modulus::new(simd, prime);
    let operands = x.as_chunks().0.iter().zip(y.as_chunks().0);
    for (out, (x, y)) in out.as_chunks_mut().0.iter_mut().zip(operands) {
        simd.store(q.multiply(simd.load(x), simd.load(y)), out);
    }
}

#[inline(always)]
pub(super) fn scale_body<S: Simd, W: Word>(
    simd: S,
    prime: &Prime,
    out: &mut [W],
    x: &[W],
    factor: u64,
) {
    let q = Modulus::new(simd, prime);
    let factor = simd.splat(factor);
    for (out, x) in out.as_chunks_mut().0.iter_mut().zip(x.as_chunks().0) {
        simd.store(q.multiply(simd.load(x), factor), out);
    }
}

#[inline(always)]
pub(super) fn scale_in_place_body<S: Simd, W: Word>(
    simd: S,
    prime: &Prime,
    x: &mut [W],
    factor: u64,
) {
    let q = Modulus::new(simd, prime);
    let factor = simd.splat(factor);
    for x in x.as_chunks_mut().0 {
        simd.store(q.multiply(simd.load(x), factor), x);
    }
}

#[inline(always)]
pub(super) fn subtract_scaled_body<S: Simd, W: Word>(
    simd: S,
    prime: &Prime,
    out: &mut [W],
    x: &[W],
    factor: u64,
) {
    let q = Modulus::new(simd, prime);
    let factor = simd.splat(factor);
    for (out, x) in out.as_chunks_mut().0.iter_mut().zip(x.as_chunks().0) {
        let difference = q.subtract(simd.load(x), simd.load(out));
        simd.store(q.multiply(difference, factor), out);
    }
}

#[inline(always)]
pub(super) fn permute_body<S: Simd, W: Word>(
    simd: S,
    permutation: &Permutation,
    out: &mut [W],
    x: &[W],
) {
    let out = out.as_chunks_mut().0;
    for (&target, x) in permutation.targets().iter().zip(x.as_chunks().0) {
        let lanes = simd.permute(simd.load(x), permutation.pattern(target));
        simd.store(lanes, &mut out[target.group()]);
    }
}

#[inline(always)]
pub(super) fn linear_combination_body<S: Simd, W: Word>(
    simd: S,
    prime: &Prime,
    out: &mut [W],
    terms: &[(&[W], HalfConstants)],
    constant: HalfConstants,
) {
    let q = Modulus::new(simd, prime);
    let rounds = Rounds::for_terms(terms.len(), prime.bits());
    let half = out.len() / 2;
    for (side, out) in out.chunks_exact_mut(half).enumerate() {
        let constant = simd.splat(constant[side]);
        for (i, out) in out.as_chunks_mut().0.iter_mut().enumerate() {
            let mut sum = q.empty();
            for (x, factor) in terms {
                let x = &x.as_chunks().0[side * half / 8 + i];
                sum = q.accumulate(sum, simd.load(x), simd.splat(factor[side]));
            }
            simd.store(q.add(q.reduce(sum, rounds), constant), out);
        }
    }
}
