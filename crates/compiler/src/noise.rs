//! Noise for simulations.

use blindsight_ckks::encoding::Complex64;

/// The standard deviation of the errors in fresh ciphertexts and keys: the client's own constant.
pub(crate) const FRESH: f64 = 3.19;

/// The noise of a slot's real part, root mean square, where `N` coefficients have this variance: a sum
/// of them times roots of unity, whose real part has half of the variance.
pub(crate) fn in_slot(degree: f64, variance: f64) -> f64 {
    (degree / 2.0 * variance).sqrt()
}

/// Numbers with variance 1, nearly Gaussian: sums of uniform ones from SplitMix64. They stand for
/// noise in a simulation and have nothing to do with encryption.
#[derive(Debug)]
pub(crate) struct Gaussian(u64);

impl Gaussian {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> f64 {
        let uniform = |state: &mut u64| {
            *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = *state;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            (z >> 11) as f64 / (1_u64 << 53) as f64
        };
        let four: f64 = (0..4).map(|_| uniform(&mut self.0)).sum();
        (four - 2.0) * 3_f64.sqrt()
    }

    /// One whose real and imaginary part have these deviations.
    pub(crate) fn complex(&mut self, [re, im]: [f64; 2]) -> Complex64 {
        Complex64::new(re * self.next(), im * self.next())
    }
}
