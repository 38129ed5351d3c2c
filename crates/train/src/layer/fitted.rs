//! Quadratic functions in place of others.
//!
//! A network learns with the function first, then the quadratic one that is nearest to it over the
//! values that were met takes its place, and the network learns to live with that (Hesamifard, Takabi
//! and Ghasemi 2017).

use blindsight_model::graph::ActivationKind;
use blindsight_model::tensor::Shape;

use super::pointwise::{Function, Parabola};
use super::{Learning, Maps, Mode, Tensor};

pub(super) struct Fitted {
    function: Function,
    /// All zero until it is fitted.
    parabola: Parabola,
    met: Moments,
}

impl Fitted {
    /// The function, if its slope is known here.
    pub(super) fn new(source: Shape, kind: ActivationKind) -> Option<Self> {
        let function = Function::new(kind)?;
        Some(Self { function, parabola: Parabola::given(source), met: Moments::default() })
    }

    fn is_fitted(&self) -> bool {
        self.parabola.coefficients.values.iter().any(|x| *x != 0.0)
    }

    fn current(&self) -> &dyn Learning {
        if self.is_fitted() { &self.parabola } else { &self.function }
    }

    fn current_mut(&mut self) -> &mut dyn Learning {
        if self.is_fitted() { &mut self.parabola } else { &mut self.function }
    }
}

impl Learning for Fitted {
    fn forward(&mut self, source: Maps, mode: Mode) -> Maps {
        let counted = mode.counting.then(|| source.clone());
        let result = self.current_mut().forward(source, mode);
        if let Some(source) = counted {
            self.met.add(source.iter().zip(&result));
        }
        result
    }

    fn backward(&mut self, gradient: Maps, input: bool) -> Maps {
        self.current_mut().backward(gradient, input)
    }

    fn tensors(&mut self) -> Vec<&mut Tensor> {
        vec![&mut self.parabola.coefficients]
    }

    fn penalty(&self) -> f64 {
        self.current().penalty()
    }

    fn start(&self) -> f32 {
        self.function.bend()
    }

    fn replace_function(&mut self) -> bool {
        let met = std::mem::take(&mut self.met);
        if self.is_fitted() {
            return true;
        }
        let nearest = met.nearest();
        if let Some([c, b, a]) = nearest {
            self.parabola.coefficients.values = [a, b, c].map(|x| x as f32).to_vec();
        }
        nearest.is_some() && self.is_fitted()
    }
}

/// Sums over values `x` and results `y`: what a fit in the least squares goes by.
#[derive(Default)]
struct Moments {
    /// Of `x^0` to `x^4`.
    powers: [f64; 5],
    /// Of `y x^0` to `y x^2`.
    results: [f64; 3],
}

impl Moments {
    fn add<'a>(&mut self, pairs: impl Iterator<Item = (&'a f32, &'a f32)>) {
        for (x, y) in pairs.map(|(x, y)| (f64::from(*x), f64::from(*y))) {
            let square = x * x;
            let powers = [1.0, x, square, square * x, square * square];
            self.powers.iter_mut().zip(powers).for_each(|(sum, power)| *sum += power);
            self.results.iter_mut().zip(powers).for_each(|(sum, power)| *sum += y * power);
        }
    }

    /// `c`, `b` and `a` of the nearest `a x^2 + b x + c`, by elimination; `None` when fewer than three
    /// different values were met.
    fn nearest(&self) -> Option<[f64; 3]> {
        let count = self.powers[0];
        let mut rows = [0, 1, 2].map(|row| {
            let power = |column: usize| self.powers[row + column] / count;
            [power(0), power(1), power(2), self.results[row] / count]
        });
        for pivot in 0..3 {
            // The matrix is positive definite: a pivot that is nearly zero says that it is singular.
            let least = 1e-9 * self.powers[2 * pivot] / count;
            if !(rows[pivot][pivot] > least && rows[pivot][pivot].is_finite()) {
                return None;
            }
            let by = rows[pivot].map(|x| x / rows[pivot][pivot]);
            for (row, values) in rows.iter_mut().enumerate() {
                let factor = if row == pivot { 0.0 } else { values[pivot] };
                values.iter_mut().zip(by).for_each(|(x, b)| *x -= factor * b);
            }
            rows[pivot] = by;
        }
        Some(rows.map(|row| row[3]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn met(values: &[f32], f: impl Fn(f32) -> f32) -> Moments {
        let mut moments = Moments::default();
        let results: Vec<f32> = values.iter().map(|x| f(*x)).collect();
        moments.add(values.iter().zip(&results));
        moments
    }

    #[test]
    fn a_parabola_is_found_again() {
        let values: Vec<f32> = (0..50).map(|i| i as f32 * 0.1 - 1.0).collect();
        let found = met(&values, |x| 0.5 * x * x - 2.0 * x + 3.0).nearest().unwrap();
        for (found, expected) in found.iter().zip([3.0, -2.0, 0.5]) {
            assert!((found - expected).abs() < 1e-4, "{found} {expected}");
        }
        assert!(met(&[1.0, 2.0, 1.0, 2.0], f32::tanh).nearest().is_none());
        assert!(met(&[], f32::tanh).nearest().is_none());
    }

    /// No other parabola is nearer over the values that were met.
    #[test]
    fn the_fit_is_the_nearest() {
        let values: Vec<f32> = (0..400).map(|i| (i as f32 * 0.37).sin() * 2.0 + 0.5).collect();
        let best = met(&values, f32::tanh).nearest().unwrap();
        let error = |[c, b, a]: [f64; 3]| {
            let off = |x: f64| ((a * x + b) * x + c - x.tanh()).powi(2);
            values.iter().map(|x| off(f64::from(*x))).sum::<f64>()
        };
        for at in 0..3 {
            for step in [-0.01, 0.01] {
                let mut other = best;
                other[at] += step;
                assert!(error(other) > error(best), "{at} {step}");
            }
        }
    }

    #[test]
    fn the_parabola_takes_the_functions_place() {
        let shape = Shape::new(1, 1, 4).unwrap();
        let mut layer = Fitted::new(shape, ActivationKind::Relu).unwrap();
        let maps = Maps::from_shape_vec((1, 4), vec![-1.0, 0.0, 0.5, 2.0]).unwrap();
        let counting = Mode { counting: true, ..Mode::default() };
        assert_eq!(layer.forward(maps.clone(), counting).as_slice().unwrap(), [0.0, 0.0, 0.5, 2.0]);
        assert!(layer.replace_function());
        let [a, b, c] = layer.tensors()[0].values[..] else { unreachable!("three numbers") };
        assert!(a > 0.1 && b > 0.1, "{a} {b} {c}");
        let expected = maps.mapv(|x| (a * x + b) * x + c);
        assert_eq!(layer.forward(maps, Mode::default()), expected);
        // Nothing was met since: it stays.
        assert!(layer.replace_function());
        assert_eq!(layer.tensors()[0].values, [a, b, c]);
        let mut unseen = Fitted::new(shape, ActivationKind::Tanh).unwrap();
        assert!(!unseen.replace_function());
    }
}
