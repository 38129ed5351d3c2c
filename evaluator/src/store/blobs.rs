//! Objects in a folder or in S3: keys, requests and results.
//!
//! | path | object |
//! |---|---|
//! | `bundles/SHA256.PLACE/INDEX` | a frame of a key bundle, the manifest first |
//! | `bundles/SHA256/INDEX` | the same, of earlier versions |
//! | `requests/JOB` | the request of a job that has not finished |
//! | `results/JOB.EPOCH` | the answer of a run |
//! | `uploads/ID/START.TOKEN` | a part of an unfinished upload, where those are objects |
//!
//! A name stands for the same bytes for ever: what is stored anew gets a name of its own.

#[cfg(feature = "s3")]
mod s3;

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt as _};
use uuid::Uuid;

use super::StoreError;
use super::state::keys::BundleName;
use super::state::runs::RunName;

/// The blob store.
#[derive(Debug, Clone)]
pub struct Blobs {
    store: Arc<dyn ObjectStore>,
    /// Where the objects are files.
    folder: Option<PathBuf>,
}

/// The name of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blob {
    /// A frame of a bundle.
    Frame(BundleName, usize),
    /// The request of a job.
    Request(Uuid),
    /// The answer of a run.
    Result(RunName),
    /// A part of an unfinished upload.
    Part {
        /// The upload.
        upload: Uuid,
        /// Where in the upload it starts.
        start: u64,
        /// The token of the request that stored it.
        token: u64,
    },
}

impl Blobs {
    /// Blobs in a local folder, which is made if it is not there. What was written is on the disk
    /// when a write returns. Nobody else may use the folder.
    ///
    /// # Errors
    /// When the folder cannot be made or read.
    pub fn in_folder(folder: &std::path::Path) -> Result<Self, StoreError> {
        std::fs::create_dir_all(folder)?;
        delete_unfinished(folder)?;
        let local = LocalFileSystem::new_with_prefix(folder)?.with_fsync(true);
        Ok(Self { store: Arc::new(local), folder: Some(folder.to_owned()) })
    }

    /// Blobs in a store that was put together elsewhere: for tests, which make it slow.
    #[must_use]
    pub fn in_store(store: Arc<dyn ObjectStore>) -> Self {
        Self { store, folder: None }
    }

    /// Blobs in the bucket of an address `s3://BUCKET/PREFIX`. Credentials, region and endpoint
    /// come from the environment (`AWS_ACCESS_KEY_ID`, `AWS_REGION`, `AWS_ENDPOINT`, ...).
    ///
    /// # Errors
    /// When the address is of no known kind, the environment lacks something, or this program was
    /// built without S3.
    pub fn at_url(url: &str) -> Result<Self, StoreError> {
        #[cfg(feature = "s3")]
        if let Some(place) = url.strip_prefix("s3://") {
            return Ok(Self { store: s3::from_environment(place)?, folder: None });
        }
        let message = format!("{url} is not an address that this program can use");
        Err(StoreError::Address(message))
    }

    /// Stores an object whole, in place of any that is there; durable when this returns.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn put(&self, blob: Blob, bytes: Bytes) -> Result<(), StoreError> {
        self.store.put(&blob.path(), bytes.into()).await?;
        Ok(())
    }

    /// As [`Blobs::put`], of bytes that lie in several blocks.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn put_blocks(&self, blob: Blob, blocks: Vec<Bytes>) -> Result<(), StoreError> {
        self.store.put(&blob.path(), blocks.into_iter().collect()).await?;
        Ok(())
    }

    /// A range of an object's bytes.
    ///
    /// # Errors
    /// When the store fails, or the object is not there ([`StoreError::is_missing_blob`]) or
    /// shorter.
    pub async fn get_range(&self, blob: Blob, range: Range<u64>) -> Result<Bytes, StoreError> {
        Ok(self.store.get_range(&blob.path(), range).await?)
    }

    /// An object's bytes.
    ///
    /// # Errors
    /// When the store fails or the object is not there ([`StoreError::is_missing_blob`]).
    pub async fn get(&self, blob: Blob) -> Result<Bytes, StoreError> {
        Ok(self.store.get(&blob.path()).await?.bytes().await?)
    }

    /// Whether the store answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn probe(&self) -> Result<(), StoreError> {
        // Nothing has this name: whoever says so works.
        match self.store.head(&Path::from("probe")).await {
            Ok(_) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Deletes an object; that it is not there is no error.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn delete(&self, blob: Blob) -> Result<(), StoreError> {
        self.delete_path(&blob.path()).await
    }

    /// Deletes all frames of a bundle.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn delete_bundle(&self, bundle: BundleName) -> Result<(), StoreError> {
        self.delete_folder(BUNDLES, &bundle.to_string()).await
    }

    /// Deletes all parts of an upload.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn delete_upload(&self, id: Uuid) -> Result<(), StoreError> {
        self.delete_folder(UPLOADS, &id.to_string()).await
    }

    /// Deletes every object whose name `is_known` does not know: what a crash left between two
    /// writes. Returns how many there were.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn delete_unknown(
        &self,
        is_known: impl Fn(&BlobName<'_>) -> bool,
    ) -> Result<usize, StoreError> {
        let unknown = self.unknown(is_known).await?;
        for object in &unknown {
            self.delete_unknown_one(object).await?;
        }
        Ok(unknown.len())
    }

    /// The objects whose names `is_known` does not know.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn unknown(
        &self,
        is_known: impl Fn(&BlobName<'_>) -> bool,
    ) -> Result<BTreeSet<UnknownBlob>, StoreError> {
        let mut unknown = BTreeSet::new();
        let mut objects = self.store.list(None);
        while let Some(object) = objects.next().await {
            let found = UnknownBlob::of(object?);
            if found.name().is_some_and(|name| !is_known(&name)) {
                unknown.insert(found);
            }
        }
        Ok(unknown)
    }

    /// Deletes such an object.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn delete_unknown_one(&self, object: &UnknownBlob) -> Result<(), StoreError> {
        self.delete_path(&object.path).await
    }

    async fn delete_folder(&self, kind: &str, name: &str) -> Result<(), StoreError> {
        let folder = Path::from_iter([kind, name]);
        let objects: Vec<_> = self.store.list(Some(&folder)).try_collect().await?;
        for object in objects {
            self.delete_path(&object.location).await?;
        }
        if let Some(root) = &self.folder {
            // Only tidiness: an empty folder is no object.
            let _ = std::fs::remove_dir(root.join(kind).join(name));
        }
        Ok(())
    }

    async fn delete_path(&self, path: &Path) -> Result<(), StoreError> {
        match self.store.delete(path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// What the name of a stored object says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlobName<'a> {
    /// A frame of the bundle with this name.
    Bundle(&'a str),
    /// The request of this job.
    Request(&'a str),
    /// The answer of this run.
    Result(&'a str),
    /// A part of this upload, with this name.
    Part(&'a str, &'a str),
}

/// An object that is stored, whether anybody needs it or not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnknownBlob {
    path: Path,
    /// When it was stored, as the store's clock says. It only tells one object from another that was
    /// stored later under the same name.
    stored: i64,
}

impl UnknownBlob {
    fn of(object: ObjectMeta) -> Self {
        let stored = object.last_modified.timestamp_millis();
        Self { path: object.location, stored }
    }

    /// What it is; `None` if it is not ours, because somebody shares the bucket.
    #[must_use]
    pub fn name(&self) -> Option<BlobName<'_>> {
        let parts: Vec<&str> = self.path.as_ref().split('/').collect();
        match *parts.as_slice() {
            [BUNDLES, bundle, _] => Some(BlobName::Bundle(bundle)),
            [REQUESTS, job] => Some(BlobName::Request(job)),
            [RESULTS, run] => Some(BlobName::Result(run)),
            [UPLOADS, upload, part] => Some(BlobName::Part(upload, part)),
            _ => None,
        }
    }
}

const BUNDLES: &str = "bundles";
const REQUESTS: &str = "requests";
const RESULTS: &str = "results";
const UPLOADS: &str = "uploads";

impl Blob {
    fn path(self) -> Path {
        match self {
            Self::Frame(bundle, index) => {
                Path::from_iter([BUNDLES.to_owned(), bundle.to_string(), index.to_string()])
            }
            Self::Request(job) => Path::from_iter([REQUESTS.to_owned(), job.to_string()]),
            Self::Result(run) => Path::from_iter([RESULTS.to_owned(), run.to_string()]),
            Self::Part { upload, start, token } => {
                let part = format!("{start}.{token}");
                Path::from_iter([UPLOADS.to_owned(), upload.to_string(), part])
            }
        }
    }
}

/// Deletes what a process that was killed left of its writes. They go to `NAME#NUMBER` beside the
/// object, which is renamed at the end; listings of the store pass such files over.
fn delete_unfinished(folder: &std::path::Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            delete_unfinished(&entry.path())?;
        } else if entry.file_name().to_string_lossy().contains('#') {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TempFolder;

    #[actix_web::test]
    async fn objects_come_back_and_strangers_are_swept() {
        let folder = TempFolder::new();
        let blobs = Blobs::in_folder(&folder.path().join("blobs")).unwrap();
        let job = Uuid::from_u128(7);
        // The same bytes twice: as an earlier version stored them, and sent again.
        let old = BundleName { sha256: [0xAB; 32], place: Uuid::nil() };
        let new = BundleName { place: job, ..old };
        let frames = [Blob::Frame(old, 0), Blob::Frame(old, 1), Blob::Frame(new, 0)];
        for blob in frames.into_iter().chain([Blob::Request(job)]) {
            blobs.put(blob, Bytes::from_static(b"content")).await.unwrap();
            assert_eq!(&blobs.get(blob).await.unwrap()[..], b"content");
        }
        let result = Blob::Result(RunName { job, epoch: 1 });
        assert!(blobs.get(result).await.unwrap_err().is_missing_blob());
        blobs.delete(result).await.unwrap();

        let names = [old, new].map(|bundle| bundle.to_string());
        let is_known = |name: &BlobName<'_>| names.iter().any(|n| *name == BlobName::Bundle(n));
        assert_eq!(blobs.delete_unknown(is_known).await.unwrap(), 1);
        assert!(blobs.get(Blob::Request(job)).await.is_err());
        blobs.delete_bundle(old).await.unwrap();
        assert!(blobs.get(frames[1]).await.is_err());
        assert_eq!(&blobs.get(frames[2]).await.unwrap()[..], b"content");
        blobs.delete_bundle(new).await.unwrap();
        assert!(blobs.get(frames[2]).await.is_err());
    }

    #[actix_web::test]
    async fn what_was_half_written_is_swept() {
        let folder = TempFolder::new();
        let root = folder.path().join("blobs");
        let job = Uuid::from_u128(7);
        let blobs = Blobs::in_folder(&root).unwrap();
        blobs.put(Blob::Request(job), Bytes::from_static(b"content")).await.unwrap();
        let half = root.join(REQUESTS).join(format!("{}#1", Uuid::from_u128(8)));
        std::fs::write(&half, "cont").unwrap();

        let blobs = Blobs::in_folder(&root).unwrap();
        assert!(!half.exists());
        assert_eq!(&blobs.get(Blob::Request(job)).await.unwrap()[..], b"content");
    }

    #[test]
    fn unknown_addresses_are_refused() {
        assert!(Blobs::at_url("ftp://somewhere/else").is_err());
    }
}
