//! Chebyshev polynomials of numbers in the clear, as they are evaluated on ciphertexts.

use blindsight_ckks::encoding::Complex64;

/// `sum_k coefficients[k] T_k(u)` by Paterson and Stockmeyer's scheme, with what is added to each
/// product, and to each linear combination that is rescaled.
pub(super) fn eval(
    coefficients: &[f64],
    u: Complex64,
    noise: &mut impl FnMut() -> Complex64,
) -> Complex64 {
    let mut padded = coefficients.to_vec();
    padded.resize(coefficients.len().next_power_of_two().max(8), 0.0);
    let second = 2.0 * u * u - 1.0 + noise();
    let third = 2.0 * u * second - u + noise();
    let mut powers = vec![second];
    while 2 << powers.len() < padded.len() {
        let last = powers[powers.len() - 1];
        powers.push(2.0 * last * last - 1.0 + noise());
    }
    node(&padded, &Powers { low: [u, second, third], doubled: powers }, noise)
}

struct Powers {
    /// 1, 2 and 3.
    low: [Complex64; 3],
    /// 2, 4, 8 and so on.
    doubled: Vec<Complex64>,
}

fn node(c: &[f64], powers: &Powers, noise: &mut impl FnMut() -> Complex64) -> Complex64 {
    let mut sum = noise();
    let mut rest = c.to_vec();
    while rest.len() > 4 {
        let half = rest.len() / 2;
        // T_(n+k) = 2 T_n T_k - T_(n-k).
        let mut quotient = rest.split_off(half);
        for k in 1..half {
            rest[half - k] -= quotient[k];
            quotient[k] *= 2.0;
        }
        if quotient.iter().any(|c| *c != 0.0) {
            let power = powers.doubled[half.trailing_zeros() as usize - 1];
            sum += node(&quotient, powers, noise) * power;
        }
    }
    let low = rest[1..].iter().zip(powers.low).map(|(c, power)| power * *c);
    sum + rest[0] + low.sum::<Complex64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_the_definition() {
        for count in [2, 5, 8, 13, 16, 32] {
            let coefficients: Vec<f64> = (0..count).map(|k| 1.0 / f64::from(k + 1)).collect();
            for angle in [0.1, 0.9, 2.0] {
                let exact: f64 = coefficients
                    .iter()
                    .zip(0..)
                    .map(|(c, k)| c * (f64::from(k) * angle).cos())
                    .sum();
                let u = Complex64::new(angle.cos(), 0.0);
                let found = eval(&coefficients, u, &mut || Complex64::ZERO);
                assert!((found - exact).norm() < 1e-12, "{count} coefficients: {found}, {exact}");
            }
        }
    }

    #[test]
    fn noise_of_products_is_carried_on() {
        const NOISE: f64 = 1e-6;
        let mut coefficients = [0.0; 16];
        coefficients[8] = 1.0;
        let (mut calls, u) = (0, Complex64::new(0.5, 0.0));
        let mut noise = || {
            calls += 1;
            Complex64::new(NOISE, 0.0)
        };
        let off =
            eval(&coefficients, u, &mut noise) - eval(&coefficients, u, &mut || Complex64::ZERO);
        // Powers 2, 4 and 8 are -1/2, so errors of one are doubled in the next, with another sign, and
        // there is one more: 1, -1, 3. Then those of the quotient 1 times the power 8, and of the sum.
        assert!((off.re / NOISE - 3.5).abs() < 1e-3, "{off}");
        // Power 3 is made too.
        assert_eq!(calls, 6);
    }
}
