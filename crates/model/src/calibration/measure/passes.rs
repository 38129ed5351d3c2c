//! What each of the two passes records, over all places of a network.

use super::super::{Calibration, CalibrationError, Coverage, Margins, Place};
use super::recorders::{BoundedCounts, LargestByChannel, ScoreRecorder};
use crate::fingerprint::Fingerprint;
use crate::graph::Graph;
use crate::plain::PlainNetwork;
use crate::tensor::Tensor;

/// The first pass: largest magnitudes.
#[derive(Clone, Debug)]
pub(super) struct Bounds {
    pictures: u64,
    activations: Vec<LargestByChannel>,
    scores: ScoreRecorder,
}

impl Bounds {
    pub(super) fn new(graph: &Graph) -> Self {
        let shapes = graph.activations().map(|(id, _)| graph.shape(id));
        Self {
            pictures: 0,
            activations: shapes.map(LargestByChannel::new).collect(),
            scores: ScoreRecorder::default(),
        }
    }

    pub(super) fn measure(
        &mut self,
        network: &PlainNetwork,
        input: &Tensor,
    ) -> Result<(), CalibrationError> {
        let mut failed = None;
        let activations = &mut self.activations;
        let scores = network.run_observed(input, |index, values| {
            if !activations[index].record(values) {
                failed = failed.or(Some(Place::Activation(index)));
            }
        })?;
        if !self.scores.record(&scores) {
            failed = failed.or(Some(Place::Scores));
        }
        self.pictures += 1;
        failed.map_or(Ok(()), |place| Err(CalibrationError::TooLarge { place }))
    }

    /// Adds what another recorded of the same network.
    pub(super) fn absorb(&mut self, other: Self) {
        self.pictures += other.pictures;
        for (largest, more) in self.activations.iter_mut().zip(&other.activations) {
            largest.absorb(more);
        }
        self.scores.absorb(other.scores);
    }

    /// Sets the bounds and goes on to the second pass.
    pub(super) fn into_counts(
        self,
        graph: &Graph,
        margins: &Margins,
    ) -> Result<Counts, CalibrationError> {
        if self.pictures == 0 {
            return Err(CalibrationError::NoPictures);
        }
        let measured = self.activations.into_iter().zip(graph.activations());
        let activations = measured.enumerate().map(|(index, (largest, (id, kind)))| {
            let margin = margins.of(graph.shape(id));
            let place = Place::Activation(index);
            BoundedCounts::new(largest, kind, margin).ok_or(CalibrationError::AlwaysZero { place })
        });
        Ok(Counts {
            activations: activations.collect::<Result<_, _>>()?,
            expected: self.pictures,
            pictures: 0,
            scores: self.scores,
            margins: margins.clone(),
        })
    }
}

/// The second pass: counts between the bounds.
#[derive(Clone, Debug)]
pub(super) struct Counts {
    /// Pictures of the first pass.
    expected: u64,
    pictures: u64,
    activations: Vec<BoundedCounts>,
    /// Of the first pass.
    scores: ScoreRecorder,
    margins: Margins,
}

impl Counts {
    pub(super) const fn pictures(&self) -> u64 {
        self.pictures
    }

    /// `at` is the position of the picture among all, from 0.
    pub(super) fn measure(
        &mut self,
        network: &PlainNetwork,
        at: u64,
        input: &Tensor,
    ) -> Result<(), CalibrationError> {
        let early = at.saturating_mul(4) < self.expected.saturating_mul(3);
        let mut same = true;
        let activations = &mut self.activations;
        network.run_observed(input, |index, values| {
            same &= activations[index].record(values, early);
        })?;
        self.pictures += 1;
        if same { Ok(()) } else { Err(CalibrationError::OtherPictures) }
    }

    /// Adds what another counted after the same first pass.
    pub(super) fn absorb(&mut self, other: Self) {
        self.pictures += other.pictures;
        for (counts, more) in self.activations.iter_mut().zip(&other.activations) {
            counts.absorb(more);
        }
    }

    pub(super) fn finish(
        self,
        model: Fingerprint,
    ) -> Result<(Calibration, Coverage), CalibrationError> {
        if self.pictures != self.expected {
            return Err(CalibrationError::OtherPictures);
        }
        let coverage = self.activations.iter().map(BoundedCounts::coverage).collect();
        let activations = self.activations.into_iter().map(BoundedCounts::finish);
        let activations: Option<_> = activations.collect();
        let place = Place::Scores;
        let scores = self.scores.finish(self.margins.of_scores());
        let calibration = Calibration {
            model,
            pictures: self.pictures,
            activations: activations.ok_or(CalibrationError::OtherPictures)?,
            scores: scores.ok_or(CalibrationError::AlwaysZero { place })?,
        };
        Ok((calibration, Coverage::new(self.pictures, coverage)))
    }
}
