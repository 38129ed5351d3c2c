//! The error distribution: a discrete Gaussian from a cumulative table.

use zeroize::Zeroizing;

use super::SecretRng;

/// The centred discrete Gaussian of standard deviation 3.19: the integer x has probability
/// proportional to exp(-x^2 / (2 * 3.19^2)).
///
/// This is the error the security estimates of the parameter sets assume. Values beyond 29
/// (9.1 standard deviations) are cut off; that and the rounding of the table to 63 bits leave a
/// statistical distance of 2^-60.9 from the exact distribution.
///
/// Sampling inverts the cumulative distribution: of one uniform 64-bit word, 63 bits choose |x|
/// and one bit the sign. Every entry of the table is compared every time, without branches, so
/// neither timing nor memory accesses depend on the sample.
#[derive(Debug, Clone, Copy, Default)]
pub struct DiscreteGaussian;

impl DiscreteGaussian {
    /// The standard deviation.
    pub const STANDARD_DEVIATION: f64 = 3.19;

    /// The largest absolute value a sample takes.
    pub const BOUND: i32 = THRESHOLDS.len() as i32;

    /// Overwrites `out` with independent samples.
    pub fn fill(&self, rng: &mut SecretRng, out: &mut [i32]) {
        let mut buffer = Zeroizing::new([0; BUFFER_WORDS]);
        for samples in out.chunks_mut(BUFFER_WORDS) {
            let words = &mut buffer[..samples.len()];
            rng.fill_u64(words);
            for (sample, word) in samples.iter_mut().zip(words) {
                *sample = invert(*word);
            }
        }
    }
}

/// Words drawn at a time, so that the scan runs over several samples at once.
const BUFFER_WORDS: usize = 256;

/// 2^63 times the probability of |x| <= k, rounded to the nearest integer, for k = 0, 1, ...;
/// the next entry would be 2^63 itself. A test computes the table anew.
const THRESHOLDS: [u64; 29] = [
    0x1001_f9a1_b2ca_9468,
    0x2e7c_f3ef_0783_6cb6,
    0x48ca_7e85_d834_a57a,
    0x5d5d_5177_8f76_0881,
    0x6bf3_5598_5504_21b0,
    0x7552_dc90_807b_bed6,
    0x7ac8_8205_61a4_c975,
    0x7daa_6596_524b_7ffd,
    0x7f0b_8114_bba4_ecb9,
    0x7fa4_a9fc_5ea5_74e9,
    0x7fe0_e107_7aef_391a,
    0x7ff6_563f_810f_15d0,
    0x7ffd_4490_999b_c595,
    0x7fff_4c08_04cd_386e,
    0x7fff_d5e1_8e7f_da18,
    0x7fff_f709_c679_c2ee,
    0x7fff_fe44_5c79_0f6c,
    0x7fff_ffb2_0f7a_a54a,
    0x7fff_fff3_903d_235d,
    0x7fff_fffe_32b0_6d1d,
    0x7fff_ffff_c351_25cc,
    0x7fff_ffff_f8c1_1765,
    0x7fff_ffff_ff36_fe33,
    0x7fff_ffff_ffec_3bf8,
    0x7fff_ffff_fffe_3c8b,
    0x7fff_ffff_ffff_db75,
    0x7fff_ffff_ffff_fd51,
    0x7fff_ffff_ffff_ffd2,
    0x7fff_ffff_ffff_fffd,
];

/// The sample chosen by a uniform word: |x| is the number of thresholds that are <= the upper 63
/// bits, the lowest bit is the sign.
#[inline]
fn invert(word: u64) -> i32 {
    let point = word >> 1;
    // Point and thresholds are below 2^63, so the top bit of the difference is the borrow: 1 where
    // the threshold is above the point. No comparison, so nothing to turn into a branch.
    let above: u64 = THRESHOLDS.iter().map(|t| point.wrapping_sub(*t) >> 63).sum();
    let magnitude = DiscreteGaussian::BOUND - above as i32;
    let negate = -((word & 1) as i32);
    (magnitude ^ negate) - negate
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(count: usize) -> Vec<i32> {
        let mut out = vec![0; count];
        DiscreteGaussian.fill(&mut SecretRng::from_key(&[1; 32]), &mut out);
        out
    }

    #[test]
    fn table_is_the_cumulative_distribution() {
        // Fixed point with 126 fractional bits, from integers alone: f64 could not tell.
        let ratio = exp_of_minus_half_over_variance();
        // weights[k] = exp(-k^2 / (2 s^2)) = weights[k - 1] * ratio^(2k - 1).
        let mut weights = vec![ONE];
        let mut odd_power = ratio;
        while weights.len() < 45 {
            weights.push(mul(weights[weights.len() - 1], odd_power));
            odd_power = mul(mul(odd_power, ratio), ratio);
        }
        // Shifted down by 5 bits, the sum (about 8) stays inside 128 bits.
        let mut cumulative = weights[0] >> 5;
        let mut sums = vec![cumulative];
        for weight in &weights[1..] {
            cumulative += weight >> 4;
            sums.push(cumulative);
        }
        for (k, &threshold) in THRESHOLDS.iter().enumerate() {
            assert_eq!(threshold, fraction_63_bits(sums[k], cumulative), "entry {k}");
        }
        assert_eq!(fraction_63_bits(sums[29], cumulative), 1 << 63);
    }

    #[test]
    fn table_probabilities_sum_to_one_and_give_the_variance() {
        let probabilities: Vec<u64> = probabilities().collect();
        assert!(probabilities.windows(2).skip(1).all(|w| w[0] > w[1] && w[1] > 0));
        assert_eq!(probabilities.iter().map(|&p| u128::from(p)).sum::<u128>(), 1 << 63);
        let second: f64 = probabilities
            .iter()
            .enumerate()
            .map(|(k, &p)| (k * k) as f64 * (p as f64 / (1_u64 << 63) as f64))
            .sum();
        // The discrete variance differs from s^2 by far less than an f64 resolves.
        assert!((second - DiscreteGaussian::STANDARD_DEVIATION.powi(2)).abs() < 1e-12);
    }

    #[test]
    fn inversion_at_the_edges_of_the_table() {
        assert_eq!(invert(0), 0);
        assert_eq!(invert(1), 0);
        assert_eq!(invert(u64::MAX), -DiscreteGaussian::BOUND);
        assert_eq!(invert(u64::MAX - 1), DiscreteGaussian::BOUND);
        for (k, &threshold) in THRESHOLDS.iter().enumerate() {
            let k = k as i32;
            assert_eq!(invert(2 * (threshold - 1)), k);
            assert_eq!(invert(2 * threshold), k + 1);
            assert_eq!(invert(2 * threshold + 1), -k - 1);
        }
    }

    #[test]
    fn sampled_moments_match() {
        let count = 1 << 18;
        let (mut mean, mut second, mut fourth) = (0.0, 0.0, 0.0);
        for x in samples(count) {
            let square = f64::from(x * x);
            mean += f64::from(x);
            second += square;
            fourth += square * square;
        }
        let n = count as f64;
        let variance = DiscreteGaussian::STANDARD_DEVIATION.powi(2);
        // Five standard deviations of each estimate: s, sqrt(2) s^2 and sqrt(96) s^4 over sqrt(n).
        let tolerance = 5.0 / n.sqrt();
        assert!((mean / n).abs() < tolerance * variance.sqrt(), "{mean}");
        assert!((second / n - variance).abs() < tolerance * 2_f64.sqrt() * variance);
        let fourth_tolerance = tolerance * 96_f64.sqrt() * variance.powi(2);
        assert!((fourth / n - 3.0 * variance.powi(2)).abs() < fourth_tolerance);
    }

    #[test]
    fn sampled_frequencies_match() {
        let count = 1 << 18;
        let mut counts = [0_u32; 30];
        let mut negative = 0_i32;
        for x in samples(count) {
            counts[x.unsigned_abs() as usize] += 1;
            negative += x.signum();
        }
        let mut chi2 = 0.0;
        // Up to |x| = 12 at least 30 samples are expected of each value.
        for (k, p) in probabilities().enumerate().take(13) {
            let expected = p as f64 / (1_u64 << 63) as f64 * count as f64;
            chi2 += (f64::from(counts[k]) - expected).powi(2) / expected;
        }
        // Chi-squared with 13 degrees of freedom: above 45 has probability 2e-5.
        assert!(chi2 < 45.0, "chi-squared {chi2}");
        assert!(negative.abs() < 5 * 512, "sign imbalance {negative}");
    }

    #[test]
    fn any_length_is_filled_and_a_prefix_of_longer() {
        let long = samples(1000);
        for length in [0, 1, 255, 256, 257] {
            assert_eq!(samples(length), long[..length]);
        }
    }

    /// 2^63 times the probability of each |x|, from the table.
    fn probabilities() -> impl Iterator<Item = u64> {
        let upper = THRESHOLDS.into_iter().chain([1 << 63]);
        let lower = [0].into_iter().chain(THRESHOLDS);
        upper.zip(lower).map(|(u, l)| u - l)
    }

    const ONE: u128 = 1 << 126;

    /// exp(-1 / (2 * 3.19^2)) = exp(-5000 / 101761), by its Taylor series.
    fn exp_of_minus_half_over_variance() -> u128 {
        let (mut plus, mut minus, mut term) = (0, 0, ONE);
        for k in 1..=40 {
            if k % 2 == 1 {
                plus += term;
            } else {
                minus += term;
            }
            // Times 5000, divided by 101761 k, without leaving 128 bits.
            let divisor = 101_761 * k;
            term = term / divisor * 5000 + term % divisor * 5000 / divisor;
        }
        plus - minus
    }

    /// Product of two numbers with 126 fractional bits, each at most 1.
    fn mul(a: u128, b: u128) -> u128 {
        let (a1, a0) = (a >> 64, a & u128::from(u64::MAX));
        let (b1, b0) = (b >> 64, b & u128::from(u64::MAX));
        let middle = a1 * b0 + a0 * b1 + ((a0 * b0) >> 64);
        ((a1 * b1) << 2) + (middle >> 62)
    }

    /// `part / whole` rounded to 63 fractional bits, by long division.
    fn fraction_63_bits(part: u128, whole: u128) -> u64 {
        let mut remainder = part;
        let mut quotient = u64::from(remainder >= whole);
        remainder -= u128::from(quotient) * whole;
        for _ in 0..63 {
            remainder *= 2;
            let bit = remainder >= whole;
            quotient = 2 * quotient + u64::from(bit);
            remainder -= u128::from(bit) * whole;
        }
        quotient + u64::from(2 * remainder >= whole)
    }
}
