//! What 1 means in every channel.

use blindsight_model::calibration::ActivationRange;
use blindsight_model::graph::ActivationKind;

/// The units of an activation: of its input, the bounds; of its result, what these become.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ActivationUnits {
    /// B by channel; all the same unless the function is homogeneous.
    inputs: Vec<f64>,
    outputs: Vec<f64>,
}

impl ActivationUnits {
    /// The units of an activation with that function and calibration; `None` when the calibration
    /// has a bound for every channel, but the function needs a common one.
    pub(crate) fn new(kind: ActivationKind, range: &ActivationRange) -> Option<Self> {
        if range.per_channel() && !kind.is_homogeneous() {
            return None;
        }
        let inputs: Vec<f64> = range.bounds().into_iter().map(f64::from).collect();
        let outputs = inputs.iter().map(|&bound| kind.largest_within(bound));
        Some(Self { outputs: outputs.collect(), inputs })
    }

    /// The units of these channels and then those of others, if the function is the same in all.
    pub(crate) fn followed_by(&self, other: &Self, kind: ActivationKind) -> Option<Self> {
        // (B u)^2 / B^2 is u^2 whatever B is.
        if !kind.is_homogeneous() && kind != ActivationKind::Square {
            return None;
        }
        let both = |x: &[f64], y: &[f64]| x.iter().chain(y).copied().collect();
        let (inputs, outputs) = (&other.inputs, &other.outputs);
        Some(Self { inputs: both(&self.inputs, inputs), outputs: both(&self.outputs, outputs) })
    }

    pub(crate) fn inputs(&self) -> &[f64] {
        &self.inputs
    }

    pub(crate) fn outputs(&self) -> &[f64] {
        &self.outputs
    }

    /// f(B u) / U, which is the same in all channels.
    pub(crate) fn eval(&self, kind: ActivationKind, u: f64) -> f64 {
        if kind.is_homogeneous() {
            // U = f(B): the factor B passes through the function.
            return kind.eval(u);
        }
        match (self.inputs.first(), self.outputs.first()) {
            (Some(input), Some(output)) => kind.eval(u * input) / output,
            _ => kind.eval(u),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_stays_between_minus_one_and_one() {
        let units = ActivationUnits {
            inputs: vec![4.0, 4.0],
            outputs: vec![ActivationKind::Silu.eval(4.0); 2],
        };
        let eval = |u| units.eval(ActivationKind::Silu, u);
        assert_eq!(eval(1.0), 1.0);
        let expected = ActivationKind::Silu.eval(-2.0) / ActivationKind::Silu.eval(4.0);
        assert_eq!(eval(-0.5), expected);
        assert_eq!(units.eval(ActivationKind::Relu, 0.25), 0.25);
    }
}
