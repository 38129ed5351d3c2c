//! Eight 64-bit lanes: the vocabulary of the kernels.

#[cfg(target_arch = "x86_64")]
pub(crate) mod avx512;
pub(crate) mod portable;

use crate::limb::Word;

/// A back end. A value of it is the proof that the CPU can run it.
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "transforms use the rest"))]
pub(crate) trait Simd: Copy {
    /// Eight unsigned 64-bit lanes.
    type Lanes: Copy;
    /// Eight double-precision lanes.
    type Floats: Copy;

    /// All lanes `x`.
    fn splat(self, x: u64) -> Self::Lanes;
    /// Eight words, zero-extended.
    fn load<W: Word>(self, from: &[W; 8]) -> Self::Lanes;
    /// Stores eight lanes, truncated to the word.
    fn store<W: Word>(self, lanes: Self::Lanes, to: &mut [W; 8]);
    /// Lane-wise wrapping sum.
    fn add(self, a: Self::Lanes, b: Self::Lanes) -> Self::Lanes;
    /// Lane-wise wrapping difference.
    fn sub(self, a: Self::Lanes, b: Self::Lanes) -> Self::Lanes;
    /// Lane-wise unsigned minimum.
    fn min(self, a: Self::Lanes, b: Self::Lanes) -> Self::Lanes;
    /// `acc + low 52 bits of a * b`, from the low 52 bits of `a` and `b`.
    fn madd_low(self, acc: Self::Lanes, a: Self::Lanes, b: Self::Lanes) -> Self::Lanes;
    /// `acc + bits 52..104 of a * b`, from the low 52 bits of `a` and `b`.
    fn madd_high(self, acc: Self::Lanes, a: Self::Lanes, b: Self::Lanes) -> Self::Lanes;
    /// Lane-wise shift right by 52.
    fn shift_right_52(self, a: Self::Lanes) -> Self::Lanes;
    /// Lane `i` of the result is lane `indices[i]` of `a`.
    fn permute(self, a: Self::Lanes, indices: &[u64; 8]) -> Self::Lanes;

    /// Lane `i` of the result is lane `indices[i]` of `a` followed by `b`: indices 8 to 15 are
    /// lanes of `b`.
    fn permute2(self, a: Self::Lanes, b: Self::Lanes, indices: &[u64; 8]) -> Self::Lanes;
    /// Stores lanes `2 * PAIR` and `2 * PAIR + 1`, `PAIR` from 0 to 3: a piece of a transposition
    /// that leaves the arithmetic units free.
    fn store_pair<const PAIR: i32>(self, lanes: Self::Lanes, to: &mut [u64; 2]);
    /// Lane-wise conjunction.
    fn and(self, a: Self::Lanes, b: Self::Lanes) -> Self::Lanes;
    /// Lane-wise shift right by 32.
    fn shift_right_32(self, a: Self::Lanes) -> Self::Lanes;

    /// Sixteen 32-bit words, two to a lane, the first in the lower half. Narrow words only.
    fn load_pairs<W: Word>(self, from: &[W; 16]) -> Self::Lanes;
    /// The inverse of [`Simd::load_pairs`]. Narrow words only.
    fn store_pairs<W: Word>(self, lanes: Self::Lanes, to: &mut [W; 16]);
    /// The lower half of each lane of `low`, under the lower half of the same lane of `high`.
    fn pair(self, low: Self::Lanes, high: Self::Lanes) -> Self::Lanes;
    /// Wrapping difference of the 32-bit halves of the lanes.
    fn sub_pairs(self, a: Self::Lanes, b: Self::Lanes) -> Self::Lanes;
    /// Unsigned minimum of the 32-bit halves of the lanes.
    fn min_pairs(self, a: Self::Lanes, b: Self::Lanes) -> Self::Lanes;

    /// All lanes `x`.
    fn splat_float(self, x: f64) -> Self::Floats;
    /// The nearest doubles.
    fn to_float(self, a: Self::Lanes) -> Self::Floats;
    /// `acc + a * b` with two roundings, so that both back ends round alike.
    fn float_multiply_add(
        self,
        acc: Self::Floats,
        a: Self::Floats,
        b: Self::Floats,
    ) -> Self::Floats;
    /// The nearest integers, ties to even, of non-negative values.
    fn round(self, a: Self::Floats) -> Self::Lanes;
}
