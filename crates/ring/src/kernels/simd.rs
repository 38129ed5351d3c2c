//! Eight 64-bit lanes: the vocabulary of the kernels.

#[cfg(target_arch = "x86_64")]
pub(crate) mod avx512;
pub(crate) mod portable;

use crate::limb::Word;

/// A back end. A value of it is the proof that the CPU can run it.
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
