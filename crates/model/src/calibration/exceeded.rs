//! A check of a calibration on pictures that it was not made from.

use std::fmt;
use std::ops::ControlFlow;

use super::inputs::{Inputs, Progress, for_all, workers};
use super::{ActivationRange, Calibration, CalibrationError};
use crate::graph::Graph;
use crate::plain::PlainNetwork;
use crate::tensor::Tensor;

/// Counts the values of all inputs that lie beyond the calibration's bounds. `progress` is told of
/// the pictures and may stop.
///
/// # Errors
/// [`CalibrationError`] when the calibration is of another network, an input cannot be read or
/// does not fit the network, or `progress` stopped.
pub fn exceeded(
    graph: &Graph,
    calibration: &Calibration,
    inputs: &(impl Inputs + ?Sized),
    mut progress: impl FnMut(Progress) -> ControlFlow<()>,
) -> Result<Exceeded, CalibrationError> {
    if !calibration.fits(graph) {
        return Err(CalibrationError::OtherNetwork);
    }
    let network = PlainNetwork::new(graph.clone());
    let bounds: Vec<_> = calibration.activations().iter().map(ActivationRange::bounds).collect();
    let none = Exceeded { pictures: 0, affected: 0, activations: vec![0; bounds.len()], scores: 0 };
    let mut counts = vec![none.clone(); workers()];
    let total = inputs.count();
    let mut tell = |done| progress(Progress { done, total });
    for_all(inputs, &mut counts, &mut tell, |counts, _, input| {
        let before = counts.values();
        let activations = &mut counts.activations;
        let scores = network.run_observed(input, |index, values| {
            activations[index] += beyond(values, &bounds[index]);
        })?;
        let bound = [calibration.scores().bound()].repeat(scores.shape().channels());
        counts.scores += beyond(&scores, &bound);
        counts.pictures += 1;
        counts.affected += u64::from(counts.values() > before);
        Ok(())
    })?;
    Ok(counts.into_iter().fold(none, Exceeded::and))
}

/// How many values of held-out pictures lie beyond the bounds of a calibration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exceeded {
    /// Number of pictures.
    pub pictures: u64,
    /// How many of them have any such value.
    pub affected: u64,
    /// The values at each activation's input, in execution order.
    pub activations: Vec<u64>,
    /// The scores.
    pub scores: u64,
}

impl Exceeded {
    /// All values beyond a bound.
    #[must_use]
    pub fn values(&self) -> u64 {
        self.activations.iter().sum::<u64>() + self.scores
    }

    fn and(mut self, other: Self) -> Self {
        self.pictures += other.pictures;
        self.affected += other.affected;
        self.scores += other.scores;
        for (count, more) in self.activations.iter_mut().zip(other.activations) {
            *count += more;
        }
        self
    }
}

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pictures, affected, .. } = self;
        match self.values() {
            0 => write!(f, "No value of {pictures} pictures lies beyond its bound."),
            values => write!(
                f,
                "{values} values lie beyond their bounds, in {affected} of {pictures} pictures."
            ),
        }
    }
}

/// What is not a number is beyond every bound.
fn beyond(values: &Tensor, bounds: &[f32]) -> u64 {
    let channels = values.planes().zip(bounds);
    let counts = channels.map(|(plane, &bound)| {
        let within = plane.iter().filter(|x| x.abs() <= bound).count();
        (plane.len() - within) as u64
    });
    counts.sum()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{measured, pictures};
    use super::*;
    use crate::model::tests::made_up_model;
    use crate::picture::Picture32;
    use crate::tensor::Shape;

    fn go_on(_: Progress) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    #[test]
    fn only_other_pictures_can_exceed() {
        let model = made_up_model();
        let calibration = measured(model.graph());
        let normalise = |picture: Picture32| picture.normalise(&model.metadata().normalisation);
        let mut inputs: Vec<Tensor> = pictures().into_iter().map(normalise).collect();
        let none = exceeded(model.graph(), &calibration, &inputs[..], go_on).unwrap();
        assert_eq!((none.pictures, none.values(), none.affected), (4, 0, 0));
        assert_eq!(none.to_string(), "No value of 4 pictures lies beyond its bound.");

        for x in inputs[2].values_mut() {
            *x *= 20.0;
        }
        let some = exceeded(model.graph(), &calibration, &inputs[..], go_on).unwrap();
        assert_eq!((some.pictures, some.affected), (4, 1));
        assert!(some.activations[0] > 1000, "{some:?}");
        assert!(some.to_string().ends_with("in 1 of 4 pictures."), "{some}");
    }

    #[test]
    fn values_beyond_are_counted_by_channel() {
        let shape = Shape::new(2, 1, 3).unwrap();
        let values = vec![1.0, -1.1, f32::NAN, 1.9, -2.0, f32::INFINITY];
        assert_eq!(beyond(&Tensor::new(shape, values).unwrap(), &[1.0, 2.0]), 3);
    }

    #[test]
    fn the_network_must_be_that_of_the_calibration() {
        let calibration = super::super::measure::tests::calibration_with_another_channel();
        let refused = exceeded(made_up_model().graph(), &calibration, &[][..], go_on);
        assert!(matches!(refused, Err(CalibrationError::OtherNetwork)));
    }
}
