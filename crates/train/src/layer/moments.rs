//! The polynomial that is nearest to a function on the values that were met.

use blindsight_model::sequential::Nearest;

/// The highest degree that sums are kept for.
const HIGHEST: usize = 4;

/// Sums over values `x` with results `y` and slopes `z`: what a fit in the least squares goes by.
#[derive(Default)]
pub(super) struct Moments {
    /// Of `x^0` to `x^8`.
    powers: [f64; 2 * HIGHEST + 1],
    /// Of `y x^0` to `y x^4`.
    results: [f64; HIGHEST + 1],
    /// Of `z x^0` to `z x^4`.
    slopes: [f64; HIGHEST + 1],
}

impl Moments {
    pub(super) fn add(&mut self, x: f32, result: f32, slope: f32) {
        let [x, result, slope] = [x, result, slope].map(f64::from);
        let mut powers = [1.0; 2 * HIGHEST + 1];
        powers[1] = x;
        for at in 2..powers.len() {
            powers[at] = powers[at / 2] * powers[at.div_ceil(2)];
        }
        self.powers.iter_mut().zip(powers).for_each(|(sum, power)| *sum += power);
        self.results.iter_mut().zip(powers).for_each(|(sum, power)| *sum += result * power);
        self.slopes.iter_mut().zip(powers).for_each(|(sum, power)| *sum += slope * power);
    }

    /// The coefficients of the nearest polynomial, that of the highest power first; `None` when too
    /// few different values were met.
    pub(super) fn nearest(&self, degree: usize, nearest: Nearest) -> Option<Vec<f64>> {
        let mut ascending = match nearest {
            Nearest::Values => self.solve(degree, &self.results)?,
            Nearest::Slopes => self.integral(self.solve(degree - 1, &self.slopes)?),
        };
        ascending.reverse();
        Some(ascending)
    }

    /// The integral of a polynomial whose mean is that of the results.
    fn integral(&self, slope: Vec<f64>) -> Vec<f64> {
        let powers = slope.into_iter().zip(1..);
        let mut integral = vec![0.0];
        integral.extend(powers.map(|(coefficient, power)| coefficient / f64::from(power)));
        let mean = |sum: f64| sum / self.powers[0];
        let own: f64 = integral.iter().zip(self.powers).map(|(a, sum)| a * mean(sum)).sum();
        integral[0] = mean(self.results[0]) - own;
        integral
    }

    /// The coefficients, the constant first, of the polynomial that is nearest to whatever has these
    /// sums, by elimination.
    fn solve(&self, degree: usize, sums: &[f64]) -> Option<Vec<f64>> {
        let count = self.powers[0];
        let row = |row: usize| {
            let mut numbers: Vec<f64> = self.powers[row..=row + degree].to_vec();
            numbers.push(sums[row]);
            numbers.iter().map(|x| x / count).collect()
        };
        let mut rows: Vec<Vec<f64>> = (0..=degree).map(row).collect();
        for pivot in 0..rows.len() {
            // The matrix is positive definite: a pivot that is nearly zero says that it is singular.
            let least = 1e-9 * self.powers[2 * pivot] / count;
            let found = rows[pivot][pivot];
            if !(found > least && found.is_finite()) {
                return None;
            }
            let by: Vec<f64> = rows[pivot].iter().map(|x| x / found).collect();
            for (row, values) in rows.iter_mut().enumerate() {
                let factor = if row == pivot { 0.0 } else { values[pivot] };
                values.iter_mut().zip(&by).for_each(|(x, b)| *x -= factor * b);
            }
            rows[pivot] = by;
        }
        rows.iter().map(|row| row.last().copied()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn met(values: &[f32], f: impl Fn(f32) -> f32, slope: impl Fn(f32) -> f32) -> Moments {
        let mut moments = Moments::default();
        values.iter().for_each(|x| moments.add(*x, f(*x), slope(*x)));
        moments
    }

    fn spread(count: usize) -> Vec<f32> {
        (0..count).map(|i| (i as f32 * 0.37).sin() * 2.0 + 0.5).collect()
    }

    fn eval(coefficients: &[f64], x: f64) -> f64 {
        coefficients.iter().fold(0.0, |sum, a| sum * x + a)
    }

    /// What the degree can say is found again, by values and by slopes.
    #[test]
    fn polynomials_are_found_again() {
        let cubic = |x: f32| ((0.5 * x - 2.0) * x + 3.0) * x + 1.0;
        let met = met(&spread(50), cubic, |x| (1.5 * x - 4.0) * x + 3.0);
        for nearest in [Nearest::Values, Nearest::Slopes] {
            for (degree, expected) in
                [(3, &[0.5, -2.0, 3.0, 1.0][..]), (4, &[0.0, 0.5, -2.0, 3.0, 1.0])]
            {
                let found = met.nearest(degree, nearest).unwrap();
                let same = found.iter().zip(expected).all(|(x, y)| (x - y).abs() < 1e-3);
                assert!(same && found.len() == degree + 1, "{nearest:?} {found:?}");
            }
        }
    }

    #[test]
    fn too_few_values_are_refused() {
        let two = met(&[1.0, 2.0, 1.0, 2.0], f32::tanh, |_| 0.0);
        assert!(two.nearest(2, Nearest::Values).is_none());
        // Two places are enough for the slope of a parabola.
        assert!(two.nearest(2, Nearest::Slopes).is_some());
        assert!(two.nearest(3, Nearest::Slopes).is_none());
        let none = Moments::default();
        assert!([2, 3, 4].iter().all(|degree| none.nearest(*degree, Nearest::Values).is_none()));
    }

    /// No other polynomial of the degree is nearer over the values that were met, and higher degrees
    /// are nearer than lower ones.
    #[test]
    fn the_fit_is_the_nearest() {
        let values = spread(400);
        let met = met(&values, f32::tanh, |x| 1.0 - x.tanh().powi(2));
        let total = |error: &dyn Fn(f64) -> f64| -> f64 {
            values.iter().map(|x| error(f64::from(*x)).powi(2)).sum()
        };
        let of_values = |a: &[f64]| total(&|x| eval(a, x) - x.tanh());
        let of_slopes = |a: &[f64]| {
            let degree = a.len() - 1;
            let slopes: Vec<f64> =
                a[..degree].iter().zip((1..=degree).rev()).map(|(a, p)| a * p as f64).collect();
            total(&|x| eval(&slopes, x) - (1.0 - x.tanh().powi(2)))
        };
        type Error<'a> = &'a dyn Fn(&[f64]) -> f64;
        for (nearest, error) in
            [(Nearest::Values, &of_values as Error), (Nearest::Slopes, &of_slopes as Error)]
        {
            let mut last = f64::INFINITY;
            for degree in 2..=4 {
                let best = met.nearest(degree, nearest).unwrap();
                let least = error(&best);
                assert!(least < 0.95 * last, "{nearest:?} {degree}: {least} {last}");
                last = least;
                // The constant does nothing to the slope.
                for at in 0..degree {
                    for step in [-0.01, 0.01] {
                        let mut other = best.clone();
                        other[at] += step;
                        assert!(error(&other) > least, "{nearest:?} {degree} {at} {step}");
                    }
                }
            }
        }
        let by_slopes = met.nearest(4, Nearest::Slopes).unwrap();
        let off: f64 =
            values.iter().map(|x| eval(&by_slopes, f64::from(*x)) - f64::from(*x).tanh()).sum();
        assert!(off.abs() / 400.0 < 1e-6, "{off}");
    }
}
