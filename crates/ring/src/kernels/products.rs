//! Kernels that accumulate products: key products, tensor products, plaintext-weighted sums.

use super::dispatch::kernel;
use super::montgomery::{ModulusLanes, Rounds};
use super::simd::Simd;
use crate::automorphism::Permutation;
use crate::limb::Word;
use crate::modulus::{Modulus, MontgomeryResidue};

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
    /// For each sum, a polynomial and a factor, added before permuting.
    pub carried: [Option<(&'a [W], MontgomeryResidue)>; 2],
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

/// The most terms of a [`key_product`].
pub const MOST_KEY_TERMS: usize = 8;

kernel! {
    /// `out = automorphism(sum_d digit_d * (b_d, a_d) + carried) + addend`: the inner product of a
    /// key switch, fused with what follows it. There are 1 to [`MOST_KEY_TERMS`] terms.
    pub fn key_product<W>(
        modulus: &Modulus,
        terms: &[KeyTerm<'_, W>],
        extras: Extras<'_, W>,
        out_b: &mut [W],
        out_a: &mut [W],
    ) = key_product_body
}

kernel! {
    /// The tensor product of pairs of ciphertexts, summed and multiplied by a small constant:
    /// `out = factor * sum (x0 y0, x0 y1 + x1 y0, x1 y1)`, with an optional pair added to the first
    /// two. `factor` must be in Montgomery form twice, `factor * 2^104 mod q`: the operands are not.
    pub fn tensor<W>(
        modulus: &Modulus,
        pairs: &[TensorPair<'_, W>],
        factor: MontgomeryResidue,
        addend: Option<[&[W]; 2]>,
        out: [&mut [W]; 3],
    ) = tensor_body
}

#[inline(always)]
pub(super) fn key_product_body<S: Simd, W: Word>(
    simd: S,
    modulus: &Modulus,
    terms: &[KeyTerm<'_, W>],
    extras: Extras<'_, W>,
    out_b: &mut [W],
    out_a: &mut [W],
) {
    // Known counts keep the loop free of checks.
    macro_rules! of_known_count {
        ($($count:literal)*) => {
            match terms.len() {
                $($count => {
                    let terms = terms.first_chunk::<$count>().expect("the length has matched");
                    key_product_of(simd, modulus, terms, extras, out_b, out_a);
                })*
                count => unreachable!("a key product of {count} terms"),
            }
        };
    }
    of_known_count!(1 2 3 4 5 6 7 8);
}

#[inline(always)]
fn key_product_of<S: Simd, W: Word, const DIGITS: usize>(
    simd: S,
    modulus: &Modulus,
    terms: &[KeyTerm<'_, W>; DIGITS],
    extras: Extras<'_, W>,
    out_b: &mut [W],
    out_a: &mut [W],
) {
    let q = ModulusLanes::new(simd, modulus);
    let rounds = Rounds::for_terms(DIGITS + 1, modulus.bits());
    let (out_b, out_a) = (out_b.as_chunks_mut().0, out_a.as_chunks_mut().0);
    let groups = out_b.len();
    let mut limbs: [[&[[W; 8]]; 3]; DIGITS] = [[&[]; 3]; DIGITS];
    for (limbs, term) in limbs.iter_mut().zip(terms) {
        *limbs = [
            &term.digit.as_chunks().0[..groups],
            &term.b.as_chunks().0[..groups],
            &term.a.as_chunks().0[..groups],
        ];
    }
    for i in 0..groups {
        let (mut b, mut a) = (q.empty(), q.empty());
        for [digit, key_b, key_a] in &limbs {
            let digit = simd.load(&digit[i]);
            b = q.accumulate(b, digit, simd.load(&key_b[i]));
            a = q.accumulate(a, digit, simd.load(&key_a[i]));
        }
        if let Some((x, factor)) = extras.carried[0] {
            b = q.accumulate(b, load(simd, x, i), simd.splat(factor.value()));
        }
        if let Some((x, factor)) = extras.carried[1] {
            a = q.accumulate(a, load(simd, x, i), simd.splat(factor.value()));
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
            b = q.add(b, load(simd, to_b, target));
            a = q.add(a, load(simd, to_a, target));
        }
        simd.store(b, &mut out_b[target]);
        simd.store(a, &mut out_a[target]);
    }
}

#[inline(always)]
pub(super) fn tensor_body<S: Simd, W: Word>(
    simd: S,
    modulus: &Modulus,
    pairs: &[TensorPair<'_, W>],
    factor: MontgomeryResidue,
    addend: Option<[&[W]; 2]>,
    out: [&mut [W]; 3],
) {
    let q = ModulusLanes::new(simd, modulus);
    let rounds = Rounds::for_terms(2 * pairs.len(), modulus.bits());
    let factor = simd.splat(factor.value());
    let [out0, out1, out2] = out.map(|limb| limb.as_chunks_mut().0);
    for i in 0..out0.len() {
        let (mut d0, mut d1, mut d2) = (q.empty(), q.empty(), q.empty());
        for pair in pairs {
            let [x0, x1, y0, y1] = pair;
            let (x0, x1) = (load(simd, x0, i), load(simd, x1, i));
            let y0 = q.multiply(load(simd, y0, i), factor);
            let y1 = q.multiply(load(simd, y1, i), factor);
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

/// Group `i` of a limb. A function and not a closure: closures are compiled without the CPU
/// features of the kernel that they stand in.
#[inline(always)]
fn load<S: Simd, W: Word>(simd: S, limb: &[W], i: usize) -> S::Lanes {
    simd.load(&limb.as_chunks().0[i])
}
