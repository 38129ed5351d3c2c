//! Kernels that accumulate products: key products, tensor products, plaintext-weighted sums.

use super::kernel;
use super::montgomery::{Modulus, Rounds};
use super::simd::Simd;
use crate::automorphism::Permutation;
use crate::limb::Word;
use crate::prime::Prime;

/// One digit of a decomposed polynomial with the two halves of its key row (Montgomery form).
#[derive(Clone, Copy)]
pub struct KeyTerm<'a, W> {
    /// The digit, extended to this limb, as NTT values.
    pub digit: &'a [W],
    /// The half of the key that carries the message.
    pub b: &'a [W],
    /// The uniform half of the key.
    pub a: &'a [W],
}

/// What a key product does besides the product, in the same pass over memory.
#[derive(Clone, Copy)]
pub struct Extras<'a, W> {
    /// For each sum, a polynomial and a factor (Montgomery form) added before permuting.
    pub carried: [Option<(&'a [W], u64)>; 2],
    /// The automorphism applied to both sums.
    pub permutation: Option<&'a Permutation>,
    /// A pair added to the (permuted) sums.
    pub addend: Option<[&'a [W]; 2]>,
}

impl<W> Default for Extras<'_, W> {
    fn default() -> Self {
        Self { carried: [None; 2], permutation: None, addend: None }
    }
}

/// Two ciphertexts (as pairs of limbs) to be multiplied.
pub type TensorPair<'a, W> = [&'a [W]; 4];

/// A plaintext weight (Montgomery form) of one term of a weighted sum.
#[derive(Clone, Copy)]
pub struct Weighted<'a, W> {
    /// Which pair of the input list it multiplies.
    pub input: usize,
    /// The NTT values. A plaintext whose slots repeat is constant on aligned runs of the NTT array
    /// and stores one word a run; all weights of one call have the same length.
    pub weight: &'a [W],
}

kernel! {
    /// `out = automorphism(sum_d digit_d * (b_d, a_d) + carried) + addend`: the inner product of a
    /// key switch, fused with what follows it.
    pub fn key_product<W>(
        prime: &Prime,
        terms: &[KeyTerm<'_, W>],
        extras: Extras<'_, W>,
        out_b: &mut [W],
        out_a: &mut [W],
    ) = key_product_body
}

kernel! {
    /// The tensor product of pairs of ciphertexts, summed and multiplied by a small constant:
    /// `out = factor * sum (x0 y0, x0 y1 + x1 y0, x1 y1)`, with an optional pair added to the first
    /// two. `factor` must be `factor * 2^104 mod q`: the operands are not in Montgomery form.
    pub fn tensor<W>(
        prime: &Prime,
        pairs: &[TensorPair<'_, W>],
        factor: u64,
        addend: Option<[&[W]; 2]>,
        out: [&mut [W]; 3],
    ) = tensor_body
}

kernel! {
    /// `outs[g] = sum over the terms of sums[g] of inputs[term.input] * term.weight`, for all `g` in
    /// one pass over the inputs: the inner sums of a baby-step giant-step linear transform.
    pub fn weighted_sums<W>(
        prime: &Prime,
        inputs: &[[&[W]; 2]],
        sums: &[Vec<Weighted<'_, W>>],
        outs: &mut [[&mut [W]; 2]],
    ) = weighted_sums_body
}

#[inline(always)]
pub(super) fn key_product_body<S: Simd, W: Word>(
    simd: S,
    prime: &Prime,
    terms: &[KeyTerm<'_, W>],
    extras: Extras<'_, W>,
    out_b: &mut [W],
    out_a: &mut [W],
) {
    let q = Modulus::new(simd, prime);
    let rounds = Rounds::for_terms(terms.len() + 1, prime.bits());
    let (out_b, out_a) = (out_b.as_chunks_mut().0, out_a.as_chunks_mut().0);
    for i in 0..out_b.len() {
        let (mut b, mut a) = (q.empty(), q.empty());
        for term in terms {
            let digit = simd.load(&term.digit.as_chunks().0[i]);
            b = q.accumulate(b, digit, simd.load(&term.b.as_chunks().0[i]));
            a = q.accumulate(a, digit, simd.load(&term.a.as_chunks().0[i]));
        }
        if let Some((x, factor)) = extras.carried[0] {
            b = q.accumulate(b, simd.load(&x.as_chunks().0[i]), simd.splat(factor));
        }
        if let Some((x, factor)) = extras.carried[1] {
            a = q.accumulate(a, simd.load(&x.as_chunks().0[i]), simd.splat(factor));
        }
        let (mut b, mut a) = (q.reduce(b, rounds), q.reduce(a, rounds));
        let mut target = i;
        if let Some(permutation) = extras.permutation {
            let to = permutation.targets()[i];
            b = simd.permute(b, permutation.pattern(to));
            a = simd.permute(a, permutation.pattern(to));
            target = to.group();
        }
        if let Some([to_b, to_a]) = extras.addend {
            b = q.add(b, simd.load(&to_b.as_chunks().0[target]));
            a = q.add(a, simd.load(&to_a.as_chunks().0[target]));
        }
        simd.store(b, &mut out_b[target]);
        simd.store(a, &mut out_a[target]);
    }
}

#[inline(always)]
pub(super) fn tensor_body<S: Simd, W: Word>(
    simd: S,
    prime: &Prime,
    pairs: &[TensorPair<'_, W>],
    factor: u64,
    addend: Option<[&[W]; 2]>,
    out: [&mut [W]; 3],
) {
    let q = Modulus::new(simd, prime);
    let rounds = Rounds::for_terms(2 * pairs.len(), prime.bits());
    let factor = simd.splat(factor);
    let [out0, out1, out2] = out.map(|limb| limb.as_chunks_mut().0);
    for i in 0..out0.len() {
        let (mut d0, mut d1, mut d2) = (q.empty(), q.empty(), q.empty());
        for pair in pairs {
            let [x0, x1, y0, y1] = pair.map(|limb| simd.load(&limb.as_chunks().0[i]));
            let (y0, y1) = (q.multiply(y0, factor), q.multiply(y1, factor));
            d0 = q.accumulate(d0, x0, y0);
            d1 = q.accumulate(d1, x0, y1);
            d1 = q.accumulate(d1, x1, y0);
            d2 = q.accumulate(d2, x1, y1);
        }
        let (mut d0, mut d1) = (q.reduce(d0, rounds), q.reduce(d1, rounds));
        if let Some([l0, l1]) = addend {
            d0 = q.add(d0, simd.load(&l0.as_chunks().0[i]));
            d1 = q.add(d1, simd.load(&l1.as_chunks().0[i]));
        }
        simd.store(d0, &mut out0[i]);
        simd.store(d1, &mut out1[i]);
        simd.store(q.reduce(d2, rounds), &mut out2[i]);
    }
}

/// Groups of eight words handled before moving to the next sum: the inputs' chunk then stays in
/// the first-level cache while all sums read it.
const CHUNK: usize = 32;

#[inline(always)]
pub(super) fn weighted_sums_body<S: Simd, W: Word>(
    simd: S,
    prime: &Prime,
    inputs: &[[&[W]; 2]],
    sums: &[Vec<Weighted<'_, W>>],
    outs: &mut [[&mut [W]; 2]],
) {
    let q = Modulus::new(simd, prime);
    let Some(first) = inputs.first() else { return };
    let degree = first[0].len();
    for start in (0..degree / 8).step_by(CHUNK) {
        for (terms, [out_b, out_a]) in sums.iter().zip(outs.iter_mut()) {
            let (out_b, out_a) = (out_b.as_chunks_mut().0, out_a.as_chunks_mut().0);
            let rounds = Rounds::for_terms(terms.len(), prime.bits());
            let run = terms.first().map_or(8, |t| degree / t.weight.len());
            let range = start..(start + CHUNK).min(degree / 8);
            if run >= 16 {
                for i in range.step_by(2) {
                    let sum = shared_weight(simd, q, inputs, terms, i, 8 * i / run);
                    for (k, (b, a)) in sum.into_iter().enumerate() {
                        simd.store(q.reduce(b, rounds), &mut out_b[i + k]);
                        simd.store(q.reduce(a, rounds), &mut out_a[i + k]);
                    }
                }
            } else {
                for i in range {
                    let (mut b, mut a) = (q.empty(), q.empty());
                    for term in terms {
                        let weight = weight_lanes(simd, term.weight, i, run);
                        let [x0, x1] = inputs[term.input];
                        b = q.accumulate(b, simd.load(&x0.as_chunks().0[i]), weight);
                        a = q.accumulate(a, simd.load(&x1.as_chunks().0[i]), weight);
                    }
                    simd.store(q.reduce(b, rounds), &mut out_b[i]);
                    simd.store(q.reduce(a, rounds), &mut out_a[i]);
                }
            }
        }
    }
}

type PairSum<S> = (super::montgomery::Sum<S>, super::montgomery::Sum<S>);

/// Two neighbouring groups of eight that share one weight word: one broadcast serves eight
/// multiply-adds.
#[inline(always)]
fn shared_weight<S: Simd, W: Word>(
    simd: S,
    q: Modulus<S>,
    inputs: &[[&[W]; 2]],
    terms: &[Weighted<'_, W>],
    i: usize,
    word: usize,
) -> [PairSum<S>; 2] {
    let mut left = (q.empty(), q.empty());
    let mut right = left;
    for term in terms {
        let weight = simd.splat(term.weight[word].into());
        let [x0, x1] = inputs[term.input].map(|limb| limb.as_chunks().0);
        left.0 = q.accumulate(left.0, simd.load(&x0[i]), weight);
        left.1 = q.accumulate(left.1, simd.load(&x1[i]), weight);
        right.0 = q.accumulate(right.0, simd.load(&x0[i + 1]), weight);
        right.1 = q.accumulate(right.1, simd.load(&x1[i + 1]), weight);
    }
    [left, right]
}

/// The weights of group `i` when one stored word covers `run` (1, 2, 4 or 8) residues.
#[inline(always)]
fn weight_lanes<S: Simd, W: Word>(simd: S, weight: &[W], i: usize, run: usize) -> S::Lanes {
    match run {
        1 => simd.load(&weight.as_chunks().0[i]),
        8 => simd.splat(weight[i].into()),
        _ => simd.load::<u64>(&core::array::from_fn(|k| weight[(8 * i + k) / run].into())),
    }
}
