//! Runs a model on pictures and records where its values lie.
//!
//! Two passes over the same pictures: the bounds of the channels must be known before it can be
//! counted where between them the values lie.

mod recorders;

use super::{Calibration, CalibrationError, Margins, Place};
use crate::cifar::{CifarError, CifarRecord};
use crate::fingerprint::Fingerprint;
use crate::graph::Graph;
use crate::metadata::Normalisation;
use crate::model::Model;
use crate::picture::Picture32;
use crate::plain::PlainNetwork;
use recorders::{BoundedCounts, LargestByChannel, ScoreRecorder};

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
    pictures: u64,
    activations: Vec<LargestByChannel>,
    scores: ScoreRecorder,
}

impl Calibrator {
    /// A calibrator that has seen nothing.
    #[must_use]
    pub fn new(model: &Model) -> Self {
        Self::of_graph(model.graph().clone(), model.metadata().normalisation, model.fingerprint())
    }

    fn of_graph(graph: Graph, normalisation: Normalisation, model: Fingerprint) -> Self {
        let shapes = graph.activations().map(|(id, _)| graph.shape(id));
        Self {
            pictures: 0,
            activations: shapes.map(LargestByChannel::new).collect(),
            scores: ScoreRecorder::default(),
            subject: Subject { network: PlainNetwork::new(graph), normalisation, model },
        }
    }

    /// Runs the network on a picture and records the largest magnitudes.
    ///
    /// # Errors
    /// [`CalibrationError::TooLarge`] when a value is not finite or too large to make sense.
    pub fn measure(&mut self, picture: &Picture32) -> Result<(), CalibrationError> {
        let Subject { network, normalisation, .. } = &self.subject;
        let mut failed = None;
        let activations = &mut self.activations;
        let scores = network.run_observed(&picture.normalise(normalisation), |index, values| {
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

    /// Sets the bounds and goes on to the second pass.
    ///
    /// # Errors
    /// [`CalibrationError::NoPictures`] or [`CalibrationError::AlwaysZero`].
    pub fn second_pass(self, margins: &Margins) -> Result<SecondPass, CalibrationError> {
        if self.pictures == 0 {
            return Err(CalibrationError::NoPictures);
        }
        let graph = self.subject.network.graph();
        let measured = self.activations.into_iter().zip(graph.activations());
        let activations = measured.enumerate().map(|(index, (largest, (id, kind)))| {
            let margin = margins.of(graph.shape(id));
            let place = Place::Activation(index);
            BoundedCounts::new(largest, kind.is_homogeneous(), margin)
                .ok_or(CalibrationError::AlwaysZero { place })
        });
        Ok(SecondPass {
            activations: activations.collect::<Result<_, _>>()?,
            subject: self.subject,
            expected: self.pictures,
            pictures: 0,
            scores: self.scores,
            margins: margins.clone(),
        })
    }
}

/// The second pass, which counts where between the bounds the values lie.
#[derive(Clone, Debug)]
pub struct SecondPass {
    subject: Subject,
    /// Pictures of the first pass.
    expected: u64,
    pictures: u64,
    activations: Vec<BoundedCounts>,
    scores: ScoreRecorder,
    margins: Margins,
}

impl SecondPass {
    /// Runs the network on a picture of the first pass and counts its values.
    ///
    /// # Errors
    /// [`CalibrationError::OtherPictures`] when a value is larger than any of the first pass.
    pub fn measure(&mut self, picture: &Picture32) -> Result<(), CalibrationError> {
        let Subject { network, normalisation, .. } = &self.subject;
        let mut same = true;
        let activations = &mut self.activations;
        network.run_observed(&picture.normalise(normalisation), |index, values| {
            same &= activations[index].record(values);
        })?;
        self.pictures += 1;
        if same { Ok(()) } else { Err(CalibrationError::OtherPictures) }
    }

    /// Ends the measurement.
    ///
    /// # Errors
    /// [`CalibrationError::OtherPictures`] when there were more or fewer than in the first pass,
    /// [`CalibrationError::AlwaysZero`] when the scores are.
    pub fn finish(self) -> Result<Calibration, CalibrationError> {
        if self.pictures != self.expected {
            return Err(CalibrationError::OtherPictures);
        }
        let activations = self.activations.into_iter().map(BoundedCounts::finish);
        let activations: Option<_> = activations.collect();
        let place = Place::Scores;
        let scores = self.scores.finish(self.margins.of_scores());
        Ok(Calibration {
            model: self.subject.model,
            pictures: self.pictures,
            activations: activations.ok_or(CalibrationError::OtherPictures)?,
            scores: scores.ok_or(CalibrationError::AlwaysZero { place })?,
        })
    }
}

/// What is measured.
#[derive(Clone, Debug)]
struct Subject {
    network: PlainNetwork,
    normalisation: Normalisation,
    model: Fingerprint,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::calibration::Margin;
    use crate::cifar::CifarReader;
    use crate::model::tests::made_up_model;
    use crate::picture::PLANE;
    use crate::tensor::Tensor;

    pub(crate) fn pictures() -> Vec<Picture32> {
        let picture = |seed: usize| {
            let planes = std::array::from_fn(|i| (i * (seed + 3) % 256) as u8);
            Picture32::from_planes(&planes)
        };
        (0..4).map(picture).collect()
    }

    fn margins() -> Margins {
        Margins::uniform(Margin::new(1.5).unwrap())
    }

    /// A calibration of any network that reads pictures.
    pub(crate) fn measured(graph: &Graph) -> Calibration {
        let normalisation = made_up_model().metadata().normalisation;
        let first = Calibrator::of_graph(graph.clone(), normalisation, Fingerprint::of(b""));
        both_passes(first, &Margins::default())
    }

    pub(crate) fn calibration() -> Calibration {
        both_passes(Calibrator::new(&made_up_model()), &margins())
    }

    fn both_passes(mut first: Calibrator, margins: &Margins) -> Calibration {
        for picture in pictures() {
            first.measure(&picture).unwrap();
        }
        let mut second = first.second_pass(margins).unwrap();
        for picture in pictures() {
            second.measure(&picture).unwrap();
        }
        second.finish().unwrap()
    }

    /// As if the last activation had one more channel.
    pub(crate) fn calibration_with_another_channel() -> Calibration {
        let mut calibration = calibration();
        let last = calibration.activations.last_mut().unwrap();
        *last = super::super::ActivationRange::new(
            [last.largest(), &[1.0]].concat(),
            last.per_channel(),
            last.margin(),
            last.histogram().clone(),
        )
        .unwrap();
        calibration
    }

    #[test]
    fn every_place_is_measured() {
        let model = made_up_model();
        let calibration = calibration();
        assert_eq!(calibration.pictures(), 4);
        assert_eq!(calibration.activations().len(), 19);
        // Compare one place with a run of the network itself.
        let network = PlainNetwork::new(model.graph().clone());
        let mut largest = [0.0_f32; 32];
        for picture in pictures() {
            let input = picture.normalise(&model.metadata().normalisation);
            let observe = |index, values: &Tensor| {
                if index == 7 {
                    for (largest, plane) in largest.iter_mut().zip(values.planes()) {
                        *largest = plane.iter().fold(*largest, |max, x| max.max(x.abs()));
                    }
                }
            };
            network.run_observed(&input, observe).unwrap();
        }
        let range = &calibration.activations()[7];
        assert_eq!(range.largest(), largest);
        assert!(range.per_channel());
        assert!(largest.iter().all(|&x| x > 0.1), "no channel is dead");
        let counted = range.histogram().total();
        // Every value counts as at most 1, and as less outside the channel with the most.
        assert!((16 * 16..4 * 32 * 16 * 16).contains(&counted));
        assert_eq!(calibration.scores().histogram().total(), 4 * 10);
        let bound = calibration.scores().max_magnitude() * 1.5;
        assert_eq!(calibration.scores().bound(), bound);
    }

    #[test]
    fn a_file_of_records_gives_the_same() {
        let record = |picture: Picture32| {
            let plane = move |c| (0..PLANE).map(move |i| 3 * i + c);
            let bytes = (0..3).flat_map(plane).map(|i| picture.rgb()[i]).collect::<Vec<_>>();
            [vec![0], bytes].concat()
        };
        let file: Vec<u8> = pictures().into_iter().flat_map(record).collect();
        let open = || Ok(CifarReader::new(&file[..]));
        let from_file = calibrate(&made_up_model(), open, &margins()).unwrap();
        assert!(from_file == calibration());

        let truncated = || Ok(CifarReader::new(&file[1..]));
        let refused = calibrate(&made_up_model(), truncated, &margins());
        assert!(matches!(refused, Err(CalibrationError::Cifar(_))));
    }

    #[test]
    fn the_second_pass_must_see_the_same_pictures() {
        let pictures = pictures();
        let mut first = Calibrator::new(&made_up_model());
        first.measure(&pictures[0]).unwrap();
        let second = first.second_pass(&margins()).unwrap();

        let mut other = second.clone();
        let refused = other.measure(&pictures[1]).unwrap_err();
        assert!(matches!(refused, CalibrationError::OtherPictures));

        let refused = second.clone().finish().unwrap_err();
        assert!(matches!(refused, CalibrationError::OtherPictures));
        let mut same = second;
        same.measure(&pictures[0]).unwrap();
        same.finish().unwrap();
    }

    #[test]
    fn nothing_measured_is_no_calibration() {
        let refused = calibrate(&made_up_model(), || Ok([]), &Margins::default()).unwrap_err();
        assert!(matches!(refused, CalibrationError::NoPictures));
    }
}
