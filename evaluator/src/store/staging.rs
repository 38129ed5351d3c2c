//! Unfinished uploads: files of one process, or objects that several processes share.

mod folder;
mod objects;

use std::io;
use std::path::Path;

use bytes::Bytes;
use uuid::Uuid;

use super::state::uploads::{PartRow, UploadRow};
use super::{Blobs, StoreError};
pub use folder::Folder;

use folder::FileWriter;
use objects::{ObjectWriter, Objects, Pieces};

/// Where the bytes of unfinished uploads are.
#[derive(Debug, Clone)]
pub struct Staging(Way);

#[derive(Debug, Clone)]
enum Way {
    Folder(Folder),
    Objects(Objects),
}

impl Staging {
    /// Files in a folder, which is made if it is not there. Nobody else may use it.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn in_folder(folder: &Path) -> Result<Self, StoreError> {
        Ok(Self(Way::Folder(Folder::open(folder)?)))
    }

    /// Objects beside others, which rows name ([`PartRow`]).
    #[must_use]
    pub fn in_objects(blobs: &Blobs) -> Self {
        Self(Way::Objects(Objects::new(blobs.clone())))
    }

    /// Whether rows name the bytes, and whoever writes must take the upload first.
    #[must_use]
    pub fn has_parts(&self) -> bool {
        matches!(self.0, Way::Objects(_))
    }

    /// The folder, where there is one.
    #[must_use]
    pub fn folder(&self) -> Option<&Folder> {
        match &self.0 {
            Way::Folder(folder) => Some(folder),
            Way::Objects(_) => None,
        }
    }

    /// Writes to the end of an upload, which has these parts where it has any.
    ///
    /// # Errors
    /// When the store fails or has not all bytes that count.
    pub async fn writer(
        &self,
        row: &UploadRow,
        parts: Vec<PartRow>,
    ) -> Result<StagedWriter, StoreError> {
        match &self.0 {
            Way::Folder(folder) => {
                let (reader, id, at) = (folder.clone(), row.id, row.received);
                let folder = folder.clone();
                let file = Some(blocking(move || folder.writer(id, at)).await?);
                Ok(StagedWriter(Writing::File { folder: reader, id, file }))
            }
            Way::Objects(objects) => {
                Ok(StagedWriter(Writing::Object(Box::new(objects.writer(row, parts).await?))))
            }
        }
    }

    /// Reads an upload, which has these parts where it has any.
    ///
    /// # Errors
    /// When the parts are not all there.
    pub fn reader(&self, row: &UploadRow, parts: Vec<PartRow>) -> Result<StagedReader, StoreError> {
        Ok(StagedReader(match &self.0 {
            Way::Folder(folder) => Reading::File(folder.clone(), row.id),
            Way::Objects(objects) => Reading::Pieces(objects.pieces(row, parts)?),
        }))
    }

    /// Deletes the bytes of an upload; that there are none is no error.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn delete(&self, id: Uuid) -> Result<(), StoreError> {
        match &self.0 {
            Way::Folder(folder) => {
                let folder = folder.clone();
                blocking(move || folder.delete(id)).await
            }
            Way::Objects(objects) => objects.delete(id).await,
        }
    }
}

/// Writes to the end of an upload.
#[derive(Debug)]
pub struct StagedWriter(Writing);

#[derive(Debug)]
enum Writing {
    File { folder: Folder, id: Uuid, file: Option<FileWriter> },
    Object(Box<ObjectWriter>),
}

impl StagedWriter {
    /// Appends.
    ///
    /// # Errors
    /// When the disk fails or is full.
    pub async fn write(&mut self, bytes: Vec<Bytes>) -> Result<(), StoreError> {
        match &mut self.0 {
            Writing::File { file, .. } => {
                let mut writer = file.take().ok_or_else(broken)?;
                let written = blocking(move || {
                    bytes.iter().try_for_each(|bytes| writer.write(bytes))?;
                    Ok(writer)
                });
                *file = Some(written.await?);
            }
            Writing::Object(writer) => writer.write(&bytes),
        }
        Ok(())
    }

    /// Reads what counts and what was written.
    #[must_use]
    pub fn reader(&self) -> StagedReader {
        StagedReader(match &self.0 {
            Writing::File { folder, id, .. } => Reading::File(folder.clone(), *id),
            Writing::Object(writer) => Reading::Pieces(writer.pieces()),
        })
    }

    /// Makes durable what was written. Where the bytes are objects, returns the part that is to be
    /// committed.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn sync(&mut self) -> Result<Option<PartRow>, StoreError> {
        match &mut self.0 {
            Writing::File { file, .. } => {
                let writer = file.take().ok_or_else(broken)?;
                blocking(move || writer.sync()).await?;
                Ok(None)
            }
            Writing::Object(writer) => Ok(Some(writer.put().await?)),
        }
    }

    /// Tidies up: either what was made durable counts now, or it is certain that it never will.
    pub async fn end(self, counts: bool) {
        match self.0 {
            // The next writer cuts off what does not count.
            Writing::File { .. } => {}
            Writing::Object(writer) => writer.end(counts).await,
        }
    }
}

fn broken() -> io::Error {
    io::Error::other("an earlier write failed")
}

/// Reads an upload.
#[derive(Debug)]
pub struct StagedReader(Reading);

#[derive(Debug)]
enum Reading {
    File(Folder, Uuid),
    Pieces(Pieces),
}

impl StagedReader {
    /// So many bytes from there on.
    ///
    /// # Errors
    /// When they cannot be read in full.
    pub async fn read(&self, start: u64, length: usize) -> Result<Bytes, StoreError> {
        match &self.0 {
            Reading::File(folder, id) => {
                let (folder, id) = (folder.clone(), *id);
                Ok(blocking(move || folder.read(id, start, length)).await?.into())
            }
            Reading::Pieces(pieces) => pieces.read(start, length).await,
        }
    }

    /// The SHA-256 of the first bytes, so many.
    ///
    /// # Errors
    /// When they cannot be read in full, or a part is damaged ([`StoreError::Damaged`]).
    pub async fn sha256(&self, length: u64) -> Result<[u8; 32], StoreError> {
        match &self.0 {
            Reading::File(folder, id) => {
                let (folder, id) = (folder.clone(), *id);
                blocking(move || folder.sha256(id, length)).await
            }
            Reading::Pieces(pieces) => pieces.sha256(length).await,
        }
    }
}

/// Runs `f` where it may block.
async fn blocking<T: Send + 'static>(
    f: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, StoreError> {
    let done = tokio::task::spawn_blocking(f).await;
    Ok(done.unwrap_or_else(|error| Err(io::Error::other(error)))?)
}
