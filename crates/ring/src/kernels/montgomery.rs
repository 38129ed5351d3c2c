//! One modulus as the kernels see it: constants spread over lanes, reduction of lazy sums.

use super::simd::Simd;
use crate::modulus::Modulus;

/// The most terms one lazily accumulated sum may have: low halves are below `2^52` each and must
/// not overflow 64 bits; the bound leaves a wide margin.
pub const MAX_TERMS: usize = 1024;

const LOW_52: u64 = (1 << 52) - 1;

/// A prime's constants in lanes.
#[derive(Clone, Copy)]
pub(super) struct ModulusLanes<S: Simd> {
    simd: S,
    value: u64,
    q: S::Lanes,
    neg_inverse: S::Lanes,
    low_52: S::Lanes,
    zero: S::Lanes,
}

/// A sum of products, unreduced: low and high halves of 52 bits.
#[derive(Clone, Copy)]
pub(super) struct Sum<S: Simd> {
    pub(super) low: S::Lanes,
    pub(super) high: S::Lanes,
}

/// How many halving conditional subtractions bring a reduced sum into `[0, q)`.
#[derive(Clone, Copy)]
pub(super) struct Rounds(u32);

impl Rounds {
    /// None: the reduction of a number below `2^52 q` ends below `2 q`.
    pub(super) const NONE: Self = Self(0);

    /// For a sum of `terms` products of a number below `2^operand_bits` and a residue below `q`.
    ///
    /// The reduction gives less than `terms * 2^operand_bits / 2^52 * q + 2 q`.
    #[inline(always)]
    pub(super) fn for_terms(terms: usize, operand_bits: u32) -> Self {
        debug_assert!(terms <= MAX_TERMS);
        let bound = ((terms as u64) >> (52 - operand_bits.min(52))) + 3;
        Self(64 - (bound - 1).leading_zeros())
    }
}

impl<S: Simd> ModulusLanes<S> {
    #[inline(always)]
    pub(super) fn new(simd: S, modulus: &Modulus) -> Self {
        Self {
            simd,
            value: modulus.value(),
            q: simd.splat(modulus.value()),
            neg_inverse: simd.splat(modulus.neg_inverse()),
            low_52: simd.splat(LOW_52),
            zero: simd.splat(0),
        }
    }

    /// The empty sum.
    #[inline(always)]
    pub(super) fn empty(self) -> Sum<S> {
        Sum { low: self.zero, high: self.zero }
    }

    /// `sum + a * b`.
    #[inline(always)]
    pub(super) fn accumulate(self, sum: Sum<S>, a: S::Lanes, b: S::Lanes) -> Sum<S> {
        Sum { low: self.simd.madd_low(sum.low, a, b), high: self.simd.madd_high(sum.high, a, b) }
    }

    /// The canonical residue of `sum / 2^52`.
    #[inline(always)]
    pub(super) fn reduce(self, sum: Sum<S>, rounds: Rounds) -> S::Lanes {
        let s = self.simd;
        // m makes the low half divisible by 2^52; what that division carries over is 1 exactly
        // when the low 52 bits are not already zero, plus the bits above 52.
        let m = s.madd_low(self.zero, sum.low, self.neg_inverse);
        let carry = s.shift_right_52(s.add(sum.low, self.low_52));
        let mut x = s.madd_high(s.add(sum.high, carry), m, self.q);
        let mut step = rounds.0;
        while step > 0 {
            step -= 1;
            x = self.subtract_if_not_below(x, s.splat(self.value << step));
        }
        x
    }

    /// `a * b / 2^52 mod q`.
    #[inline(always)]
    pub(super) fn multiply(self, a: S::Lanes, b: S::Lanes) -> S::Lanes {
        let sum = self.accumulate(self.empty(), a, b);
        let s = self.simd;
        let m = s.madd_low(self.zero, sum.low, self.neg_inverse);
        let carry = s.shift_right_52(s.add(sum.low, self.low_52));
        // One product of residues below 2^50 reduces below 2 q.
        self.subtract_if_not_below(s.madd_high(s.add(sum.high, carry), m, self.q), self.q)
    }

    /// `a + b mod q`.
    #[inline(always)]
    pub(super) fn add(self, a: S::Lanes, b: S::Lanes) -> S::Lanes {
        self.subtract_if_not_below(self.simd.add(a, b), self.q)
    }

    /// `a - b mod q`.
    #[inline(always)]
    pub(super) fn subtract(self, a: S::Lanes, b: S::Lanes) -> S::Lanes {
        let difference = self.simd.sub(a, b);
        // A negative difference wraps to a huge number, and adding q wraps it back.
        self.simd.min(difference, self.simd.add(difference, self.q))
    }

    /// `x - bound` where that is not negative, else `x`: the wrapped difference is the larger.
    #[inline(always)]
    fn subtract_if_not_below(self, x: S::Lanes, bound: S::Lanes) -> S::Lanes {
        self.simd.min(x, self.simd.sub(x, bound))
    }
}
