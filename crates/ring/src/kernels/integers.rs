//! Sums with small integer weights, and squares of ciphertexts of several parts: the inner loops of
//! circuits in which a value is a ciphertext and a slot is an input.
//!
//! A weight of a few bits times a residue stays within 52 bits, where one IFMA instruction gives
//! the whole product: a term costs one multiply-add, and a sum is reduced once for hundreds of
//! terms. Weights are made positive by an offset, which is taken off again as a multiple of the sum
//! of all inputs.

use super::dispatch::kernel;
use super::montgomery::{ModulusLanes, Rounds, Sum};
use super::simd::Simd;
use crate::limb::Word;
use crate::modulus::{Modulus, MontgomeryResidue};

/// Sums that are computed in one pass over the inputs.
pub const SUMS_TOGETHER: usize = 8;

/// The most bits of a residue and an (offset) weight together.
pub const PRODUCT_BITS: u32 = 52;

/// The most terms between two reductions: products of 52 bits must not overflow 64.
const MOST_TERMS: usize = 1024;

/// Integer weights of several sums over the same inputs, as the kernel reads them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntegerWeights {
    /// For each group of sums, for each input, [`SUMS_TOGETHER`] weights with the offset.
    words: Vec<u64>,
    inputs: usize,
    sums: usize,
    offset: u64,
}

impl IntegerWeights {
    /// The weights of `sums` sums over `inputs` inputs, one or more of each; `weight(sum, input)` is below
    /// `2^(bits - 1)` in magnitude.
    #[must_use]
    pub fn new(
        sums: usize,
        inputs: usize,
        bits: u32,
        weight: impl Fn(usize, usize) -> i64,
    ) -> Self {
        let offset = 1_u64 << (bits - 1);
        let mut words = Vec::with_capacity(sums.div_ceil(SUMS_TOGETHER) * inputs * SUMS_TOGETHER);
        for first in (0..sums).step_by(SUMS_TOGETHER) {
            for input in 0..inputs {
                words.extend((first..first + SUMS_TOGETHER).map(|sum| {
                    let weight = if sum < sums { weight(sum, input) } else { 0 };
                    debug_assert!(weight.unsigned_abs() < offset);
                    offset.wrapping_add_signed(weight)
                }));
            }
        }
        Self { words, inputs, sums, offset }
    }

    /// The number of sums.
    #[must_use]
    pub fn sums(&self) -> usize {
        self.sums
    }

    /// The bytes that the weights occupy.
    #[must_use]
    pub fn byte_len(&self) -> usize {
        self.words.len() * 8
    }
}

kernel! {
    /// `outs[s] = sum over t of inputs[t] * weight(s, t)`: residues below the modulus, whose bits
    /// and those of the weights are [`PRODUCT_BITS`] at most together. All arrays have one length,
    /// a multiple of 16.
    pub fn integer_sums<W>(
        modulus: &Modulus,
        inputs: &[&[W]],
        weights: &IntegerWeights,
        outs: &mut [&mut [W]],
    ) = integer_sums_body
}

kernel! {
    /// The square of a ciphertext of several parts: `outs[k] = sum over i + j = k of parts[i] *
    /// parts[j]`. `radix` is `2^104 mod q`, `2^52` in Montgomery form. At most 16 parts.
    pub fn square_parts<W>(
        modulus: &Modulus,
        radix: MontgomeryResidue,
        parts: &[&[W]],
        outs: &mut [&mut [W]],
    ) = square_parts_body
}

/// The most parts of a ciphertext that is squared.
pub const MOST_PARTS: usize = 16;

#[inline(always)]
pub(super) fn integer_sums_body<S: Simd, W: Word>(
    simd: S,
    modulus: &Modulus,
    inputs: &[&[W]],
    weights: &IntegerWeights,
    outs: &mut [&mut [W]],
) {
    debug_assert!(inputs.len() == weights.inputs && outs.len() == weights.sums);
    debug_assert!(modulus.bits() + weights.offset.trailing_zeros() < PRODUCT_BITS);
    let q = Reducer::new(simd, modulus, weights.offset);
    let length = outs.first().map_or(0, |out| out.len());
    let group = weights.inputs * SUMS_TOGETHER;
    for (outs, words) in outs.chunks_mut(SUMS_TOGETHER).zip(weights.words.chunks(group.max(1))) {
        let words: &[[u64; SUMS_TOGETHER]] = words.as_chunks().0;
        for i in (0..length / 8).step_by(2) {
            let mut totals = [[simd.splat(0); 2]; SUMS_TOGETHER];
            for (inputs, words) in inputs.chunks(MOST_TERMS).zip(words.chunks(MOST_TERMS)) {
                let mut sums = [[simd.splat(0); 2]; SUMS_TOGETHER];
                let mut all = [simd.splat(0); 2];
                for (input, words) in inputs.iter().zip(words) {
                    let input = &input.as_chunks::<8>().0[i..i + 2];
                    let x = [simd.load(&input[0]), simd.load(&input[1])];
                    all = [simd.add(all[0], x[0]), simd.add(all[1], x[1])];
                    for s in 0..SUMS_TOGETHER {
                        let weight = simd.splat(words[s]);
                        sums[s][0] = simd.madd_low(sums[s][0], x[0], weight);
                        sums[s][1] = simd.madd_low(sums[s][1], x[1], weight);
                    }
                }
                let less = [q.less_offset(all[0]), q.less_offset(all[1])];
                for s in 0..SUMS_TOGETHER {
                    for k in 0..2 {
                        let sum = q.residue(simd.add(sums[s][k], less[k]));
                        totals[s][k] = q.lanes.add(totals[s][k], sum);
                    }
                }
            }
            for (out, total) in outs.iter_mut().zip(totals) {
                let out = &mut out.as_chunks_mut::<8>().0[i..i + 2];
                simd.store(total[0], &mut out[0]);
                simd.store(total[1], &mut out[1]);
            }
        }
    }
}

/// Reduction of sums of products of 52 bits.
#[derive(Clone, Copy)]
struct Reducer<S: Simd> {
    simd: S,
    lanes: ModulusLanes<S>,
    /// `2^104 mod q`: what brings a Montgomery reduction back.
    radix: S::Lanes,
    /// A multiple of the modulus that no sum of inputs times the offset exceeds: below `2^62`.
    above: S::Lanes,
    log2_offset: u32,
    low_52: S::Lanes,
}

impl<S: Simd> Reducer<S> {
    #[inline(always)]
    fn new(simd: S, modulus: &Modulus, offset: u64) -> Self {
        Self {
            simd,
            lanes: ModulusLanes::new(simd, modulus),
            radix: simd.splat(radix(modulus).value()),
            above: simd.splat(modulus.value() * (MOST_TERMS as u64) * offset),
            log2_offset: offset.trailing_zeros(),
            low_52: simd.splat((1 << 52) - 1),
        }
    }

    /// A sum of inputs times the offset, taken from a multiple of the modulus.
    #[inline(always)]
    fn less_offset(self, mut sum: S::Lanes) -> S::Lanes {
        for _ in 0..self.log2_offset {
            sum = self.simd.add(sum, sum);
        }
        self.simd.sub(self.above, sum)
    }

    /// The residue of a number below `2^63`.
    #[inline(always)]
    fn residue(self, sum: S::Lanes) -> S::Lanes {
        let s = self.simd;
        let halves = Sum { low: s.and(sum, self.low_52), high: s.shift_right_52(sum) };
        // Below 2 q, and so within what a product takes.
        self.lanes.multiply(self.lanes.reduce(halves, Rounds::NONE), self.radix)
    }
}

/// `2^104 mod q`, as [`square_parts`] wants it.
#[must_use]
pub fn radix(modulus: &Modulus) -> MontgomeryResidue {
    modulus.to_montgomery(modulus.to_montgomery(1).value())
}

#[inline(always)]
pub(super) fn square_parts_body<S: Simd, W: Word>(
    simd: S,
    modulus: &Modulus,
    radix: MontgomeryResidue,
    parts: &[&[W]],
    outs: &mut [&mut [W]],
) {
    debug_assert!(parts.len() <= MOST_PARTS && outs.len() + 1 == 2 * parts.len());
    let q = ModulusLanes::new(simd, modulus);
    let rounds = Rounds::for_terms(MOST_PARTS, modulus.bits());
    let radix = simd.splat(radix.value());
    let length = outs.first().map_or(0, |out| out.len());
    for i in 0..length / 8 {
        let mut x = [simd.splat(0); MOST_PARTS];
        let mut y = [simd.splat(0); MOST_PARTS];
        for (k, part) in parts.iter().enumerate() {
            x[k] = simd.load(&part.as_chunks::<8>().0[i]);
            y[k] = q.multiply(x[k], radix);
        }
        for (k, out) in outs.iter_mut().enumerate() {
            let mut sum = q.empty();
            for first in k.saturating_sub(parts.len() - 1)..=k.min(parts.len() - 1) {
                sum = q.accumulate(sum, x[first], y[k - first]);
            }
            simd.store(q.reduce(sum, rounds), &mut out.as_chunks_mut::<8>().0[i]);
        }
    }
}
