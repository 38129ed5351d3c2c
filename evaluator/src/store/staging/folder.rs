//! Unfinished uploads as files, one an upload, of one process.
//!
//! The database says how many bytes of a file count. Bytes beyond come from a write that was not
//! committed; the next write cuts them off.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::store::StoreError;

/// The folder of unfinished uploads. Its methods block.
#[derive(Debug, Clone)]
pub struct Folder {
    folder: PathBuf,
}

impl Folder {
    /// Opens, or makes, the folder.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub(super) fn open(folder: &Path) -> Result<Self, StoreError> {
        fs::create_dir_all(folder)?;
        Ok(Self { folder: folder.to_owned() })
    }

    /// Opens an upload's file to write at `offset`, without what lies beyond. The file is made with
    /// the first byte: an upload that was only announced is none.
    ///
    /// # Errors
    /// When the file cannot be opened, or is shorter.
    pub(super) fn writer(&self, id: Uuid, offset: u64) -> io::Result<FileWriter> {
        let path = self.path(id);
        let makes = offset == 0 && !path.exists();
        let mut file = OpenOptions::new().write(true).create(makes).truncate(false).open(path)?;
        if makes {
            // The name must be as durable as the bytes.
            File::open(&self.folder)?.sync_all()?;
        }
        if file.metadata()?.len() < offset {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "an upload lost bytes"));
        }
        file.set_len(offset)?;
        file.seek(SeekFrom::Start(offset))?;
        Ok(FileWriter { file })
    }

    /// A part of an upload.
    ///
    /// # Errors
    /// When it cannot be read in full.
    pub(super) fn read(&self, id: Uuid, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut file = File::open(self.path(id))?;
        file.seek(SeekFrom::Start(offset))?;
        let mut bytes = vec![0; length];
        file.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// The SHA-256 of an upload's first `length` bytes.
    ///
    /// # Errors
    /// When it cannot be read in full.
    pub(super) fn sha256(&self, id: Uuid, length: u64) -> io::Result<[u8; 32]> {
        let mut file = File::open(self.path(id))?.take(length);
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; 1 << 18];
        let mut left = length;
        loop {
            let read = file.read(&mut buffer)?;
            if read == 0 {
                break;
            }
            hasher.update(&buffer[..read]);
            left -= read as u64;
        }
        if left > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(hasher.finalize().into())
    }

    /// Deletes an upload's file; that it is not there is no error.
    ///
    /// # Errors
    /// When the file cannot be deleted.
    pub fn delete(&self, id: Uuid) -> io::Result<()> {
        match fs::remove_file(self.path(id)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// The uploads that have a file.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn list(&self) -> io::Result<Vec<Uuid>> {
        let mut ids = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let name = entry?.file_name();
            ids.extend(name.to_str().and_then(|name| Uuid::parse_str(name).ok()));
        }
        Ok(ids)
    }

    fn path(&self, id: Uuid) -> PathBuf {
        self.folder.join(id.to_string())
    }
}

/// Writes to the end of an upload.
#[derive(Debug)]
pub(super) struct FileWriter {
    file: File,
}

impl FileWriter {
    /// Appends.
    ///
    /// # Errors
    /// When the disk fails or is full.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    /// Waits until everything is on the disk.
    ///
    /// # Errors
    /// When the disk fails.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TempFolder;

    #[test]
    fn uncommitted_bytes_are_cut_off() {
        let folder = TempFolder::new();
        let staging = Folder::open(&folder.path().join("uploads")).unwrap();
        let id = Uuid::from_u128(1);
        assert!(staging.writer(id, 1).is_err());
        staging.writer(id, 0).unwrap().write(b"committed, not").unwrap();
        let mut writer = staging.writer(id, 9).unwrap();
        writer.write(b" again").unwrap();
        writer.sync().unwrap();
        assert_eq!(staging.read(id, 0, 15).unwrap(), b"committed again");
        assert!(staging.read(id, 0, 16).is_err());
        assert!(staging.writer(id, 16).is_err());
        assert_eq!(staging.sha256(id, 9).unwrap()[..], Sha256::digest(b"committed")[..]);
        assert!(staging.sha256(id, 16).is_err());
        assert_eq!(staging.list().unwrap(), [id]);
        staging.delete(id).unwrap();
        staging.delete(id).unwrap();
        assert!(staging.list().unwrap().is_empty());
    }
}
