//! Polynomials that are given, and not learnt.

use ndarray::Zip;

use super::pointwise::Seen;
use super::{Kind, Learning, Maps, Mode, Tensor};

/// One polynomial for the whole layer.
pub(super) struct Polynomial {
    /// That of the highest power first.
    pub(super) coefficients: Tensor,
    seen: Seen,
}

impl Polynomial {
    /// Zero, until it is known.
    pub(super) fn of_degree(degree: usize) -> Self {
        let coefficients = Tensor::new(Kind::Measured, vec![0.0; degree + 1]);
        Self { coefficients, seen: Seen::default() }
    }

    pub(super) fn is_zero(&self) -> bool {
        self.coefficients.values.iter().all(|x| *x == 0.0)
    }
}

/// By Horner's rule; the highest power comes first.
fn eval(coefficients: &[f32], x: f32) -> f32 {
    coefficients.iter().fold(0.0, |sum, coefficient| sum * x + coefficient)
}

fn derivative(coefficients: &[f32]) -> Vec<f32> {
    let powers = (1..coefficients.len()).rev();
    coefficients.iter().zip(powers).map(|(coefficient, power)| coefficient * power as f32).collect()
}

impl Learning for Polynomial {
    fn forward(&mut self, mut source: Maps, mode: Mode) -> Maps {
        self.seen.keep(&source, mode);
        source.mapv_inplace(|x| eval(&self.coefficients.values, x));
        source
    }

    fn backward(&mut self, mut gradient: Maps, _: bool) -> Maps {
        let slopes = derivative(&self.coefficients.values);
        Zip::from(&mut gradient).and(self.seen.source()).for_each(|to, &x| *to *= eval(&slopes, x));
        self.seen.add_slope(&mut gradient);
        gradient
    }

    fn tensors(&mut self) -> Vec<&mut Tensor> {
        vec![&mut self.coefficients]
    }

    fn penalty(&self) -> f64 {
        self.seen.penalty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slopes_are_those_of_the_polynomial() {
        let mut layer = Polynomial::of_degree(4);
        layer.coefficients.values = vec![0.5, -1.0, 0.25, 2.0, -3.0];
        let maps = Maps::from_shape_vec((1, 3), vec![-1.0, 0.5, 2.0]).unwrap();
        let training = Mode { training: true, ..Mode::default() };
        let values = layer.forward(maps.clone(), training);
        assert_eq!(values.as_slice().unwrap(), [-3.25, -2.031_25, 2.0]);
        let slopes = layer.backward(Maps::ones((1, 3)), true);
        // 2 x^3 - 3 x^2 + x / 2 + 2.
        assert_eq!(slopes.as_slice().unwrap(), [-3.5, 1.75, 7.0]);
    }
}
