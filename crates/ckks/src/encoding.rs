//! Slots and coefficients: the canonical embedding in floating point.
//!
//! A polynomial of `R[X]/(X^N + 1)` has `N/2` slots: its values at `zeta^(5^j)`, `zeta` a primitive
//! `2N`-th root of unity (Cheon, Kim, Kim and Song 2017). The transform is the "special FFT" of
//! `log2(N/2)` butterfly stages after a bit reversal. A vector of `t` slots that repeats `N/2t`
//! times is a polynomial in `X^(N/2t)` and needs only a transform of size `t`.

pub use num_complex::Complex64;

/// Tables for transforms between up to `N/2` slots and coefficients.
#[derive(Debug, Clone)]
pub struct Encoder {
    slots: usize,
    /// `exp(2 pi i k / 2N)` for `k` in `0..2N`.
    roots: Vec<Complex64>,
    /// `5^j mod 2N`.
    powers_of_five: Vec<u32>,
}

impl Encoder {
    /// Tables for a ring of degree `degree`, a power of two of at least 4.
    #[must_use]
    pub fn new(degree: usize) -> Self {
        debug_assert!(degree.is_power_of_two() && degree >= 4);
        let order = 2 * degree;
        let roots = (0..order)
            .map(|k| Complex64::cis(std::f64::consts::TAU * k as f64 / order as f64))
            .collect();
        let powers_of_five =
            std::iter::successors(Some(1_u32), |p| Some((*p as usize * 5 % order) as u32))
                .take(degree / 2)
                .collect();
        Self { slots: degree / 2, roots, powers_of_five }
    }

    /// The number of slots, `N/2`.
    #[must_use]
    pub fn slots(&self) -> usize {
        self.slots
    }

    /// The twiddle factor of butterfly `j` in a stage that joins blocks into length `len`.
    #[must_use]
    pub fn twiddle(&self, len: usize, j: usize) -> Complex64 {
        let order = 4 * len;
        let exponent = self.powers_of_five[j] as usize % order;
        self.roots[exponent * (self.roots.len() / order)]
    }

    /// The `2t` coefficients of the polynomial in `X^(N/2t)` whose slots repeat the `t` values,
    /// multiplied by `scale` and rounded.
    ///
    /// `values.len()` is a power of two up to `N/2`. Coefficients saturate at the range of `i64`.
    #[must_use]
    pub fn encode(&self, values: &[Complex64], scale: f64) -> Vec<i64> {
        let coefficients = self.to_coefficients(values);
        coefficients.into_iter().map(|c| (c * scale).round() as i64).collect()
    }

    /// The same for real values, whose real parts are twice as precise as after
    /// [`encode`](Self::encode), at the cost of an imaginary part as large as the error there.
    ///
    /// Coefficients `i` and `2t - i` of real values are opposite, and the real parts of slots follow
    /// from their difference alone: rounded by itself, it may be odd.
    #[must_use]
    pub fn encode_real(&self, values: &[f64], scale: f64) -> Vec<i64> {
        let values: Vec<Complex64> = values.iter().map(|x| Complex64::new(*x, 0.0)).collect();
        let coefficients = self.to_coefficients(&values);
        let mut rounded = vec![0; coefficients.len()];
        rounded[0] = (coefficients[0] * scale).round() as i64;
        for i in 1..values.len() {
            let difference = (2.0 * coefficients[i] * scale).round() as i64;
            // Odd ones away from zero, lest all imaginary parts have one sign.
            let half = difference / 2 + difference % 2;
            (rounded[i], rounded[coefficients.len() - i]) = (half, half - difference);
        }
        rounded
    }

    /// The `2t` real coefficients (before scaling and rounding) whose slots repeat the `t` values.
    #[must_use]
    pub fn to_coefficients(&self, values: &[Complex64]) -> Vec<f64> {
        let mut work = values.to_vec();
        self.interpolate(&mut work);
        work.iter().map(|z| z.re).chain(work.iter().map(|z| z.im)).collect()
    }

    /// The same in place: coefficient `i` is the real part at place `i`, coefficient `t + i` the
    /// imaginary part. Nothing is left elsewhere: for values that their owner wipes.
    pub fn interpolate(&self, work: &mut [Complex64]) {
        let count = work.len();
        let mut len = count;
        while len >= 2 {
            for block in work.chunks_exact_mut(len) {
                let (left, right) = block.split_at_mut(len / 2);
                for (j, (u, v)) in left.iter_mut().zip(right).enumerate() {
                    (*u, *v) = (*u + *v, (*u - *v) * self.twiddle(len, j).conj());
                }
            }
            len /= 2;
        }
        reverse_bits(work);
        let norm = 1.0 / count as f64;
        work.iter_mut().for_each(|z| *z *= norm);
    }

    /// The `t` slot values of the polynomial in `X^(N/2t)` with the given `2t` coefficients.
    #[must_use]
    pub fn to_slots(&self, coefficients: &[f64]) -> Vec<Complex64> {
        let (re, im) = coefficients.split_at(coefficients.len() / 2);
        let mut work: Vec<Complex64> =
            re.iter().zip(im).map(|(&re, &im)| Complex64::new(re, im)).collect();
        self.evaluate(&mut work);
        work
    }

    /// The same in place, from coefficients placed as [`Encoder::interpolate`] leaves them.
    pub fn evaluate(&self, work: &mut [Complex64]) {
        reverse_bits(work);
        let mut len = 2;
        while len <= work.len() {
            for block in work.chunks_exact_mut(len) {
                let (left, right) = block.split_at_mut(len / 2);
                for (j, (u, v)) in left.iter_mut().zip(right).enumerate() {
                    let t = *v * self.twiddle(len, j);
                    (*u, *v) = (*u + t, *u - t);
                }
            }
            len *= 2;
        }
    }
}

/// The shortest power-of-two period of the values.
#[must_use]
pub fn period(values: &[Complex64]) -> usize {
    let mut period = values.len();
    while period > 1 && values[..period / 2] == values[period / 2..period] {
        period /= 2;
    }
    period
}

fn reverse_bits(values: &mut [Complex64]) {
    let bits = values.len().trailing_zeros();
    if bits == 0 {
        return;
    }
    for i in 0..values.len() {
        let j = i.reverse_bits() >> (usize::BITS - bits);
        if i < j {
            values.swap(i, j);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(count: usize) -> Vec<Complex64> {
        (0..count).map(|i| Complex64::new((i as f64).sin(), (3.0 * i as f64).cos())).collect()
    }

    #[test]
    fn encoding_inverts_decoding() {
        let encoder = Encoder::new(256);
        for count in [1, 2, 16, 128] {
            let values = values(count);
            let back = encoder.to_slots(&encoder.to_coefficients(&values));
            assert!(values.iter().zip(&back).all(|(a, b)| (a - b).norm() < 1e-12));
        }
    }

    #[test]
    fn real_values_are_encoded_with_half_the_error() {
        let encoder = Encoder::new(1 << 12);
        for count in [1, 32, 1 << 11] {
            let scale = 4096.0;
            let values: Vec<f64> = (0..count).map(|i| (i as f64 * 0.7).sin()).collect();
            let encoded = encoder.encode_real(&values, scale);
            let coefficients: Vec<f64> = encoded.iter().map(|c| *c as f64).collect();
            let slots = encoder.to_slots(&coefficients);
            let errors = slots.iter().zip(&values).map(|(z, x)| z - x * scale);
            let [real, imaginary] = errors.fold([0.0, 0.0], |[re, im], error| {
                [re + error.re * error.re, im + error.im * error.im]
            });
            let deviation = |sum: f64| (sum / count as f64).sqrt();
            // As many coefficients as there are slots, each off by a quarter at most.
            let predicted = (2.0 * count as f64 / 48.0).sqrt();
            let (real, imaginary) = (deviation(real), deviation(imaginary));
            assert!(real < 1.1 * predicted.max(0.5), "{count}: {real}, not {predicted}");
            assert!(imaginary < 3.0 * predicted, "{count}: {imaginary}");
        }
    }

    #[test]
    fn slots_are_evaluations_at_powers_of_five() {
        let encoder = Encoder::new(64);
        let coefficients: Vec<f64> = (0..64).map(|i| (i as f64 * 0.37).sin()).collect();
        let slots = encoder.to_slots(&coefficients);
        for (j, slot) in slots.iter().enumerate() {
            let exponent = (0..j).fold(1_u64, |e, _| e * 5 % 128);
            let direct: Complex64 = coefficients
                .iter()
                .enumerate()
                .map(|(k, c)| {
                    let angle = std::f64::consts::TAU * (exponent * k as u64 % 128) as f64 / 128.0;
                    Complex64::cis(angle) * c
                })
                .sum();
            assert!((slot - direct).norm() < 1e-10);
        }
    }

    #[test]
    fn repeating_slots_live_in_a_subring() {
        let encoder = Encoder::new(256);
        let short = values(16);
        let repeated: Vec<Complex64> = short.iter().cycle().take(128).copied().collect();
        assert_eq!(period(&repeated), 16);
        let whole = encoder.to_coefficients(&repeated);
        let small = encoder.to_coefficients(&short);
        for (i, c) in whole.iter().enumerate() {
            let expected = if i % 8 == 0 { small[i / 8] } else { 0.0 };
            assert!((c - expected).abs() < 1e-12);
        }
    }
}
