//! Polynomials in place of other functions.
//!
//! A network learns with the function first, then the polynomial that is nearest to it over the
//! values that were met takes its place, and the network learns to live with that (Hesamifard, Takabi
//! and Ghasemi 2017).

use blindsight_model::sequential::Fitted;

use super::moments::Moments;
use super::pointwise::Function;
use super::polynomial::Polynomial;
use super::{Learning, Maps, Mode, Tensor};

pub(super) struct Fitting {
    fitted: Fitted,
    function: Function,
    /// Zero until it is fitted.
    polynomial: Polynomial,
    met: Moments,
}

impl Fitting {
    /// The function, if its slope is known here.
    pub(super) fn new(fitted: Fitted) -> Option<Self> {
        let function = Function::new(fitted.kind)?;
        let polynomial = Polynomial::of_degree(fitted.degree.value());
        Some(Self { fitted, function, polynomial, met: Moments::default() })
    }

    fn is_fitted(&self) -> bool {
        !self.polynomial.is_zero()
    }

    fn current(&self) -> &dyn Learning {
        if self.is_fitted() { &self.polynomial } else { &self.function }
    }

    fn current_mut(&mut self) -> &mut dyn Learning {
        if self.is_fitted() { &mut self.polynomial } else { &mut self.function }
    }
}

impl Learning for Fitting {
    fn forward(&mut self, source: Maps, mode: Mode) -> Maps {
        let counted = mode.counting.then(|| source.clone());
        let result = self.current_mut().forward(source, mode);
        if let Some(source) = counted {
            for (x, y) in source.iter().zip(&result) {
                self.met.add(*x, *y, self.function.slope(*x));
            }
        }
        result
    }

    fn backward(&mut self, gradient: Maps, input: bool) -> Maps {
        self.current_mut().backward(gradient, input)
    }

    fn tensors(&mut self) -> Vec<&mut Tensor> {
        vec![&mut self.polynomial.coefficients]
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
        let Fitted { degree, nearest, .. } = self.fitted;
        let found = met.nearest(degree.value(), nearest);
        if let Some(found) = &found {
            self.polynomial.coefficients.values = found.iter().map(|x| *x as f32).collect();
        }
        found.is_some() && self.is_fitted()
    }
}

#[cfg(test)]
mod tests {
    use blindsight_model::graph::ActivationKind;
    use blindsight_model::sequential::Activation;

    use super::*;

    #[test]
    fn the_polynomial_takes_the_functions_place() {
        let usual = Activation::fitted(ActivationKind::Relu);
        for fitted in [usual, usual.cubic(), usual.quartic(), usual.by_slopes()] {
            let mut layer = Fitting::new(fitted).unwrap();
            let maps = Maps::from_shape_vec((1, 6), vec![-1.0, -0.4, 0.0, 0.5, 1.2, 2.0]).unwrap();
            let counting = Mode { counting: true, ..Mode::default() };
            let relu = maps.mapv(|x| x.max(0.0));
            assert_eq!(layer.forward(maps.clone(), counting), relu);
            assert!(layer.replace_function());
            let coefficients = layer.tensors()[0].values.clone();
            assert_eq!(coefficients.len(), fitted.degree.value() + 1);
            let values = layer.forward(maps.clone(), Mode::default());
            let most = (&values - &relu).iter().fold(0.0_f32, |most, x| most.max(x.abs()));
            assert!(values != relu && most < 0.35, "{fitted:?}: {most}");
            // Nothing was met since: it stays.
            assert!(layer.replace_function());
            assert_eq!(layer.tensors()[0].values, coefficients);
        }
        let mut unseen = Fitting::new(Activation::fitted(ActivationKind::Tanh)).unwrap();
        assert!(!unseen.replace_function());
        assert!(Fitting::new(Activation::fitted(ActivationKind::Gelu)).is_none());
    }
}
