//! The choice of the back end.

/// Defines the entry point of a kernel: picks the back end, then runs the one generic body.
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
