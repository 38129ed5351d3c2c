//! What can go wrong with a data set.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::folder::MAX_FILES;
use super::idx::IdxError;
use super::npy::NpyError;
use crate::cifar::CifarError;
use crate::picture::PictureError;
use crate::tensor::Shape;

/// Why pictures could not be read. Every sentence names the file.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DatasetError {
    /// A file or folder was refused.
    #[error("{}: {reason}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        reason: FileError,
    },
    /// One picture is damaged.
    #[error("{name}: {reason}")]
    Picture {
        /// Its file, or its file and position.
        name: String,
        /// What is wrong with it.
        #[source]
        reason: PictureError,
    },
    /// One picture is a tensor of the wrong shape.
    #[error("{name} is an input of {found}, but the network reads {expected}")]
    Shape {
        /// Its file and position.
        name: String,
        /// What the network reads.
        expected: Shape,
        /// What it is.
        found: Shape,
    },
    /// There is nothing to read.
    #[error("{}: there are no pictures", path.display())]
    NoPictures {
        /// Where.
        path: PathBuf,
    },
    /// There are fewer pictures than when the data set was opened.
    #[error("{}: it was changed while it was read", path.display())]
    Changed {
        /// Where.
        path: PathBuf,
    },
}

/// Why a file or folder was refused.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FileError {
    /// The operating system says no.
    #[error("it could not be read: {0}")]
    Io(#[from] io::Error),
    /// It is a device, a pipe or the like.
    #[error("it is neither a file nor a folder")]
    Special,
    /// No reader knows it.
    #[error(
        "it is none of a folder of pictures, a .npy array, an IDX file and a file of CIFAR-10 \
         records"
    )]
    UnknownFormat,
    /// The file is longer or shorter than its head says.
    #[error("it has {found} bytes, but its head promises {promised}")]
    Length {
        /// Bytes that the head promises.
        promised: u64,
        /// Bytes that there are.
        found: u64,
    },
    /// A folder has pictures beside folders with pictures.
    #[error("it has pictures of its own and folders with pictures; which are classes?")]
    Mixed,
    /// A folder has absurdly many files.
    #[error("it has more than {MAX_FILES} files")]
    TooManyFiles,
    /// Pictures and labels do not belong together.
    #[error("it has {labels} labels for {pictures} pictures")]
    LabelCount {
        /// Number of pictures.
        pictures: u32,
        /// Number of labels.
        labels: u32,
    },
    /// It is no good file of CIFAR-10.
    #[error(transparent)]
    Cifar(#[from] CifarError),
    /// It is no good IDX file.
    #[error(transparent)]
    Idx(#[from] IdxError),
    /// It is no good array.
    #[error(transparent)]
    Npy(#[from] NpyError),
}

impl FileError {
    /// With the file that it is about.
    pub(super) fn at(self, path: impl Into<PathBuf>) -> DatasetError {
        DatasetError::File { path: path.into(), reason: self }
    }
}
