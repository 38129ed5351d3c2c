//! Pictures to measure a network on, with labels or without, from where they lie on disk.
//!
//! [`Dataset::open`] takes a folder of picture files, a binary file of CIFAR-10, an IDX file of
//! MNIST (plain or packed with gzip) or a NumPy array. A data set is read as it is gone through:
//! in memory are only the pictures that are being worked on. All of it is untrusted.

mod error;
mod folder;
pub mod idx;
pub mod npy;
mod source;

use std::path::Path;

use crate::calibration::Inputs;
use crate::picture::{Pixels, Preparation};
use crate::tensor::Tensor;
pub use error::{DatasetError, FileError};
pub use folder::MAX_FILES;
use source::{Reading, Source};

/// A checked place of pictures, which can be gone through any number of times.
#[derive(Clone, Debug)]
pub struct Dataset {
    source: Source,
    count: u64,
    /// Whether the limit left nothing out.
    whole: bool,
    classes: Vec<String>,
}

impl Dataset {
    /// The data set at that path, or its first `limit` pictures.
    ///
    /// - A folder: its files called `.png`, `.jpg`, `.jpeg`, `.webp`, `.bmp` or `.gif`, by name.
    ///   Or its subfolders, one for each class: then they take turns, each giving its files by
    ///   name, so that a limit keeps some of every class. Their names are labels if they are
    ///   those of classes ([`Dataset::with_classes`]) or their numbers.
    /// - A file called `.npy`, or that begins like one: see [`npy`].
    /// - A file called `idx3-ubyte`, packed with gzip or not, or that begins like one: see [`idx`].
    ///   Labels come from the file beside it that is called `labels-idx1-ubyte` instead of
    ///   `images-idx3-ubyte`, if there is one.
    /// - Any other file of as many bytes as CIFAR-10 records: see [`cifar`](crate::cifar).
    ///
    /// # Errors
    /// [`DatasetError`] when there is nothing there, it is none of these, it holds no pictures, or
    /// its head promises other than what is there. Pictures are looked at later.
    pub fn open(path: impl AsRef<Path>, limit: Option<u64>) -> Result<Self, DatasetError> {
        let path = path.as_ref();
        let (source, all) = Source::open(path)?;
        let count = all.min(limit.unwrap_or(u64::MAX));
        if count == 0 {
            return Err(DatasetError::NoPictures { path: path.to_owned() });
        }
        Ok(Self { source, count, whole: count == all, classes: Vec::new() })
    }

    /// The same with the names of the classes, in the order of their numbers, so that folders
    /// called by them have labels.
    #[must_use]
    pub fn with_classes<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Self {
        self.classes = names.into_iter().map(str::to_owned).collect();
        self
    }

    /// Number of pictures, after the limit.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Files of a folder that are not called like pictures and are left out, hidden ones aside.
    #[must_use]
    pub fn ignored_files(&self) -> u64 {
        match &self.source {
            Source::Folder(folder) => folder.ignored,
            _ => 0,
        }
    }

    /// Goes through the pictures from the first; stops after the first error.
    ///
    /// # Errors
    /// [`DatasetError`] when the file cannot be opened any more or has another head now.
    pub fn samples(&self) -> Result<Samples<'_>, DatasetError> {
        let reading = self.source.read(&self.classes)?;
        Ok(Samples { reading: Some(reading), left: self.count, of: self })
    }

    /// The data set as inputs of a network, for a calibration.
    #[must_use]
    pub const fn prepared<'a>(&'a self, preparation: &'a Preparation) -> Prepared<'a> {
        Prepared { dataset: self, preparation }
    }
}

/// One picture of a data set.
#[derive(Clone, Debug)]
pub struct Sample {
    /// The picture.
    pub picture: SamplePicture,
    /// The number of its class, if the data set says one. It need not be a class of the network.
    pub label: Option<usize>,
    /// What it is called in messages: its file, or its file and position.
    pub name: String,
}

impl Sample {
    /// The network's input. Decoding happens here, so that several can be decoded at a time.
    ///
    /// # Errors
    /// [`DatasetError::Picture`] when the picture is damaged, [`DatasetError::Shape`] when it is a
    /// tensor of another shape than the network's input.
    pub fn prepare(self, preparation: &Preparation) -> Result<Tensor, DatasetError> {
        let Self { picture, name, .. } = self;
        let prepared = match picture {
            SamplePicture::Encoded(bytes) => preparation.decode(&bytes),
            SamplePicture::Pixels(pixels) => preparation.pixels(pixels),
            SamplePicture::Tensor(tensor) => {
                let (expected, found) = (preparation.shape(), tensor.shape());
                let sides = [found.channels(), found.height(), found.width()];
                // Channels of numbers in a row, in an array without a dimension for rows.
                if sides == [1, expected.channels(), expected.width()] && expected.height() == 1 {
                    let sequence = Tensor::new(expected, tensor.values().to_vec());
                    return Ok(sequence.unwrap_or(tensor));
                }
                if found != expected {
                    return Err(DatasetError::Shape { name, expected, found });
                }
                Ok(tensor)
            }
        };
        prepared.map_err(|reason| DatasetError::Picture { name, reason })
    }
}

/// A picture as the data set has it.
#[derive(Clone)]
#[non_exhaustive]
pub enum SamplePicture {
    /// A picture file, not yet decoded.
    Encoded(Vec<u8>),
    /// Pixels of 8 bits.
    Pixels(Pixels),
    /// The network's input itself, already normalised.
    Tensor(Tensor),
}

impl std::fmt::Debug for SamplePicture {
    /// Leaves the picture out: it is private.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Encoded(_) => "Encoded(..)",
            Self::Pixels(_) => "Pixels(..)",
            Self::Tensor(_) => "Tensor(..)",
        })
    }
}

/// The pictures of a data set, read one after the other.
#[derive(Debug)]
pub struct Samples<'a> {
    /// None after the end and after an error.
    reading: Option<Reading<'a>>,
    left: u64,
    of: &'a Dataset,
}

impl Samples<'_> {
    fn step(&mut self) -> Option<Result<Sample, DatasetError>> {
        // What comes after the last picture of all may be an error too.
        let goes_on = self.left > 0 || self.of.whole;
        let next = self.reading.as_mut().filter(|_| goes_on)?.next();
        // As many were counted when the data set was opened.
        match (next, self.left) {
            (None, 0) => None,
            (Some(Err(error)), _) => Some(Err(error)),
            (None, _) | (Some(Ok(_)), 0) => {
                Some(Err(DatasetError::Changed { path: self.of.source.path().to_owned() }))
            }
            (Some(Ok(sample)), _) => {
                self.left -= 1;
                Some(Ok(sample))
            }
        }
    }
}

impl Iterator for Samples<'_> {
    type Item = Result<Sample, DatasetError>;

    fn next(&mut self) -> Option<Self::Item> {
        let sample = self.step();
        if !matches!(sample, Some(Ok(_))) {
            self.reading = None;
        }
        sample
    }
}

/// A data set and how its pictures are prepared. See [`Dataset::prepared`].
#[derive(Clone, Copy, Debug)]
pub struct Prepared<'a> {
    dataset: &'a Dataset,
    preparation: &'a Preparation,
}

impl Inputs for Prepared<'_> {
    type Sample = Sample;
    type Error = DatasetError;

    fn count(&self) -> u64 {
        self.dataset.count()
    }

    fn samples(&self) -> Result<impl Iterator<Item = Result<Sample, DatasetError>>, DatasetError> {
        self.dataset.samples()
    }

    fn prepare(&self, sample: Sample) -> Result<Tensor, DatasetError> {
        sample.prepare(self.preparation)
    }
}

#[cfg(test)]
mod tests;
