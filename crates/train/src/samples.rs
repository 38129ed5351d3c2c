//! Labelled inputs in memory.

use std::path::{Path, PathBuf};

use blindsight_model::dataset::Dataset;
use blindsight_model::picture::Preparation;
use blindsight_model::tensor::{Shape, Tensor};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::TrainError;

/// Inputs of one shape, each with the number of its class.
#[derive(Clone, Debug, PartialEq)]
pub struct Samples {
    shape: [usize; 3],
    inputs: Vec<f32>,
    labels: Vec<usize>,
}

impl Samples {
    /// Inputs one after the other, each in channel, row, column order.
    ///
    /// # Errors
    /// [`TrainError::Samples`] when there are none, or not as many numbers as they need.
    pub fn new(
        shape: [usize; 3],
        inputs: Vec<f32>,
        labels: Vec<usize>,
    ) -> Result<Self, TrainError> {
        let each = shape.iter().fold(1_usize, |product, &side| product.saturating_mul(side));
        let (expected, found) = (each.saturating_mul(labels.len()), inputs.len());
        if found == 0 || found != expected {
            return Err(TrainError::Samples { labels: labels.len(), each, expected, found });
        }
        Ok(Self { shape, inputs, labels })
    }

    /// Reads pictures with labels, which become inputs as they do when the network is served.
    ///
    /// # Errors
    /// [`TrainError`] when the data set cannot be read or a picture has no label.
    pub fn read(path: &Path, preparation: &Preparation) -> Result<Self, TrainError> {
        let dataset = Dataset::open(path, None)?;
        let (mut inputs, mut labels) = (Vec::new(), Vec::new());
        for sample in dataset.samples()? {
            let sample = sample?;
            let Some(label) = sample.label else {
                return Err(TrainError::NoLabel { name: sample.name });
            };
            inputs.extend_from_slice(sample.prepare(preparation)?.values());
            labels.push(label);
        }
        let shape = preparation.shape();
        Self::new([shape.channels(), shape.height(), shape.width()], inputs, labels)
    }

    /// Reads one part, `train` or `t10k`, of the IDX files of MNIST in a folder, packed or not.
    ///
    /// # Errors
    /// As [`Samples::read`].
    pub fn mnist(folder: &Path, part: &str, preparation: &Preparation) -> Result<Self, TrainError> {
        let plain = folder.join(format!("{part}-images-idx3-ubyte"));
        let packed = PathBuf::from(format!("{}.gz", plain.display()));
        Self::read(if plain.is_file() { &plain } else { &packed }, preparation)
    }

    /// Sets `held_out` samples aside, drawn by the seed: the others, then those.
    #[must_use]
    pub fn split(self, held_out: usize, seed: u64) -> (Self, Self) {
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        let (aside, rest) = order.split_at(held_out.min(order.len()));
        (self.of(rest), self.of(aside))
    }

    /// Those of the first classes alone.
    ///
    /// # Errors
    /// [`TrainError::Samples`] when none is left.
    pub fn of_classes(&self, classes: usize) -> Result<Self, TrainError> {
        let chosen = (0..self.len()).filter(|&at| self.labels[at] < classes);
        let Self { shape, inputs, labels } = self.of(&chosen.collect::<Vec<_>>());
        Self::new(shape, inputs, labels)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Channels, rows and columns.
    #[must_use]
    pub const fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// Numbers of one input.
    #[must_use]
    pub fn each(&self) -> usize {
        self.shape.iter().product()
    }

    /// One input.
    pub(crate) fn input(&self, at: usize) -> &[f32] {
        let each = self.each();
        &self.inputs[at * each..][..each]
    }

    /// The numbers of the classes.
    #[must_use]
    pub fn labels(&self) -> &[usize] {
        &self.labels
    }

    /// All samples as a network in the clear or an encrypted one takes them, each with its label.
    ///
    /// # Errors
    /// [`TrainError::Tensor`] when they have a shape that no network reads.
    pub fn labelled(&self) -> Result<Vec<(Tensor, usize)>, TrainError> {
        let [channels, height, width] = self.shape;
        let shape = Shape::new(channels, height, width)?;
        let sample = |(at, &label): (usize, &usize)| {
            Ok((Tensor::new(shape, self.input(at).to_vec())?, label))
        };
        self.labels.iter().enumerate().map(sample).collect()
    }

    fn of(&self, order: &[usize]) -> Self {
        let inputs = order.iter().flat_map(|&at| self.input(at)).copied().collect();
        let labels = order.iter().map(|&at| self.labels[at]).collect();
        Self { shape: self.shape, inputs, labels }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use blindsight_model::tensor::Shape;

    use super::*;

    #[test]
    fn the_seed_says_what_is_held_out() {
        let all = Samples::new([2, 1, 1], (0..20).map(|x| x as f32).collect(), (0..10).collect());
        let all = all.unwrap();
        let (rest, aside) = all.clone().split(3, 7);
        assert_eq!((rest.len(), aside.len()), (7, 3));
        let labelled = aside.labelled().unwrap();
        assert_eq!((labelled[2].0.values(), labelled[2].1), (aside.input(2), aside.labels()[2]));
        for part in [&rest, &aside] {
            for (at, &label) in part.labels().iter().enumerate() {
                assert_eq!(part.input(at), [2.0 * label as f32, 2.0 * label as f32 + 1.0]);
            }
        }
        let mut labels = [rest.labels(), aside.labels()].concat();
        labels.sort_unstable();
        assert_eq!(labels, (0..10).collect::<Vec<_>>());
        assert_eq!(all.clone().split(3, 7).1, aside);
        assert_ne!(all.split(3, 8).1, aside);
    }

    #[test]
    fn classes_can_be_left_out() {
        let all = Samples::new([1, 1, 1], (0..9).map(|x| x as f32).collect(), [2, 0, 1].repeat(3));
        let all = all.unwrap();
        let first = all.of_classes(2).unwrap();
        assert_eq!(first.labels(), [0, 1].repeat(3));
        assert_eq!(first.inputs, [1.0, 2.0, 4.0, 5.0, 7.0, 8.0]);
        assert_eq!(all.of_classes(3).unwrap(), all);
        assert!(matches!(all.of_classes(0), Err(TrainError::Samples { labels: 0, .. })));
    }

    #[test]
    fn numbers_must_be_as_many_as_samples_need() {
        for (numbers, labels) in [(3, 2), (5, 2), (0, 0)] {
            let refused = Samples::new([2, 1, 1], vec![0.0; numbers], vec![0; labels]);
            assert!(matches!(refused, Err(TrainError::Samples { .. })), "{numbers} {labels}");
        }
    }

    #[test]
    fn pictures_are_read_from_idx_files() {
        let folder = tempfile::tempdir().unwrap();
        let images =
            [&[0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 2][..], &[0, 255, 51, 0, 102, 0, 0, 0]];
        let labels = [0, 0, 8, 1, 0, 0, 0, 2, 7, 3];
        fs::write(folder.path().join("train-images-idx3-ubyte"), images.concat()).unwrap();
        let preparation = Preparation::new(Shape::new(1, 2, 2).unwrap(), &[0.0], &[1.0]).unwrap();
        let refused = Samples::mnist(folder.path(), "train", &preparation).unwrap_err();
        assert!(matches!(refused, TrainError::NoLabel { .. }), "{refused}");
        fs::write(folder.path().join("train-labels-idx1-ubyte"), labels).unwrap();
        let read = Samples::mnist(folder.path(), "train", &preparation).unwrap();
        assert_eq!((read.labels(), read.input(0)), (&[7, 3][..], &[0.0, 1.0, 0.2, 0.0][..]));
        let refused = Samples::mnist(folder.path(), "t10k", &preparation).unwrap_err();
        assert!(matches!(refused, TrainError::Dataset(_)), "{refused}");
    }
}
