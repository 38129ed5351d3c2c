//! Lazily reduced residues in lanes, and the products with constants that butterflies need.
//!
//! A lane holds a residue modulo `2^52`: multiplication reads its low 52 bits and the upper twelve
//! may hold anything. So a lane may stand for any integer in a range shorter than `2^52`; an
//! operand of a product or a reduction must stand for one in `[0, 2^52)`.

use super::tables::{Shoup, Tables, TailFactors};
use crate::kernels::simd::Simd;
use crate::limb::Word;

const LOW_52: u64 = (1 << 52) - 1;

/// A prime's constants in lanes. `STRICT` tells which bounds the transforms keep, see
/// [`super::tables::Tables::is_strict`].
#[derive(Clone, Copy)]
pub(super) struct Residues<S: Simd, const STRICT: bool> {
    pub(super) simd: S,
    value: u64,
    zero: S::Lanes,
    q: S::Lanes,
    /// `-q mod 2^52`.
    minus_q: S::Lanes,
    /// `q^-1 mod 2^52`.
    inverse: S::Lanes,
    /// `floor(2^52 / q)`.
    barrett: S::Lanes,
    low_52: S::Lanes,
}

/// A constant factor `w` in lanes.
pub(super) trait Factor<S: Simd>: Copy {
    /// [`Factor::accumulate`] adds an integer in `[-SHIFT q, (2 - SHIFT) q)`.
    const SHIFT: i64;
    /// `start + z w mod q`, for `z` in `[0, 2^52)`.
    fn accumulate<const STRICT: bool>(
        self,
        modulus: Residues<S, STRICT>,
        start: S::Lanes,
        z: S::Lanes,
    ) -> S::Lanes;
}

/// Shoup's form: `w` and `w' = floor(w 2^52 / q)`. With `h = floor(z w' / 2^52)`, `z w - h q` lies
/// in `[0, 2 q)`. Two multiply-adds accumulate it, but the constant is twice as large.
#[derive(Clone, Copy)]
pub(super) struct ShoupLanes<S: Simd> {
    factor: S::Lanes,
    quotient: S::Lanes,
}

/// Montgomery's form: `w 2^52 mod q`, and that times `q^-1 mod 2^52`, which one multiplication
/// finds. The low halves of `z w` and of `(z w q^-1 mod 2^52) q` agree, so the difference of the
/// high halves is `z w / 2^52 mod q` exactly, in `(-q, q)`.
#[derive(Clone, Copy)]
pub(super) struct MontgomeryLanes<S: Simd> {
    factor: S::Lanes,
    times_inverse: S::Lanes,
}

impl<S: Simd> Factor<S> for ShoupLanes<S> {
    const SHIFT: i64 = 0;

    #[inline(always)]
    fn accumulate<const STRICT: bool>(
        self,
        modulus: Residues<S, STRICT>,
        start: S::Lanes,
        z: S::Lanes,
    ) -> S::Lanes {
        let s = modulus.simd;
        let h = s.madd_high(modulus.zero, z, self.quotient);
        s.madd_low(s.madd_low(start, z, self.factor), h, modulus.minus_q)
    }
}

impl<S: Simd> Factor<S> for MontgomeryLanes<S> {
    const SHIFT: i64 = 1;

    #[inline(always)]
    fn accumulate<const STRICT: bool>(
        self,
        modulus: Residues<S, STRICT>,
        start: S::Lanes,
        z: S::Lanes,
    ) -> S::Lanes {
        let s = modulus.simd;
        let m = s.madd_low(modulus.zero, z, self.times_inverse);
        let high = s.madd_high(start, z, self.factor);
        s.sub(high, s.madd_high(modulus.zero, m, modulus.q))
    }
}

impl<S: Simd, const STRICT: bool> Residues<S, STRICT> {
    #[inline(always)]
    pub(super) fn new<W: Word>(simd: S, tables: &Tables<W>) -> Self {
        let q = tables.modulus();
        Self {
            simd,
            value: q,
            zero: simd.splat(0),
            q: simd.splat(q),
            minus_q: simd.splat((1 << 52) - q),
            inverse: simd.splat(tables.inverse()),
            barrett: simd.splat((1 << 52) / q),
            low_52: simd.splat(LOW_52),
        }
    }

    #[inline(always)]
    pub(super) fn zero(self) -> S::Lanes {
        self.zero
    }

    /// `k q`.
    #[inline(always)]
    pub(super) fn multiple(self, k: i64) -> S::Lanes {
        self.simd.splat(self.value.wrapping_mul(k as u64))
    }

    #[inline(always)]
    pub(super) fn shoup(self, constant: Shoup) -> ShoupLanes<S> {
        ShoupLanes {
            factor: self.simd.splat(constant.factor),
            quotient: self.simd.splat(constant.quotient),
        }
    }

    // Loops, not closures: a closure that is not inlined would be compiled without AVX-512.
    #[inline(always)]
    pub(super) fn shoup_all<const ROWS: usize>(
        self,
        constants: [Shoup; ROWS],
    ) -> [ShoupLanes<S>; ROWS] {
        let mut lanes = [self.shoup(constants[0]); ROWS];
        for i in 1..ROWS {
            lanes[i] = self.shoup(constants[i]);
        }
        lanes
    }

    /// Factor 0 is not used.
    #[inline(always)]
    pub(super) fn montgomery_all<W: Word>(
        self,
        factors: &TailFactors<W>,
    ) -> [MontgomeryLanes<S>; 8] {
        let mut lanes = [self.montgomery(&factors[0]); 8];
        for i in 1..7 {
            lanes[1 + i] = self.montgomery(&factors[i]);
        }
        lanes
    }

    #[inline(always)]
    fn montgomery<W: Word>(self, factors: &[W; 8]) -> MontgomeryLanes<S> {
        let factor = self.simd.load(factors);
        MontgomeryLanes {
            factor,
            times_inverse: self.simd.madd_low(self.zero, factor, self.inverse),
        }
    }

    /// `z w`, in `[k q, (k + 2) q)`, for `z` in `[0, 2^52)`.
    #[inline(always)]
    pub(super) fn product<F: Factor<S>>(self, z: S::Lanes, w: F, k: i64) -> S::Lanes {
        w.accumulate(self, self.multiple(k + F::SHIFT), z)
    }

    /// `x` in `[k q, (k + 2) q)`, for `x` in `[0, 2^52)` (Barrett): the quotient by `q` comes out
    /// exact or one too small, and starts at `-k`.
    #[inline(always)]
    pub(super) fn reduce(self, x: S::Lanes, k: i64) -> S::Lanes {
        let start = self.simd.splat(k.wrapping_neg() as u64 & LOW_52);
        let quotient = self.simd.madd_high(start, x, self.barrett);
        self.simd.madd_low(x, quotient, self.minus_q)
    }

    /// The canonical residue of `x` in `[0, 2 q)`, as far as the word goes.
    #[inline(always)]
    pub(super) fn canonical<W: Word>(self, x: S::Lanes) -> S::Lanes {
        let s = self.simd;
        if W::NARROW {
            // Only the lower half of a lane is stored, and 2 q < 2^32.
            return s.min_pairs(x, s.sub_pairs(x, self.q));
        }
        let x = s.and(x, self.low_52);
        s.min(x, s.sub(x, self.q))
    }

    /// The canonical residues of two narrow numbers in `[0, 2 q)`, side by side in each lane. They
    /// are below `2^32`.
    #[inline(always)]
    pub(super) fn canonical_pair(self, x: S::Lanes, y: S::Lanes) -> S::Lanes {
        let pair = self.simd.pair(x, y);
        let q = self.simd.pair(self.q, self.q);
        self.simd.min_pairs(pair, self.simd.sub_pairs(pair, q))
    }
}
