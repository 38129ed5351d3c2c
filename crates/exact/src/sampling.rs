//! The shape of errors.

/// The error that a uniform word chooses: every whole number between `-2^log2_bound` and
/// `2^log2_bound` alike, the two ends half as often. Its variance is `(2^(2 log2_bound + 1) + 1) / 6`.
///
/// Two masks and two sums: neither time nor memory depend on the word. `log2_bound` is at most 61.
#[must_use]
pub fn bounded_uniform(word: u64, log2_bound: u32) -> i64 {
    let inner = word & ((2 << log2_bound) - 1);
    let coin = word >> 63;
    (inner + coin) as i64 - (1 << log2_bound)
}

/// The standard deviation of such errors.
#[must_use]
pub fn deviation(log2_bound: u32) -> f64 {
    let bound = f64::from(log2_bound);
    ((2_f64.powf(2.0 * bound + 1.0) + 1.0) / 6.0).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_comes_as_often_as_it_should() {
        let mut counts = [0_u32; 9];
        for inner in 0..8_u64 {
            for coin in [0, 1 << 63] {
                // Bits in between change nothing.
                counts[(bounded_uniform(inner | coin | 0x7FFF_0000, 2) + 4) as usize] += 1;
            }
        }
        assert_eq!(counts, [1, 2, 2, 2, 2, 2, 2, 2, 1]);
        let variance = (-4..=4_i32).zip(counts).map(|(x, n)| f64::from(x * x) * f64::from(n));
        assert!((variance.sum::<f64>() / 16.0 - deviation(2).powi(2)).abs() < 1e-12);
    }

    #[test]
    fn the_largest_bounds_do_not_overflow() {
        assert_eq!(bounded_uniform(u64::MAX, 61), 1 << 61);
        assert_eq!(bounded_uniform(0, 61), -(1 << 61));
    }
}
