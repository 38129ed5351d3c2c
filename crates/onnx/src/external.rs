//! Weights that are stored beside the model file.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};

use thiserror::Error;

use crate::error::shown;

/// Where the weights that a model stores outside its file are read from.
pub trait ExternalData {
    /// The `length` bytes from `offset` of the file that the model calls `location`.
    ///
    /// The length is what the dimensions of a tensor ask for, at most 128 MiB.
    ///
    /// # Errors
    /// [`ExternalError`] when the location is not one to read from, or has not these bytes.
    fn read(&self, location: &str, offset: u64, length: usize) -> Result<Vec<u8>, ExternalError>;
}

/// For models that must hold all weights themselves: every read is refused.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoExternalData;

impl ExternalData for NoExternalData {
    fn read(&self, location: &str, _: u64, _: usize) -> Result<Vec<u8>, ExternalError> {
        Err(ExternalError::NotAllowed { location: shown(location) })
    }
}

/// Files in one folder and its subfolders, never outside.
#[derive(Clone, Debug)]
pub struct FolderData {
    /// Without links, so that a prefix says what is inside.
    folder: PathBuf,
}

impl FolderData {
    /// Allows reading from the folder.
    ///
    /// # Errors
    /// What the system says when the folder is not there.
    pub fn new(folder: &Path) -> io::Result<Self> {
        Ok(Self { folder: fs::canonicalize(folder)? })
    }

    fn open(&self, location: &str) -> Result<File, ExternalError> {
        let outside = || ExternalError::Outside { location: shown(location) };
        let failed = |error: io::Error| ExternalError::Unreadable {
            location: shown(location),
            reason: error.to_string(),
        };
        let relative = Path::new(location);
        let inside = |part| matches!(part, Component::Normal(_) | Component::CurDir);
        if location.is_empty() || !relative.components().all(inside) {
            return Err(outside());
        }
        let path = fs::canonicalize(self.folder.join(relative)).map_err(failed)?;
        if !path.starts_with(&self.folder) {
            return Err(outside());
        }
        // A pipe or a device would block or never end; opening it could already.
        if !fs::metadata(&path).map_err(failed)?.is_file() {
            return Err(ExternalError::NotAFile { location: shown(location) });
        }
        File::open(&path).map_err(failed)
    }
}

impl ExternalData for FolderData {
    fn read(&self, location: &str, offset: u64, length: usize) -> Result<Vec<u8>, ExternalError> {
        let mut file = self.open(location)?;
        let failed = |error: io::Error| ExternalError::Unreadable {
            location: shown(location),
            reason: error.to_string(),
        };
        let bytes = file.metadata().map_err(failed)?.len();
        let end = offset.checked_add(length as u64);
        if end.is_none_or(|end| end > bytes) {
            let location = shown(location);
            return Err(ExternalError::TooShort { location, offset, length, bytes });
        }
        file.seek(SeekFrom::Start(offset)).map_err(failed)?;
        let mut content = vec![0; length];
        file.read_exact(&mut content).map_err(failed)?;
        Ok(content)
    }
}

/// Why weights outside the model file were not read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ExternalError {
    /// No data outside the file are allowed.
    #[error("its numbers are in another file, {location}, and only this one is read")]
    NotAllowed {
        /// What the model calls the file.
        location: String,
    },
    /// The location leaves the model's folder.
    #[error("its numbers are in {location}, which is not inside the model's folder")]
    Outside {
        /// What the model calls the file.
        location: String,
    },
    /// The location is a folder, a pipe or a device.
    #[error("its numbers should be in {location}, which is not a file")]
    NotAFile {
        /// What the model calls the file.
        location: String,
    },
    /// The file has not so many bytes.
    #[error("{length} bytes from byte {offset} of {location} are wanted, which has {bytes}")]
    TooShort {
        /// What the model calls the file.
        location: String,
        /// First byte wanted.
        offset: u64,
        /// How many bytes are wanted.
        length: usize,
        /// How many bytes the file has.
        bytes: u64,
    },
    /// The file could not be read.
    #[error("{location} could not be read: {reason}")]
    Unreadable {
        /// What the model calls the file.
        location: String,
        /// What the system says.
        reason: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_bytes_of_files_inside_are_read() {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("model");
        fs::create_dir_all(folder.join("parts/deep")).unwrap();
        fs::write(outer.path().join("secret"), b"secret").unwrap();
        fs::write(folder.join("parts/weights"), b"0123456789").unwrap();
        let data = FolderData::new(&folder).unwrap();

        assert_eq!(data.read("parts/weights", 2, 3).unwrap(), b"234");
        assert_eq!(data.read("./parts/weights", 10, 0).unwrap(), b"");
        let secret = outer.path().join("secret");
        for outside in ["../secret", "parts/../../secret", secret.to_str().unwrap(), "", ".."] {
            let refused = data.read(outside, 0, 1).unwrap_err();
            assert!(matches!(refused, ExternalError::Outside { .. }), "{outside}: {refused}");
        }
        for (offset, length) in [(8, 3), (11, 0), (u64::MAX, 1), (0, 11)] {
            let refused = data.read("parts/weights", offset, length).unwrap_err();
            assert!(matches!(refused, ExternalError::TooShort { .. }), "{offset} {length}");
        }
        let refused = data.read("missing", 0, 1).unwrap_err();
        assert!(matches!(refused, ExternalError::Unreadable { .. }));
        let refused = data.read("parts/deep", 0, 1).unwrap_err();
        assert!(matches!(refused, ExternalError::NotAFile { .. }));
        let refused = NoExternalData.read("parts/weights", 0, 1).unwrap_err();
        assert!(matches!(refused, ExternalError::NotAllowed { .. }));
    }

    #[cfg(unix)]
    #[test]
    fn links_do_not_lead_outside() {
        use std::os::unix::fs::symlink;

        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("model");
        fs::create_dir(&folder).unwrap();
        fs::write(outer.path().join("secret"), b"secret").unwrap();
        fs::write(folder.join("weights"), b"weights").unwrap();
        symlink(outer.path().join("secret"), folder.join("out")).unwrap();
        symlink(outer.path(), folder.join("up")).unwrap();
        symlink(folder.join("weights"), folder.join("in")).unwrap();

        let data = FolderData::new(&folder).unwrap();
        for outside in ["out", "up/secret"] {
            let refused = data.read(outside, 0, 1).unwrap_err();
            assert!(matches!(refused, ExternalError::Outside { .. }), "{outside}: {refused}");
        }
        assert_eq!(data.read("in", 0, 7).unwrap(), b"weights");
    }
}
