//! Eight lanes in plain Rust: every CPU, and the reference for the vectorised back end.

use core::array::from_fn;

use super::Simd;
use crate::limb::Word;

/// Needs nothing of the CPU.
#[derive(Clone, Copy)]
pub(crate) struct Portable;

const LOW_52: u64 = (1 << 52) - 1;
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "for transforms"))]
const LOW_32: u64 = (1 << 32) - 1;

#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "for transforms"))]
impl Portable {
    #[inline(always)]
    fn on_halves(self, a: [u64; 8], b: [u64; 8], f: impl Fn(u32, u32) -> u32) -> [u64; 8] {
        from_fn(|i| {
            let low = f(a[i] as u32, b[i] as u32);
            let high = f((a[i] >> 32) as u32, (b[i] >> 32) as u32);
            u64::from(low) | u64::from(high) << 32
        })
    }
}

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
    fn permute2(self, a: [u64; 8], b: [u64; 8], indices: &[u64; 8]) -> [u64; 8] {
        from_fn(|i| {
            let lane = (indices[i] & 7) as usize;
            if indices[i] & 8 == 0 { a[lane] } else { b[lane] }
        })
    }

    #[inline(always)]
    fn store_pair<const PAIR: i32>(self, lanes: [u64; 8], to: &mut [u64; 2]) {
        *to = lanes.as_chunks().0[PAIR as usize];
    }

    #[inline(always)]
    fn and(self, a: [u64; 8], b: [u64; 8]) -> [u64; 8] {
        from_fn(|i| a[i] & b[i])
    }

    #[inline(always)]
    fn shift_right_32(self, a: [u64; 8]) -> [u64; 8] {
        a.map(|x| x >> 32)
    }

    #[inline(always)]
    fn load_pairs<W: Word>(self, from: &[W; 16]) -> [u64; 8] {
        from_fn(|i| from[2 * i].into() | from[2 * i + 1].into() << 32)
    }

    #[inline(always)]
    fn store_pairs<W: Word>(self, lanes: [u64; 8], to: &mut [W; 16]) {
        for (pair, lane) in to.as_chunks_mut::<2>().0.iter_mut().zip(lanes) {
            *pair = [W::truncate(lane & LOW_32), W::truncate(lane >> 32)];
        }
    }

    #[inline(always)]
    fn pair(self, low: [u64; 8], high: [u64; 8]) -> [u64; 8] {
        from_fn(|i| low[i] & LOW_32 | high[i] << 32)
    }

    #[inline(always)]
    fn sub_pairs(self, a: [u64; 8], b: [u64; 8]) -> [u64; 8] {
        self.on_halves(a, b, u32::wrapping_sub)
    }

    #[inline(always)]
    fn min_pairs(self, a: [u64; 8], b: [u64; 8]) -> [u64; 8] {
        self.on_halves(a, b, u32::min)
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
