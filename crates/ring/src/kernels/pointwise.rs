//! Kernels that touch each residue once: sums, differences, scalings, permutations.

use super::dispatch::kernel;
use super::montgomery::{ModulusLanes, Rounds};
use super::simd::Simd;
use crate::automorphism::Permutation;
use crate::limb::{Limb, Word};
use crate::modulus::{Modulus, MontgomeryResidue};

/// A complex constant as two residues: the factor on the first half of the NTT
/// array and that on the second (see [`Prime::imaginary_unit`](crate::Prime::imaginary_unit)).
pub type HalfConstants = [MontgomeryResidue; 2];

kernel! {
    /// `x += y`.
    pub fn add<W>(modulus: &Modulus, x: &mut [W], y: &[W]) = add_body
}

kernel! {
    /// `x -= y`.
    pub fn subtract<W>(modulus: &Modulus, x: &mut [W], y: &[W]) = subtract_body
}

kernel! {
    /// `out = x * y / 2^52`: the product when one operand is in Montgomery form.
    pub fn multiply<W>(modulus: &Modulus, out: &mut [W], x: &[W], y: &[W]) = multiply_body
}

kernel! {
    /// `out = x * factor`.
    pub fn scale<W>(modulus: &Modulus, out: &mut [W], x: &[W], factor: MontgomeryResidue) = scale_body
}

kernel! {
    /// `x = x * factor`.
    pub fn scale_in_place<W>(modulus: &Modulus, x: &mut [W], factor: MontgomeryResidue) = scale_in_place_body
}

kernel! {
    /// `out = (x - out) * factor`: the end of a division by special
    /// primes, where `out` holds the remainder.
    pub fn subtract_scaled<W>(modulus: &Modulus, out: &mut [W], x: &[W], factor: MontgomeryResidue)
        = subtract_scaled_body
}

kernel! {
    /// `out[permuted] = x`: an automorphism on NTT values.
    pub fn permute<W>(permutation: &Permutation, out: &mut [W], x: &[W]) = permute_body
}

kernel! {
    /// `out = sum_k x_k * c_k + constant`, where `c_k` and the constant (plain residues) have one
    /// value on each half of the NTT array: a combination with complex
    /// coefficients.
    pub fn linear_combination<W>(
        modulus: &Modulus,
        out: &mut [W],
        terms: &[(&[W], HalfConstants)],
        constant: [u64; 2],
    ) = linear_combination_body
}

/// `limb *= factor`.
pub fn scale_limb(modulus: &Modulus, limb: &mut Limb, factor: MontgomeryResidue) {
    match limb {
        Limb::Narrow(words) => scale_in_place::<u32>(modulus, words, factor),
        Limb::Wide(words) => scale_in_place::<u64>(modulus, words, factor),
    }
}

#[inline(always)]
pub(super) fn add_body<S: Simd, W: Word>(simd: S, modulus: &Modulus, x: &mut [W], y: &[W]) {
    let q = ModulusLanes::new(simd, modulus);
    for (x, y) in x.as_chunks_mut().0.iter_mut().zip(y.as_chunks().0) {
        simd.store(q.add(simd.load(x), simd.load(y)), x);
    }
}

#[inline(always)]
pub(super) fn subtract_body<S: Simd, W: Word>(simd: S, modulus: &Modulus, x: &mut [W], y: &[W]) {
    let q = ModulusLanes::new(simd, modulus);
    for (x, y) in x.as_chunks_mut().0.iter_mut().zip(y.as_chunks().0) {
        simd.store(q.subtract(simd.load(x), simd.load(y)), x);
    }
}

#[inline(always)]
pub(super) fn multiply_body<S: Simd, W: Word>(
    simd: S,
    modulus: &Modulus,
    out: &mut [W],
    x: &[W],
    y: &[W],
) {
    let q = ModulusLanes::new(simd, modulus);
    let operands = x.as_chunks().0.iter().zip(y.as_chunks().0);
    for (out, (x, y)) in out.as_chunks_mut().0.iter_mut().zip(operands) {
        simd.store(q.multiply(simd.load(x), simd.load(y)), out);
    }
}

#[inline(always)]
pub(super) fn scale_body<S: Simd, W: Word>(
    simd: S,
    modulus: &Modulus,
    out: &mut [W],
    x: &[W],
    factor: MontgomeryResidue,
) {
    let q = ModulusLanes::new(simd, modulus);
    let factor = simd.splat(factor.value());
    for (out, x) in out.as_chunks_mut().0.iter_mut().zip(x.as_chunks().0) {
        simd.store(q.multiply(simd.load(x), factor), out);
    }
}

#[inline(always)]
pub(super) fn scale_in_place_body<S: Simd, W: Word>(
    simd: S,
    modulus: &Modulus,
    x: &mut [W],
    factor: MontgomeryResidue,
) {
    let q = ModulusLanes::new(simd, modulus);
    let factor = simd.splat(factor.value());
    for x in x.as_chunks_mut().0 {
        simd.store(q.multiply(simd.load(x), factor), x);
    }
}

#[inline(always)]
pub(super) fn subtract_scaled_body<S: Simd, W: Word>(
    simd: S,
    modulus: &Modulus,
    out: &mut [W],
    x: &[W],
    factor: MontgomeryResidue,
) {
    let q = ModulusLanes::new(simd, modulus);
    let factor = simd.splat(factor.value());
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
    modulus: &Modulus,
    out: &mut [W],
    terms: &[(&[W], HalfConstants)],
    constant: [u64; 2],
) {
    let q = ModulusLanes::new(simd, modulus);
    let rounds = Rounds::for_terms(terms.len(), modulus.bits());
    let half = out.len() / 2;
    for (side, out) in out.chunks_exact_mut(half).enumerate() {
        let constant = simd.splat(constant[side]);
        for (i, out) in out.as_chunks_mut().0.iter_mut().enumerate() {
            let mut sum = q.empty();
            for (x, factor) in terms {
                let x = &x.as_chunks().0[side * half / 8 + i];
                sum = q.accumulate(sum, simd.load(x), simd.splat(factor[side].value()));
            }
            simd.store(q.add(q.reduce(sum, rounds), constant), out);
        }
    }
}
