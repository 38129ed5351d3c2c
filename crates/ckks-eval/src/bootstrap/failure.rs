//! How likely the integer part after raising the modulus leaves its bound.

/// `log2` of the probability that any of `coefficients` integer parts exceeds `bound`.
///
/// Raising `(c0, c1)` from modulus `q` gives `m + q I` with `I` the rounding of
/// `(c0 + c1 s) / q`. Each of `c0` and the `h` coefficients of `c1` that the secret selects is
/// uniform on an interval of length `q`, so `I + fraction` is a sum of `h + 1` uniform variables on
/// `[-1/2, 1/2]`, and `|I| > K` needs the sum beyond `K + 1/2`: the tail of the Irwin-Hall
/// distribution. A union bound adds the coefficients up.
#[must_use]
pub fn log2_overflow_probability(weight: usize, bound: u32, coefficients: usize) -> f64 {
    let n = weight + 1;
    // P(sum > n/2 - y) as P(sum of n uniforms on [0, 1] < y), by symmetry of the centred sum.
    let y = n as f64 / 2.0 - (f64::from(bound) + 0.5);
    if y <= 0.0 {
        return f64::NEG_INFINITY;
    }
    let ln_factorial: f64 = (1..=n).map(|k| (k as f64).ln()).sum();
    let mut binomial = 1.0;
    let mut volume = 0.0;
    for k in 0..=(y.floor() as usize) {
        let sign = if k % 2 == 0 { 1.0 } else { -1.0 };
        volume += sign * binomial * (y - k as f64).powi(n as i32);
        binomial *= (n - k) as f64 / (k + 1) as f64;
    }
    let ln_two_tails = (2.0 * volume).ln() - ln_factorial;
    ln_two_tails / std::f64::consts::LN_2 + (coefficients as f64).log2()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_known_tails() {
        // Two uniforms: P(|sum| > 1/2) = 1/4, one coefficient, bound 0.
        assert!((log2_overflow_probability(1, 0, 1) + 2.0).abs() < 1e-12);
        // A sum of h + 1 halves cannot pass (h + 1) / 2.
        assert_eq!(log2_overflow_probability(20, 11, 1 << 14), f64::NEG_INFINITY);
    }

    #[test]
    fn falls_with_the_bound_and_rises_with_the_weight() {
        let at = |h, k| log2_overflow_probability(h, k, 1 << 14);
        assert!(at(28, 12) < at(28, 11) && at(28, 11) < at(32, 11));
        assert!((at(28, 12) - -58.8).abs() < 0.2, "{}", at(28, 12));
    }
}
