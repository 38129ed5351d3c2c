//! Functions of every element: those that are given, and parabolas that are learnt.

use blindsight_model::graph::ActivationKind;
use blindsight_model::sequential::Quadratic;
use blindsight_model::tensor::Shape;
use ndarray::Zip;

use super::{Kind, Learning, Maps, Mode, Tensor};
use crate::fit::Range;

/// The inputs of the last batch in training, and the range that they are held in.
#[derive(Default)]
pub(super) struct Seen {
    source: Maps,
    range: Option<Range>,
}

impl Seen {
    pub(super) fn keep(&mut self, source: &Maps, mode: Mode) {
        if mode.training {
            self.source = source.clone();
            self.range = mode.range;
        }
    }

    pub(super) fn source(&self) -> &Maps {
        &self.source
    }

    /// The mean square of what lies out of range, times its weight.
    pub(super) fn penalty(&self) -> f64 {
        let Some(Range { limit, weight }) = self.range else { return 0.0 };
        // By rows: sums of many small numbers lose them in single precision.
        let beyond = |row: ndarray::ArrayView1<'_, f32>| {
            row.fold(0.0_f32, |sum, x| sum + (x.abs() - limit).max(0.0).powi(2))
        };
        let sum: f64 = self.source.rows().into_iter().map(|row| f64::from(beyond(row))).sum();
        f64::from(weight) * sum / self.source.len() as f64
    }

    /// Adds the slope of the penalty.
    pub(super) fn add_slope(&self, gradient: &mut Maps) {
        let Some(Range { limit, weight }) = self.range else { return };
        let factor = 2.0 * weight / self.source.len() as f32;
        Zip::from(gradient).and(&self.source).for_each(|to, &x| {
            *to += factor * (x.abs() - limit).max(0.0) * x.signum();
        });
    }
}

/// A given function.
pub(super) struct Function {
    known: Known,
    seen: Seen,
}

/// The functions whose slopes are known here.
#[derive(Clone, Copy)]
enum Known {
    Square,
    Relu,
    Identity,
    Sigmoid,
    Tanh,
}

impl Known {
    fn slope(self, x: f32) -> f32 {
        match self {
            Self::Square => 2.0 * x,
            Self::Relu => f32::from(u8::from(x > 0.0)),
            Self::Identity => 1.0,
            Self::Sigmoid => sigmoid(x) * sigmoid(-x),
            Self::Tanh => 1.0 - x.tanh().powi(2),
        }
    }
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

impl Function {
    /// The function, if its slope is known here.
    pub(super) fn new(kind: ActivationKind) -> Option<Self> {
        let known = match kind {
            ActivationKind::Square => Known::Square,
            ActivationKind::Relu => Known::Relu,
            ActivationKind::Identity => Known::Identity,
            ActivationKind::Sigmoid => Known::Sigmoid,
            ActivationKind::Tanh => Known::Tanh,
            _ => return None,
        };
        Some(Self { known, seen: Seen::default() })
    }

    /// The slope at `x`; of ReLU at zero, none.
    pub(super) fn slope(&self, x: f32) -> f32 {
        self.known.slope(x)
    }

    /// Where it bends most, upwards. Around zero some do not bend at all, and the parabola that is nearest
    /// there is a line.
    pub(super) const fn bend(&self) -> f32 {
        match self.known {
            Known::Square | Known::Relu | Known::Identity => 0.0,
            // Where the third derivative is zero: at -ln(2 + sqrt(3)), and half of that.
            Known::Sigmoid => -1.316_958,
            Known::Tanh => -0.658_479,
        }
    }
}

impl Learning for Function {
    fn forward(&mut self, mut source: Maps, mode: Mode) -> Maps {
        self.seen.keep(&source, mode);
        match self.known {
            Known::Square => source.mapv_inplace(|x| x * x),
            Known::Relu => source.mapv_inplace(|x| x.max(0.0)),
            Known::Identity => {}
            Known::Sigmoid => source.mapv_inplace(sigmoid),
            Known::Tanh => source.mapv_inplace(f32::tanh),
        }
        source
    }

    fn backward(&mut self, mut gradient: Maps, _: bool) -> Maps {
        let known = self.known;
        let with_source = Zip::from(&mut gradient).and(&self.seen.source);
        with_source.for_each(|to, x| *to *= known.slope(*x));
        self.seen.add_slope(&mut gradient);
        gradient
    }

    fn penalty(&self) -> f64 {
        self.seen.penalty()
    }
}

/// `a x^2 + b x + c`.
pub(super) struct Parabola {
    /// Three rows: a, b and c, each of as many numbers as there are functions.
    coefficients: Tensor,
    /// Elements of one function.
    each: usize,
    seen: Seen,
}

impl Parabola {
    /// All functions begin as the same gentle parabola, whose slope is positive within two of zero.
    pub(super) fn new(source: Shape, quadratic: Quadratic) -> Self {
        let functions = quadratic.functions(source.channels());
        let values = [0.25, 1.0, 0.0].iter().flat_map(|&x| vec![x; functions]).collect();
        let coefficients = Tensor::new(Kind::Learnt, values);
        Self { coefficients, each: source.elements() / functions, seen: Seen::default() }
    }

    /// a, b and c of an element.
    fn function(&self, element: usize) -> [f32; 3] {
        let values = &self.coefficients.values;
        let functions = values.len() / 3;
        [0, 1, 2].map(|row| values[row * functions + element / self.each])
    }
}

impl Learning for Parabola {
    fn forward(&mut self, mut source: Maps, mode: Mode) -> Maps {
        self.seen.keep(&source, mode);
        for (element, mut column) in source.columns_mut().into_iter().enumerate() {
            let [a, b, c] = self.function(element);
            column.mapv_inplace(|x| (a * x + b) * x + c);
        }
        source
    }

    fn backward(&mut self, mut gradient: Maps, _: bool) -> Maps {
        let functions = self.coefficients.values.len() / 3;
        let columns = gradient.columns_mut().into_iter().zip(self.seen.source.columns());
        for (element, (mut column, source)) in columns.enumerate() {
            let [a, b, _] = self.function(element);
            let mut sums = [0.0; 3];
            for (to, &x) in column.iter_mut().zip(source) {
                for (sum, power) in sums.iter_mut().zip([x * x, x, 1.0]) {
                    *sum += *to * power;
                }
                *to *= 2.0 * a * x + b;
            }
            for (row, sum) in sums.into_iter().enumerate() {
                let place = row * functions + element / self.each;
                self.coefficients.gradient[place] += sum;
            }
        }
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
    use blindsight_model::sequential::{Activation, Layer};

    use super::*;
    use crate::layer::testing::check_slopes;

    #[test]
    fn gradients_are_slopes() {
        let functions = [
            ActivationKind::Square,
            ActivationKind::Relu,
            ActivationKind::Identity,
            ActivationKind::Sigmoid,
            ActivationKind::Tanh,
        ];
        let given = functions.map(Activation::Function);
        let learnt = [Quadratic::Layer, Quadratic::Channel].map(Activation::Quadratic);
        for activation in given.into_iter().chain(learnt) {
            check_slopes([2, 2, 2], Layer::Activation(activation), 2e-3);
        }
    }

    #[test]
    fn other_functions_are_not_trained() {
        assert!(Function::new(ActivationKind::Gelu).is_none());
    }
}
