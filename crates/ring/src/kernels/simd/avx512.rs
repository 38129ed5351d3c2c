//! Eight lanes in one AVX-512 register, with the 52-bit multiply-add of IFMA.

use core::arch::x86_64::{
    __m128i, __m256i, __m512d, __m512i, _mm_storeu_si128, _mm256_loadu_si256, _mm256_storeu_si256,
    _mm512_add_epi64, _mm512_add_pd, _mm512_and_si512, _mm512_cvtepi64_epi32,
    _mm512_cvtepu32_epi64, _mm512_cvtepu64_pd, _mm512_cvtpd_epu64, _mm512_extracti32x4_epi32,
    _mm512_loadu_si512, _mm512_madd52hi_epu64, _mm512_madd52lo_epu64, _mm512_mask_shuffle_epi32,
    _mm512_min_epu32, _mm512_min_epu64, _mm512_mul_pd, _mm512_permutex2var_epi64,
    _mm512_permutexvar_epi64, _mm512_set1_epi64, _mm512_set1_pd, _mm512_srli_epi64,
    _mm512_storeu_si512, _mm512_sub_epi32, _mm512_sub_epi64,
};

use super::Simd;
use crate::limb::Word;

/// The proof that this CPU has AVX-512 F, DQ, VL, IFMA and BMI2. [`Avx512::detect`] alone makes it.
#[derive(Clone, Copy)]
pub(crate) struct Avx512(());

impl Avx512 {
    /// The token, where the CPU has the features (the answer is cached by the standard library).
    #[inline]
    pub(crate) fn detect() -> Option<Self> {
        (!cfg!(feature = "portable")
            && std::arch::is_x86_feature_detected!("avx512f")
            && std::arch::is_x86_feature_detected!("avx512dq")
            && std::arch::is_x86_feature_detected!("avx512vl")
            && std::arch::is_x86_feature_detected!("avx512ifma")
            && std::arch::is_x86_feature_detected!("bmi2"))
        .then_some(Self(()))
    }
}

impl Simd for Avx512 {
    type Lanes = __m512i;
    type Floats = __m512d;

    #[inline(always)]
    fn splat(self, x: u64) -> __m512i {
        // SAFETY: `self` proves AVX-512 F.
        unsafe { _mm512_set1_epi64(x as i64) }
    }

    #[inline(always)]
    fn load<W: Word>(self, from: &[W; 8]) -> __m512i {
        let address = from.as_ptr();
        if W::NARROW {
            // SAFETY: `self` proves AVX-512 F; eight 32-bit words are 32 readable bytes, and the
            // load needs no alignment.
            let words = unsafe { _mm256_loadu_si256(address.cast::<__m256i>()) };
            // SAFETY: `self` proves AVX-512 F.
            unsafe { _mm512_cvtepu32_epi64(words) }
        } else {
            // SAFETY: `self` proves AVX-512 F; eight 64-bit words are 64 readable bytes, and the
            // load needs no alignment.
            unsafe { _mm512_loadu_si512(address.cast::<__m512i>()) }
        }
    }

    #[inline(always)]
    fn store<W: Word>(self, lanes: __m512i, to: &mut [W; 8]) {
        let address = to.as_mut_ptr();
        if W::NARROW {
            // SAFETY: `self` proves AVX-512 F.
            let words = unsafe { _mm512_cvtepi64_epi32(lanes) };
            // SAFETY: `self` proves AVX-512 F; eight 32-bit words are 32 writable bytes, and the
            // store needs no alignment.
            unsafe { _mm256_storeu_si256(address.cast::<__m256i>(), words) };
        } else {
            // SAFETY: `self` proves AVX-512 F; eight 64-bit words are 64 writable bytes, and the
            // store needs no alignment.
            unsafe { _mm512_storeu_si512(address.cast::<__m512i>(), lanes) };
        }
    }

    #[inline(always)]
    fn add(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: `self` proves AVX-512 F.
        unsafe { _mm512_add_epi64(a, b) }
    }

    #[inline(always)]
    fn sub(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: `self` proves AVX-512 F.
        unsafe { _mm512_sub_epi64(a, b) }
    }

    #[inline(always)]
    fn min(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: `self` proves AVX-512 F.
        unsafe { _mm512_min_epu64(a, b) }
    }

    #[inline(always)]
    fn madd_low(self, acc: __m512i, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: `self` proves AVX-512 IFMA.
        unsafe { _mm512_madd52lo_epu64(acc, a, b) }
    }

    #[inline(always)]
    fn madd_high(self, acc: __m512i, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: `self` proves AVX-512 IFMA.
        unsafe { _mm512_madd52hi_epu64(acc, a, b) }
    }

    #[inline(always)]
    fn shift_right_52(self, a: __m512i) -> __m512i {
        // SAFETY: `self` proves AVX-512 F.
        unsafe { _mm512_srli_epi64::<52>(a) }
    }

    #[inline(always)]
    fn permute(self, a: __m512i, indices: &[u64; 8]) -> __m512i {
        let indices = self.load(indices);
        // SAFETY: `self` proves AVX-512 F.
        unsafe { _mm512_permutexvar_epi64(indices, a) }
    }

    #[inline(always)]
    fn permute2(self, a: __m512i, b: __m512i, indices: &[u64; 8]) -> __m512i {
        let indices = self.load(indices);
        // SAFETY: `self` proves AVX-512 F.
        unsafe { _mm512_permutex2var_epi64(a, indices, b) }
    }

    #[inline(always)]
    fn store_pair<const PAIR: i32>(self, lanes: __m512i, to: &mut [u64; 2]) {
        // SAFETY: `self` proves AVX-512 F.
        let pair = unsafe { _mm512_extracti32x4_epi32::<PAIR>(lanes) };
        // SAFETY: `self` proves AVX-512, hence SSE2; two 64-bit words are 16 writable bytes, and
        // the store needs no alignment.
        unsafe { _mm_storeu_si128(to.as_mut_ptr().cast::<__m128i>(), pair) };
    }

    #[inline(always)]
    fn and(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: `self` proves AVX-512 F.
        unsafe { _mm512_and_si512(a, b) }
    }

    #[inline(always)]
    fn shift_right_32(self, a: __m512i) -> __m512i {
        // SAFETY: `self` proves AVX-512 F.
        unsafe { _mm512_srli_epi64::<32>(a) }
    }

    #[inline(always)]
    fn load_pairs<W: Word>(self, from: &[W; 16]) -> __m512i {
        let address = from.as_ptr().cast::<__m512i>();
        // SAFETY: `self` proves AVX-512 F; sixteen words of at least 32 bits are at least 64
        // readable bytes, and the load needs no alignment.
        unsafe { _mm512_loadu_si512(address) }
    }

    #[inline(always)]
    fn store_pairs<W: Word>(self, lanes: __m512i, to: &mut [W; 16]) {
        let address = to.as_mut_ptr().cast::<__m512i>();
        // SAFETY: `self` proves AVX-512 F; sixteen words of at least 32 bits are at least 64
        // writable bytes, every bit pattern is a word, and the store needs no alignment.
        unsafe { _mm512_storeu_si512(address, lanes) };
    }

    #[inline(always)]
    fn pair(self, low: __m512i, high: __m512i) -> __m512i {
        // The shuffle doubles the lower halves of `high`; the mask lets it write upper halves.
        // SAFETY: `self` proves AVX-512 F.
        unsafe { _mm512_mask_shuffle_epi32::<0b1010_0000>(low, 0b1010_1010_1010_1010, high) }
    }

    #[inline(always)]
    fn sub_pairs(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: `self` proves AVX-512 F.
        unsafe { _mm512_sub_epi32(a, b) }
    }

    #[inline(always)]
    fn min_pairs(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: `self` proves AVX-512 F.
        unsafe { _mm512_min_epu32(a, b) }
    }

    #[inline(always)]
    fn splat_float(self, x: f64) -> __m512d {
        // SAFETY: `self` proves AVX-512 F.
        unsafe { _mm512_set1_pd(x) }
    }

    #[inline(always)]
    fn to_float(self, a: __m512i) -> __m512d {
        // SAFETY: `self` proves AVX-512 DQ.
        unsafe { _mm512_cvtepu64_pd(a) }
    }

    #[inline(always)]
    fn float_multiply_add(self, acc: __m512d, a: __m512d, b: __m512d) -> __m512d {
        // SAFETY: `self` proves AVX-512 F.
        let product = unsafe { _mm512_mul_pd(a, b) };
        // SAFETY: `self` proves AVX-512 F.
        unsafe { _mm512_add_pd(acc, product) }
    }

    #[inline(always)]
    fn round(self, a: __m512d) -> __m512i {
        // SAFETY: `self` proves AVX-512 DQ. The default rounding mode is to nearest, ties to even.
        unsafe { _mm512_cvtpd_epu64(a) }
    }
}
