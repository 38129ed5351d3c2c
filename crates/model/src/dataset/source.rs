//! Which kind of data set lies at a path, and reading it from its beginning.

use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use super::folder::Folder;
use super::idx::{IdxImages, IdxLabels};
use super::npy::{NpyPicture, NpyPictures};
use super::{DatasetError, FileError, Sample, SamplePicture};
use crate::cifar::{CifarReader, RECORD_BYTES};
use crate::picture::{Pixels, SIDE};

/// Where the pictures come from.
#[derive(Clone, Debug)]
pub(super) enum Source {
    Folder(Folder),
    Cifar(PathBuf),
    Idx { images: PathBuf, labels: Option<PathBuf> },
    Npy(PathBuf),
}

impl Source {
    /// Looks at the path; also answers how many pictures there are.
    pub(super) fn open(path: &Path) -> Result<(Self, u64), DatasetError> {
        let metadata = fs::metadata(path).map_err(|error| FileError::Io(error).at(path))?;
        if metadata.is_dir() {
            let folder = Folder::open(path)?;
            let count = folder.count();
            return Ok((Self::Folder(folder), count));
        }
        if !metadata.is_file() {
            return Err(FileError::Special.at(path));
        }
        match Format::of(path, metadata.len()).map_err(|reason| reason.at(path))? {
            Format::Npy => {
                let count = npy(path)?.promised();
                Ok((Self::Npy(path.to_owned()), count))
            }
            Format::Idx => {
                let count = idx_images(path)?.promised();
                let labels = labels_beside(path);
                if let Some(labels) = &labels {
                    matching_labels(labels, count)?;
                }
                Ok((Self::Idx { images: path.to_owned(), labels }, count.into()))
            }
            Format::Cifar => {
                // A part of a record counts: reading it names the damage.
                let count = metadata.len().div_ceil(RECORD_BYTES as u64);
                Ok((Self::Cifar(path.to_owned()), count))
            }
        }
    }

    /// Starts from the first picture.
    pub(super) fn read<'a>(&'a self, classes: &'a [String]) -> Result<Reading<'a>, DatasetError> {
        let samples: Box<dyn Iterator<Item = Result<Sample, DatasetError>> + 'a> = match self {
            Self::Folder(folder) => Box::new((0..).map_while(|at| folder.sample(at, classes))),
            Self::Cifar(path) => {
                let records = CifarReader::new(file(path)?).enumerate();
                Box::new(records.map(move |(at, record)| {
                    let record = record.map_err(|error| FileError::from(error).at(path))?;
                    let (side, rgb) = (SIDE as u32, record.picture.rgb().to_vec());
                    let name = named(path, at);
                    let picture = Pixels::rgb(side, side, rgb)
                        .map(SamplePicture::Pixels)
                        .map_err(|reason| DatasetError::Picture { name: name.clone(), reason })?;
                    Ok(Sample { picture, label: Some(record.label.index()), name })
                }))
            }
            Self::Idx { images, labels } => {
                let pictures = idx_images(images)?;
                let labels = labels
                    .as_deref()
                    .map(|path| Ok((path, matching_labels(path, pictures.promised())?)));
                let mut labels = labels.transpose()?;
                Box::new(pictures.enumerate().map(move |(at, picture)| {
                    let picture = picture.map_err(|error| FileError::from(error).at(images))?;
                    let label = labels.as_mut().and_then(|(path, labels)| {
                        let label = labels.next()?;
                        Some(label.map_err(|error| FileError::from(error).at(*path)))
                    });
                    Ok(Sample {
                        picture: SamplePicture::Pixels(picture),
                        label: label.transpose()?,
                        name: named(images, at),
                    })
                }))
            }
            Self::Npy(path) => Box::new(npy(path)?.enumerate().map(move |(at, picture)| {
                let picture = picture.map_err(|error| FileError::from(error).at(path))?;
                let picture = match picture {
                    NpyPicture::Pixels(pixels) => SamplePicture::Pixels(pixels),
                    NpyPicture::Tensor(tensor) => SamplePicture::Tensor(tensor),
                };
                Ok(Sample { picture, label: None, name: named(path, at) })
            })),
        };
        Ok(Reading(samples))
    }

    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Folder(folder) => &folder.path,
            Self::Cifar(path) | Self::Npy(path) | Self::Idx { images: path, .. } => path,
        }
    }
}

/// A data set that is being read.
pub(super) struct Reading<'a>(Box<dyn Iterator<Item = Result<Sample, DatasetError>> + 'a>);

impl Iterator for Reading<'_> {
    type Item = Result<Sample, DatasetError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next()
    }
}

impl std::fmt::Debug for Reading<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reading").finish_non_exhaustive()
    }
}

enum Format {
    Npy,
    Idx,
    Cifar,
}

impl Format {
    /// By name, else by what the file begins with, else by its length.
    fn of(path: &Path, bytes: u64) -> Result<Self, FileError> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        if name.ends_with(".npy") {
            return Ok(Self::Npy);
        }
        if name.contains("idx3-ubyte") || name.contains("idx3.ubyte") {
            return Ok(Self::Idx);
        }
        let mut head = Vec::new();
        File::open(path)?.take(4).read_to_end(&mut head)?;
        let whole_records = bytes > 0 && bytes.is_multiple_of(RECORD_BYTES as u64);
        match head[..] {
            [0x93, b'N', b'U', b'M'] => Ok(Self::Npy),
            [0x1f, 0x8b, ..] => Ok(Self::Idx),
            // A record of CIFAR-10 may begin like an IDX file; its name and length tell.
            _ if name.ends_with(".bin") || whole_records => Ok(Self::Cifar),
            [0, 0, _, 1..=4] => Ok(Self::Idx),
            _ => Err(FileError::UnknownFormat),
        }
    }
}

/// Opens an array whose length is what its header promises.
fn npy(path: &Path) -> Result<NpyPictures<BufReader<File>>, DatasetError> {
    let file = file(path)?;
    let found = length(&file, path)?;
    let pictures = NpyPictures::new(file).map_err(|error| FileError::from(error).at(path))?;
    check_length(path, pictures.file_bytes(), found)?;
    Ok(pictures)
}

/// Opens pictures; an unpacked file's length is what its head promises.
fn idx_images(path: &Path) -> Result<IdxImages<Unpacked>, DatasetError> {
    let (source, bytes) = unpacked(path)?;
    let images = IdxImages::new(source).map_err(|error| FileError::from(error).at(path))?;
    if let Some(found) = bytes {
        check_length(path, images.file_bytes(), found)?;
    }
    Ok(images)
}

fn matching_labels(path: &Path, pictures: u32) -> Result<IdxLabels<Unpacked>, DatasetError> {
    let (source, _) = unpacked(path)?;
    let labels = IdxLabels::new(source).map_err(|error| FileError::from(error).at(path))?;
    match labels.promised() {
        count if count == pictures => Ok(labels),
        labels => Err(FileError::LabelCount { pictures, labels }.at(path)),
    }
}

/// The file of labels by its usual name, packed or not.
fn labels_beside(images: &Path) -> Option<PathBuf> {
    let name = images.file_name()?.to_str()?;
    let labels = name.replace("images", "labels").replace("idx3", "idx1");
    let plain = labels.strip_suffix(".gz").unwrap_or(&labels);
    let candidates = [labels.clone(), plain.to_owned(), format!("{plain}.gz")];
    let mut paths = candidates.into_iter().map(|labels| images.with_file_name(labels));
    paths.find(|path| path != images && path.is_file())
}

/// A file, unpacked on the way if it is packed.
enum Unpacked {
    Plain(BufReader<File>),
    Packed(Box<MultiGzDecoder<BufReader<File>>>),
}

impl Read for Unpacked {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::Plain(file) => file.read(buffer),
            Self::Packed(file) => file.read(buffer),
        }
    }
}

/// Also answers the length of a file that is not packed.
fn unpacked(path: &Path) -> Result<(Unpacked, Option<u64>), DatasetError> {
    let mut magic = Vec::new();
    let io = |error| FileError::Io(error).at(path);
    file(path)?.take(2).read_to_end(&mut magic).map_err(io)?;
    let file = file(path)?;
    if magic == [0x1f, 0x8b] {
        // A bomb unpacks to no more than a picture at a time.
        Ok((Unpacked::Packed(Box::new(MultiGzDecoder::new(file))), None))
    } else {
        let bytes = length(&file, path)?;
        Ok((Unpacked::Plain(file), Some(bytes)))
    }
}

fn file(path: &Path) -> Result<BufReader<File>, DatasetError> {
    let file = File::open(path).map_err(|error| FileError::Io(error).at(path))?;
    Ok(BufReader::new(file))
}

fn length(file: &BufReader<File>, path: &Path) -> Result<u64, DatasetError> {
    let metadata = file.get_ref().metadata();
    Ok(metadata.map_err(|error| FileError::Io(error).at(path))?.len())
}

fn check_length(path: &Path, promised: u64, found: u64) -> Result<(), DatasetError> {
    if promised == found { Ok(()) } else { Err(FileError::Length { promised, found }.at(path)) }
}

fn named(path: &Path, at: usize) -> String {
    format!("picture {at} of {}", path.display())
}
