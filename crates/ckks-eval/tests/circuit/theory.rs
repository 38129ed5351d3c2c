//! What theory says about noise, and the measurement of it.
//!
//! Dividing a ciphertext by primes rounds both its polynomials. The phase gets `r0 + r1 s`, with
//! the coefficients of `r0` and `r1` uniform in `[-1/2, 1/2]` (variance 1/12) and two thirds of the
//! coefficients of `s` nonzero: a variance of `(1 + 2N/3) / 12` a coefficient.
//!
//! A key switch first adds `sum_d digit_d e_d / P`: the digit's coefficients are uniform over its
//! modulus `D_d` and the errors have deviation 3.19, so the variance is
//! `N * D_d^2 / 12 * 3.19^2 / P^2` for each digit.
//!
//! An error with variance `v` a coefficient is one of mean square `N v / scale^2` in a slot.

use blindsight_ckks::encoding::Complex64;
use blindsight_ckks::keys::KeyLayout;
use blindsight_ckks::parameters::Parameters;

/// The standard deviation of an error's coefficients in fresh ciphertexts and keys.
pub(crate) const FRESH: f64 = 3.19;

/// The variance that one division adds to a coefficient.
pub(crate) fn rounding(set: &Parameters) -> f64 {
    (1.0 + set.degree() as f64 * 2.0 / 3.0) / 12.0
}

/// The variance that a key switch at `level` adds to a coefficient, its division apart.
pub(crate) fn key_switch(set: &Parameters, layout: &KeyLayout, level: usize) -> f64 {
    let special = set.special(layout.special).log2();
    let primes = set.chain().primes();
    let digits = layout.digits.iter().filter(|range| range.start < level).map(|range| {
        let bits: f64 = primes[range.start..range.end.min(level)].iter().map(|p| p.log2()).sum();
        set.degree() as f64 / 12.0 * (FRESH * (bits - special).exp2()).powi(2)
    });
    digits.sum()
}

/// The rms error of slots whose coefficients have this variance.
pub(crate) fn in_slots(set: &Parameters, variance: f64, scale: f64) -> f64 {
    (set.degree() as f64 * variance).sqrt() / scale
}

/// Asserts that a measured deviation is the predicted one within five percent, or five times the
/// spread of the measurement where a ring is so small that this is more. A wrong digit, a missing
/// division or a biased rounding shows as much more.
///
/// The spread: the deviation of `N` samples is known to `1 / sqrt(2 N)`. The number of nonzero
/// coefficients of the secret varies by `1 / sqrt(2 N)` of itself, which moves a deviation half as
/// much.
pub(crate) fn assert_predicted(set: &Parameters, what: &str, measured: f64, predicted: f64) {
    let spread = (5.0 / 8.0 / set.degree() as f64).sqrt();
    let most = (5.0 * spread).max(0.05);
    let off = measured / predicted - 1.0;
    assert!(off.abs() < most, "{what}: {measured:.4e}, predicted {predicted:.4e}");
}

/// Mean and standard deviation.
pub(crate) fn moments(samples: impl ExactSizeIterator<Item = f64>) -> (f64, f64) {
    let count = samples.len() as f64;
    let (sum, squares) = samples.fold((0.0, 0.0), |(s, q), x| (s + x, q + x * x));
    let mean = sum / count;
    (mean, (squares / count - mean * mean).sqrt())
}

/// Errors of slots.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SlotErrors {
    pub(crate) rms: f64,
    pub(crate) max: f64,
}

impl SlotErrors {
    pub(crate) fn between(x: &[Complex64], y: &[Complex64]) -> Self {
        assert_eq!(x.len(), y.len());
        Self::of(x.iter().zip(y).map(|(x, y)| (x - y).norm()))
    }

    pub(crate) fn of(errors: impl ExactSizeIterator<Item = f64>) -> Self {
        let count = errors.len() as f64;
        let (squares, max) =
            errors.fold((0.0, 0.0_f64), |(squares, max), e| (squares + e * e, max.max(e)));
        Self { rms: (squares / count).sqrt(), max }
    }

    #[track_caller]
    pub(crate) fn assert_within(self, what: &str, rms: f64, max: f64) {
        // Shown by `--nocapture`: how far the bounds are from the truth.
        println!("{what}: rms {:.2e} of {rms:.2e}, max {:.2e} of {max:.2e}", self.rms, self.max);
        assert!(self.rms <= rms, "{what}: rms {:.3e} exceeds {rms:.3e}", self.rms);
        assert!(self.max <= max, "{what}: largest {:.3e} exceeds {max:.3e}", self.max);
    }
}
