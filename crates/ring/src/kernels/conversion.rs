//! The inner loops of fast base conversion.

use super::dispatch::kernel;
use super::montgomery::{ModulusLanes, Rounds};
use super::simd::Simd;
use crate::limb::Word;
use crate::modulus::{Modulus, MontgomeryResidue};

/// A polynomial prepared for conversion: per source prime `q_i` the residues
/// `y_i = x * (Q/q_i)^-1 mod q_i`, and per coefficient the quotient `v = round(sum y_i / q_i)`, so
/// that `x = sum y_i * (Q/q_i) - v * Q` with `x` in `[-Q/2, Q/2]`.
#[derive(Clone, Copy)]
pub struct Lifted<'a> {
    /// The sources with 32-bit storage.
    pub narrow: &'a [&'a [u32]],
    /// The sources with 64-bit storage.
    pub wide: &'a [&'a [u64]],
    /// The quotients.
    pub quotient: &'a [u32],
}

/// The constants that take a lifted polynomial to one target prime.
#[derive(Debug, Clone)]
pub struct Weights {
    /// `Q/q_i` for the narrow sources, in their order.
    pub narrow: Vec<MontgomeryResidue>,
    /// `Q/q_i` for the wide sources.
    pub wide: Vec<MontgomeryResidue>,
    /// `-Q`.
    pub neg_product: MontgomeryResidue,
    /// The largest `log2` of a source, for the bound on the sum.
    pub source_bits: u32,
}

kernel! {
    /// `out = sum_i y_i * (Q/q_i) - v * Q mod prime`, plus an array times a factor.
    pub fn convert<W>(
        modulus: &Modulus,
        lifted: Lifted<'_>,
        weights: &Weights,
        addend: Option<(&[W], MontgomeryResidue)>,
        out: &mut [W],
    ) = convert_body
}

kernel! {
    /// `quotient = round(sum_i y_i * inverse_i)` for one block of coefficients, where `inverse_i` is
    /// `1/q_i`; `W` is the word of the quotients.
    pub fn quotients<W>(narrow: &[(&[u32], f64)], wide: &[(&[u64], f64)], quotient: &mut [W])
        = quotients_body
}

#[inline(always)]
pub(super) fn convert_body<S: Simd, W: Word>(
    simd: S,
    modulus: &Modulus,
    lifted: Lifted<'_>,
    weights: &Weights,
    addend: Option<(&[W], MontgomeryResidue)>,
    out: &mut [W],
) {
    let q = ModulusLanes::new(simd, modulus);
    let terms = lifted.narrow.len() + lifted.wide.len() + 2;
    let rounds = Rounds::for_terms(terms, weights.source_bits.max(modulus.bits()));
    let neg_product = simd.splat(weights.neg_product.value());
    // Four groups at a time: eight independent accumulators hide the latency of the multiply-add,
    // and one broadcast of a weight serves all four.
    for (i, out) in out.as_chunks_mut::<8>().0.as_chunks_mut::<4>().0.iter_mut().enumerate() {
        let quotient = &lifted.quotient.as_chunks::<8>().0.as_chunks::<4>().0[i];
        let mut sums = [q.empty(); 4];
        for (sum, v) in sums.iter_mut().zip(quotient) {
            *sum = q.accumulate(*sum, simd.load(v), neg_product);
        }
        if let Some((x, factor)) = addend {
            let factor = simd.splat(factor.value());
            for (sum, x) in sums.iter_mut().zip(&x.as_chunks::<8>().0.as_chunks::<4>().0[i]) {
                *sum = q.accumulate(*sum, simd.load(x), factor);
            }
        }
        for (y, &weight) in lifted.narrow.iter().zip(&weights.narrow) {
            let weight = simd.splat(weight.value());
            for (sum, y) in sums.iter_mut().zip(&y.as_chunks::<8>().0.as_chunks::<4>().0[i]) {
                *sum = q.accumulate(*sum, simd.load(y), weight);
            }
        }
        for (y, &weight) in lifted.wide.iter().zip(&weights.wide) {
            let weight = simd.splat(weight.value());
            for (sum, y) in sums.iter_mut().zip(&y.as_chunks::<8>().0.as_chunks::<4>().0[i]) {
                *sum = q.accumulate(*sum, simd.load(y), weight);
            }
        }
        for (sum, out) in sums.into_iter().zip(out) {
            simd.store(q.reduce(sum, rounds), out);
        }
    }
}

#[inline(always)]
pub(super) fn quotients_body<S: Simd, W: Word>(
    simd: S,
    narrow: &[(&[u32], f64)],
    wide: &[(&[u64], f64)],
    quotient: &mut [W],
) {
    for (i, out) in quotient.as_chunks_mut().0.iter_mut().enumerate() {
        let mut sum = simd.splat_float(0.0);
        for (y, inverse) in narrow {
            let y = simd.to_float(simd.load(&y.as_chunks().0[i]));
            sum = simd.float_multiply_add(sum, y, simd.splat_float(*inverse));
        }
        for (y, inverse) in wide {
            let y = simd.to_float(simd.load(&y.as_chunks().0[i]));
            sum = simd.float_multiply_add(sum, y, simd.splat_float(*inverse));
        }
        simd.store(simd.round(sum), out);
    }
}
