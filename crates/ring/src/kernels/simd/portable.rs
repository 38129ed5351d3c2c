//! Eight lanes in plain Rust: every CPU, and the reference for the vectorised back end.

use core::array::from_fn;

use super::Simd;
use crate::limb::Word;

/// Needs nothing of the CPU.
#[derive(Clone, Copy)]
pub(crate) struct Portable;

const LOW_52: u64 = (1 << 52) - 1;

#[inline(always)]
fn product(a: u64, b: u64) -> u128 {
    u128::from(a & LOW_52) * u128::from(b & LOW_52)
}

impl Simd for Portable {
    type Lanes = [u64; 8];
    type Floats = [f64; 8];

    #[inline(always)]
    fn splat(self, x: u64) -> [u64; 8] {
        [x; 8]
    }

    #[inline(always)]
    fn load<W: Word>(self, from: &[W; 8]) -> [u64; 8] {
        from_fn(|i| from[i].into())
    }

    #[inline(always)]
    fn store<W: Word>(self, lanes: [u64; 8], to: &mut [W; 8]) {
        *to = lanes.map(W::truncate);
    }

    #[inline(always)]
    fn add(self, a: [u64; 8], b: [u64; 8]) -> [u64; 8] {
        from_fn(|i| a[i].wrapping_add(b[i]))
    }

    #[inline(always)]
    fn sub(self, a: [u64; 8], b: [u64; 8]) -> [u64; 8] {
        from_fn(|i| a[i].wrapping_sub(b[i]))
    }

    #[inline(always)]
    fn min(self, a: [u64; 8], b: [u64; 8]) -> [u64; 8] {
        from_fn(|i| a[i].min(b[i]))
    }

    #[inline(always)]
    fn madd_low(self, acc: [u64; 8], a: [u64; 8], b: [u64; 8]) -> [u64; 8] {
        from_fn(|i| acc[i].wrapping_add(product(a[i], b[i]) as u64 & LOW_52))
    }

    #[inline(always)]
    fn madd_high(self, acc: [u64; 8], a: [u64; 8], b: [u64; 8]) -> [u64; 8] {
        from_fn(|i| acc[i].wrapping_add((product(a[i], b[i]) >> 52) as u64))
    }

    #[inline(always)]
    fn shift_right_52(self, a: [u64; 8]) -> [u64; 8] {
        a.map(|x| x >> 52)
    }

    #[inline(always)]
    fn permute(self, a: [u64; 8], indices: &[u64; 8]) -> [u64; 8] {
        from_fn(|i| a[(indices[i] & 7) as usize])
    }

    #[inline(always)]
    fn splat_float(self, x: f64) -> [f64; 8] {
        [x; 8]
    }

    #[inline(always)]
    fn to_float(self, a: [u64; 8]) -> [f64; 8] {
        a.map(|x| x as f64)
    }

    #[inline(always)]
    fn float_multiply_add(self, acc: [f64; 8], a: [f64; 8], b: [f64; 8]) -> [f64; 8] {
        from_fn(|i| acc[i] + a[i] * b[i])
    }

    #[inline(always)]
    fn round(self, a: [f64; 8]) -> [u64; 8] {
        a.map(|x| x.round_ties_even() as u64)
    }
}
