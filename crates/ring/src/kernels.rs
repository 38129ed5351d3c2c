//! The inner loops, written once and compiled for two back ends.
//!
//! Every loop is generic over [`simd::Simd`], eight 64-bit lanes with the operations of AVX-512
//! IFMA. `simd::portable` implements them with plain integers, `simd::avx512` with intrinsics; the
//! choice is made once per call of a kernel from the CPU's features. Tests run both on the same
//! inputs and demand equal results.
//!
//! Arithmetic is Montgomery's with radix `2^52`: `x * (c * 2^52 mod q)` followed by a reduction
//! gives `x * c mod q`. IFMA multiplies 52-bit numbers and adds the low or high 52 bits of the
//! product to a 64-bit lane, so sums of products are accumulated unreduced in two lanes (low and
//! high halves) and reduced once. With `q < 2^50`, a sum of `t` products ends below
//! `(t * q / 2^52 + 2) * q`; a few conditional subtractions make it canonical. Operands and
//! results are canonical residues in `[0, q)` unless a kernel says otherwise.

mod conversion;
pub(crate) mod dispatch;
mod integers;
mod montgomery;
mod pointwise;
mod products;
pub(crate) mod simd;
#[cfg(test)]
mod twins;
mod weighted;

pub use conversion::{Lifted, Weights, convert, quotients};
pub use integers::{
    IntegerWeights, MOST_PARTS, PRODUCT_BITS, SUMS_TOGETHER, integer_sums, radix, square_parts,
};
pub use montgomery::MAX_TERMS;
pub use pointwise::{
    HalfConstants, add, linear_combination, multiply, permute, scale, scale_in_place, scale_limb,
    subtract, subtract_scaled,
};
pub use products::{Extras, KeyTerm, MOST_KEY_TERMS, TensorPair, key_product, tensor};
pub use weighted::{weight_stream, weighted_sums};

/// Whether this machine runs the AVX-512 IFMA kernels.
#[must_use]
pub fn is_accelerated() -> bool {
    #[cfg(target_arch = "x86_64")]
    return simd::avx512::Avx512::detect().is_some();
    #[cfg(not(target_arch = "x86_64"))]
    false
}
