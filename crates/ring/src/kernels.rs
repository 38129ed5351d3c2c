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
mod montgomery;
mod pointwise;
mod products;
pub(crate) mod simd;
#[cfg(test)]
mod twins;
mod weighted;

pub use conversion::{Lifted, Weights, convert, quotients};
pub use pointwise::{
    HalfConstants, add, linear_combination, multiply, permute, scale, scale_in_place, subtract,
    subtract_scaled,
};
pub use products::{Extras, KeyTerm, MOST_KEY_TERMS, TensorPair, key_product, tensor};
pub use weighted::{weight_stream, weighted_sums};

/// The most terms one lazily accumulated sum may have: low halves are below `2^52` each and must
/// not overflow 64 bits; the bound leaves a wide margin.
pub const MAX_TERMS: usize = 1024;

/// Whether this machine runs the AVX-512 IFMA kernels.
#[must_use]
pub fn is_accelerated() -> bool {
    #[cfg(target_arch = "x86_64")]
    return simd::avx512::Avx512::detect().is_some();
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// Defines the public door of a kernel: picks the back end, then runs the one generic body.
///
/// The body must be `#[inline(always)]`, so that it is compiled inside the function that enables
/// the CPU features.
macro_rules! kernel {
    (
        $(#[$meta:meta])*
        $vis:vis fn $name:ident<$($W:ident),*>($($arg:ident: $ty:ty),* $(,)?) = $body:path
    ) => {
        $(#[$meta])*
        $vis fn $name<$($W: $crate::limb::Word),*>($($arg: $ty),*) {
            #[cfg(target_arch = "x86_64")]
            if let Some(simd) = $crate::kernels::simd::avx512::Avx512::detect() {
                #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma,bmi2")]
                fn vectorised<$($W: $crate::limb::Word),*>(
                    simd: $crate::kernels::simd::avx512::Avx512,
                    $($arg: $ty),*
                ) {
                    $body(simd, $($arg),*);
                }
                // SAFETY: a token of `Avx512` exists only where detection found these features.
                unsafe { vectorised(simd, $($arg),*) };
                return;
            }
            $body($crate::kernels::simd::portable::Portable, $($arg),*);
        }
    };
}
pub(crate) use kernel;
