//! Runs a model on pictures and records where its values lie.
//!
//! Two passes over the same pictures: the bounds of the channels must be known before it can be
//! counted where between them the values lie.

mod passes;
mod recorders;

use std::ops::ControlFlow;

use super::inputs::{Inputs, Progress, for_all, workers};
use super::{Calibration, CalibrationError, Coverage, Margins};
use crate::cifar::{CifarError, CifarRecord};
use crate::fingerprint::Fingerprint;
use crate::graph::Graph;
use crate::metadata::Normalisation;
use crate::model::Model;
use crate::picture::Picture32;
use crate::plain::PlainNetwork;
use passes::{Bounds, Counts};

/// Measures a network on all inputs and says how well they cover it; `model` is the fingerprint
/// that the calibration carries.
///
/// With the feature `parallel` several pictures are worked on at a time. The result does not
/// depend on how many. `progress` is told of the pictures of both passes, and may stop.
///
/// # Errors
/// [`CalibrationError`] when an input cannot be read or does not fit the network, there are none,
/// they are not the same in both passes, some place in the network is always zero or overflows, or
/// `progress` stopped. Of several bad inputs the first is named.
pub fn calibrate_inputs(
    graph: &Graph,
    model: Fingerprint,
    inputs: &(impl Inputs + ?Sized),
    margins: &Margins,
    mut progress: impl FnMut(Progress) -> ControlFlow<()>,
) -> Result<(Calibration, Coverage), CalibrationError> {
    let network = PlainNetwork::new(graph.clone());
    let count = inputs.count();
    let total = count.saturating_mul(2);

    let mut bounds = vec![Bounds::new(graph); workers()];
    let mut tell = |done| progress(Progress { done, total });
    for_all(inputs, &mut bounds, &mut tell, |bounds, _, input| bounds.measure(&network, input))?;
    let bounds = merged(bounds, Bounds::absorb).ok_or(CalibrationError::NoPictures)?;

    let mut counts = vec![bounds.into_counts(graph, margins)?; workers()];
    let mut tell = |done| progress(Progress { done: count.saturating_add(done), total });
    for_all(inputs, &mut counts, &mut tell, |counts, at, input| {
        counts.measure(&network, at, input)
    })?;
    let counts = merged(counts, Counts::absorb).ok_or(CalibrationError::NoPictures)?;
    counts.finish(model)
}

/// Measures the model on all pictures of a CIFAR-10 file; `open` is called twice and has to give
/// the same pictures both times.
///
/// # Errors
/// [`CalibrationError`] when a record cannot be read, there are no pictures, the pictures are not
/// the same both times, or some place in the network is always zero or overflows.
pub fn calibrate<R>(
    model: &Model,
    mut open: impl FnMut() -> Result<R, CifarError>,
    margins: &Margins,
) -> Result<Calibration, CalibrationError>
where
    R: IntoIterator<Item = Result<CifarRecord, CifarError>>,
{
    let mut first = Calibrator::new(model);
    for record in open()? {
        first.measure(&record?.picture)?;
    }
    let mut second = first.second_pass(margins)?;
    for record in open()? {
        second.measure(&record?.picture)?;
    }
    second.finish()
}

/// Measures a model one picture at a time, for callers that report progress: the first pass,
/// which finds the bounds.
#[derive(Clone, Debug)]
pub struct Calibrator {
    subject: Subject,
    bounds: Bounds,
}

impl Calibrator {
    /// A calibrator that has seen nothing.
    #[must_use]
    pub fn new(model: &Model) -> Self {
        Self::of_graph(model.graph().clone(), model.metadata().normalisation, model.fingerprint())
    }

    fn of_graph(graph: Graph, normalisation: Normalisation, model: Fingerprint) -> Self {
        Self {
            bounds: Bounds::new(&graph),
            subject: Subject { network: PlainNetwork::new(graph), normalisation, model },
        }
    }

    /// Runs the network on a picture and records the largest magnitudes.
    ///
    /// # Errors
    /// [`CalibrationError::TooLarge`] when a value is not finite or too large to make sense.
    pub fn measure(&mut self, picture: &Picture32) -> Result<(), CalibrationError> {
        let Subject { network, normalisation, .. } = &self.subject;
        self.bounds.measure(network, &picture.normalise(normalisation))
    }

    /// Sets the bounds and goes on to the second pass.
    ///
    /// # Errors
    /// [`CalibrationError::NoPictures`] or [`CalibrationError::AlwaysZero`].
    pub fn second_pass(self, margins: &Margins) -> Result<SecondPass, CalibrationError> {
        let counts = self.bounds.into_counts(self.subject.network.graph(), margins)?;
        Ok(SecondPass { subject: self.subject, counts })
    }
}

/// The second pass, which counts where between the bounds the values lie.
#[derive(Clone, Debug)]
pub struct SecondPass {
    subject: Subject,
    counts: Counts,
}

impl SecondPass {
    /// Runs the network on a picture of the first pass and counts its values.
    ///
    /// # Errors
    /// [`CalibrationError::OtherPictures`] when a value is larger than any of the first pass.
    pub fn measure(&mut self, picture: &Picture32) -> Result<(), CalibrationError> {
        let Subject { network, normalisation, .. } = &self.subject;
        let at = self.counts.pictures();
        self.counts.measure(network, at, &picture.normalise(normalisation))
    }

    /// Ends the measurement.
    ///
    /// # Errors
    /// [`CalibrationError::OtherPictures`] when there were more or fewer than in the first pass,
    /// [`CalibrationError::AlwaysZero`] when the scores are.
    pub fn finish(self) -> Result<Calibration, CalibrationError> {
        Ok(self.finish_with_coverage()?.0)
    }

    /// Ends the measurement and says how well the pictures cover the model.
    ///
    /// # Errors
    /// As [`SecondPass::finish`].
    pub fn finish_with_coverage(self) -> Result<(Calibration, Coverage), CalibrationError> {
        self.counts.finish(self.subject.model)
    }
}

/// What is measured.
#[derive(Clone, Debug)]
struct Subject {
    network: PlainNetwork,
    normalisation: Normalisation,
    model: Fingerprint,
}

/// What all workers recorded, or `None` if there are none.
fn merged<T>(records: Vec<T>, absorb: impl Fn(&mut T, T)) -> Option<T> {
    records.into_iter().reduce(|mut all, more| {
        absorb(&mut all, more);
        all
    })
}

#[cfg(test)]
pub(crate) mod tests;
