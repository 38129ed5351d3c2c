//! The ranges of values at every activation and at the scores, measured on pictures.
//!
//! A functional bootstrap computes its activation on an interval [-B, B] and wraps beyond it, so
//! every activation needs a bound B that its input never exceeds: the largest magnitude seen on
//! many pictures, times a [`Margin`] for pictures not seen. Its error grows with B, so an
//! activation that allows it has a bound for every channel (see [`ActivationRange`]). The
//! histograms say where in the interval the values really lie, for fitting the activation where
//! it matters.
//!
//! [`calibrate_inputs`] measures any network on any [`Inputs`] and also answers a [`Coverage`]: how
//! far the pictures can be trusted to have shown everything. [`exceeded`] checks on other pictures.

mod coverage;
mod error;
mod exceeded;
mod file;
mod histogram;
mod inputs;
mod margin;
mod measure;
mod range;

use crate::fingerprint::Fingerprint;
use crate::graph::Graph;
use crate::model::Model;
pub use coverage::{
    ActivationCoverage, Coverage, CoverageWarning, ENOUGH_PICTURES, NEAR_BOUND, SETTLED,
};
pub use error::{CalibrationError, Place};
pub use exceeded::{Exceeded, exceeded};
pub use file::{CalibrationFileError, FORMAT, MAX_FILE_BYTES, VERSION};
pub use histogram::{BINS, Histogram, MAX_MAGNITUDE};
pub use inputs::{Inputs, Progress};
pub use margin::{Margin, Margins};
pub use measure::{Calibrator, SecondPass, calibrate, calibrate_inputs};
pub use range::{ActivationRange, LEAST_SHARE, Range};

/// Measured ranges of one model. Made by [`calibrate`] or read with [`Calibration::from_json`].
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    model: Fingerprint,
    pictures: u64,
    activations: Vec<ActivationRange>,
    scores: Range,
}

impl Calibration {
    /// The fingerprint of the model that was measured.
    #[must_use]
    pub const fn model(&self) -> Fingerprint {
        self.model
    }

    /// Number of pictures that were measured.
    #[must_use]
    pub const fn pictures(&self) -> u64 {
        self.pictures
    }

    /// The ranges of the activations' inputs, in execution order.
    #[must_use]
    pub fn activations(&self) -> &[ActivationRange] {
        &self.activations
    }

    /// The range of the scores, all classes together.
    #[must_use]
    pub const fn scores(&self) -> &Range {
        &self.scores
    }

    /// Checks that this is the calibration of that model.
    ///
    /// # Errors
    /// [`CalibrationError::OtherModel`] when the model's file, the number of its activations or
    /// of their channels is another.
    pub fn check_model(&self, model: &Model) -> Result<(), CalibrationError> {
        if self.model == model.fingerprint() && self.fits(model.graph()) {
            Ok(())
        } else {
            let (measured, given) = (self.model, model.fingerprint());
            Err(CalibrationError::OtherModel { measured, given })
        }
    }

    /// Whether the network has as many activations, each of as many channels.
    fn fits(&self, graph: &Graph) -> bool {
        let channels = graph.activations().map(|(id, _)| graph.shape(id).channels());
        self.activations.iter().map(ActivationRange::channels).eq(channels)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::measure::tests::{calibration, calibration_with_another_channel};
    pub(crate) use super::measure::tests::{measured, pictures};
    use super::*;
    use crate::model::tests::made_up_model;

    #[test]
    fn a_calibration_belongs_to_one_model() {
        let mut calibration = calibration();
        calibration.check_model(&made_up_model()).unwrap();
        calibration.model = Fingerprint::of(b"another file");
        let refused = calibration.check_model(&made_up_model());
        assert!(matches!(refused, Err(CalibrationError::OtherModel { .. })));
        let refused = calibration_with_another_channel().check_model(&made_up_model());
        assert!(matches!(refused, Err(CalibrationError::OtherModel { .. })));
    }
}
