//! Weighted least squares with the functions cos(2 pi k t) and sin(2 pi k t).

use std::f64::consts::TAU;

use super::trig_polynomial::TrigPolynomial;

/// A point that the polynomial shall go through.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    /// Where on the circle.
    pub(super) t: f64,
    /// The value wanted there.
    pub(super) value: f64,
    /// How much it matters, not negative.
    pub(super) weight: f64,
}

/// The polynomial g of that degree for which sum w (g(t) - value)^2 / sum w + `ridge` |c|^2 is
/// least, or `None` when rounding or overflow hides it.
///
/// The ridge keeps the coefficients small where the samples say nothing, on the free arc.
pub(super) fn solve(samples: &[Sample], degree: usize, ridge: f64) -> Option<TrigPolynomial> {
    let Moments { weights, values } = moments(samples, degree);
    let total = weights[0][0];
    let unknowns = 2 * degree + 1;
    // Unknowns: the constant, then the cosines, then the sines.
    let wave = |i: usize| {
        if i <= degree { (i, Wave::Cos) } else { (i - degree, Wave::Sin) }
    };
    let entry = |i: usize, j: usize| {
        let ridge = if i == j { ridge } else { 0.0 };
        product_sum(&weights, wave(i), wave(j)) / total + ridge
    };
    let gram = (0..unknowns).map(|i| (0..=i).map(|j| entry(i, j)).collect());
    let right = (0..unknowns).map(|i| {
        let (k, kind) = wave(i);
        values[k][kind as usize] / total
    });
    let x = solve_positive_definite(gram.collect(), right.collect())?;
    // a cos + b sin = Re (a - i b) exp.
    let coefficient = |k: usize| match k {
        0 => [x[0], 0.0],
        k => [x[k], -x[degree + k]],
    };
    TrigPolynomial::new((0..=degree).map(coefficient).collect()).ok()
}

/// Sums over the samples, as [cosine, sine].
struct Moments {
    /// sum w exp(2 pi i j t) for j = 0..=2d.
    weights: Vec<[f64; 2]>,
    /// sum w value exp(2 pi i j t) for j = 0..=d.
    values: Vec<[f64; 2]>,
}

fn moments(samples: &[Sample], degree: usize) -> Moments {
    let mut weights = vec![[0.0; 2]; 2 * degree + 1];
    let mut values = vec![[0.0; 2]; degree + 1];
    for sample in samples.iter().filter(|sample| sample.weight > 0.0) {
        let (sin, cos) = (TAU * sample.t).sin_cos();
        let mut power = [sample.weight, 0.0];
        for (j, sum) in weights.iter_mut().enumerate() {
            let [re, im] = power;
            sum[0] += re;
            sum[1] += im;
            if let Some(sum) = values.get_mut(j) {
                sum[0] += re * sample.value;
                sum[1] += im * sample.value;
            }
            power = [re * cos - im * sin, re * sin + im * cos];
        }
    }
    Moments { weights, values }
}

#[derive(Clone, Copy, PartialEq)]
enum Wave {
    Cos = 0,
    Sin = 1,
}

/// The weighted sum of a product of two waves. It needs only the moments at the sum and the
/// difference of their frequencies, so no sum over samples and pairs of waves is ever made.
fn product_sum(moments: &[[f64; 2]], left: (usize, Wave), right: (usize, Wave)) -> f64 {
    let ((k, kind), (l, other)) = (left, right);
    let sum = moments[k + l];
    let difference = moments[k.abs_diff(l)];
    match (kind, other) {
        (Wave::Cos, Wave::Cos) => (difference[0] + sum[0]) / 2.0,
        (Wave::Sin, Wave::Sin) => (difference[0] - sum[0]) / 2.0,
        (Wave::Cos, Wave::Sin) => product_sum(moments, right, left),
        // sin(k) cos(l) = (sin(k + l) + sin(k - l)) / 2, and sine moments are odd.
        (Wave::Sin, Wave::Cos) if k < l => (sum[1] - difference[1]) / 2.0,
        (Wave::Sin, Wave::Cos) => (sum[1] + difference[1]) / 2.0,
    }
}

/// Solves `matrix` x = `right` by Cholesky's method, given the matrix's lower triangle; `None` where
/// rounding or overflow hides the solution.
pub(super) fn solve_positive_definite(
    mut matrix: Vec<Vec<f64>>,
    mut right: Vec<f64>,
) -> Option<Vec<f64>> {
    let n = right.len();
    for i in 0..n {
        for j in 0..=i {
            let known: f64 = (0..j).map(|k| matrix[i][k] * matrix[j][k]).sum();
            let rest = matrix[i][j] - known;
            if i != j {
                matrix[i][j] = rest / matrix[j][j];
            } else if rest > 0.0 && rest.is_finite() {
                matrix[i][i] = rest.sqrt();
            } else {
                return None;
            }
        }
    }
    for i in 0..n {
        let known: f64 = (0..i).map(|k| matrix[i][k] * right[k]).sum();
        right[i] = (right[i] - known) / matrix[i][i];
    }
    for i in (0..n).rev() {
        let known: f64 = (i + 1..n).map(|k| matrix[k][i] * right[k]).sum();
        right[i] = (right[i] - known) / matrix[i][i];
    }
    Some(right)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(arc: f64, value: impl Fn(f64) -> f64) -> Vec<Sample> {
        let t = (-60..=60).map(|i| f64::from(i) / 60.0 * arc);
        let sample = |t| Sample { t, value: value(t), weight: 1.0 + t };
        t.map(sample).collect()
    }

    #[test]
    fn a_trigonometric_polynomial_is_found_again() {
        let wanted =
            TrigPolynomial::new(vec![[0.3, 0.0], [1.0, -0.5], [0.0, 0.7], [0.2, 0.1], [-0.4, 0.9]]);
        let wanted = wanted.unwrap();
        let found = solve(&samples(0.45, |t| wanted.eval(t)), 4, 0.0).unwrap();
        for (c, expected) in found.coefficients().iter().zip(wanted.coefficients()) {
            assert!((c[0] - expected[0]).abs() < 1e-9 && (c[1] - expected[1]).abs() < 1e-9);
        }
    }

    #[test]
    fn the_sum_of_squares_is_least() {
        let samples = samples(0.4, f64::abs);
        let ridge = 1e-4;
        let cost = |polynomial: &TrigPolynomial| -> f64 {
            let total: f64 = samples.iter().map(|s| s.weight).sum();
            let error = |s: &Sample| s.weight * (polynomial.eval(s.t) - s.value).powi(2);
            let size: f64 = polynomial.coefficients().iter().flatten().map(|c| c * c).sum();
            samples.iter().map(error).sum::<f64>() / total + ridge * size
        };
        let best = solve(&samples, 5, ridge).unwrap();
        for power in 0..=5 {
            for part in 0..2 {
                for step in [-1e-3, 1e-3] {
                    let mut coefficients = best.coefficients().to_vec();
                    coefficients[power][part] += step;
                    let moved = TrigPolynomial::new(coefficients).unwrap();
                    assert!(cost(&moved) > cost(&best), "c_{power} {part} {step}");
                }
            }
        }
    }

    #[test]
    fn hidden_solutions_are_noticed() {
        // Two points cannot tell nine coefficients.
        let two = [0.1, 0.2].map(|t| Sample { t, value: 1.0, weight: 1.0 });
        assert!(solve(&two, 4, 0.0).is_none());
        assert!(solve(&two, 4, 1e-6).is_some());
        let unweighted = [Sample { t: 0.1, value: 1.0, weight: 0.0 }];
        assert!(solve(&unweighted, 2, 1e-6).is_none());
        let huge = samples(0.4, |_| f64::MAX);
        assert!(solve(&huge, 2, 1e-6).is_none());
    }
}
