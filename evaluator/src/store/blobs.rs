//! Objects in a folder or in S3: keys, requests and results.
//!
//! | path | object |
//! |---|---|
//! | `bundles/SHA256/INDEX` | a frame of a key bundle, the manifest first |
//! | `requests/JOB` | the request of a job that has not finished |
//! | `results/JOB.EPOCH` | the answer of a run |

#[cfg(feature = "s3")]
mod s3;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};
use uuid::Uuid;

use super::StoreError;
use super::state::runs::RunName;
use crate::hex;

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
    /// A frame of the bundle with this SHA-256.
    Frame([u8; 32], usize),
    /// The request of a job.
    Request(Uuid),
    /// The answer of a run.
    Result(RunName),
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
    pub async fn delete_bundle(&self, sha256: &[u8; 32]) -> Result<(), StoreError> {
        let folder = Path::from_iter([BUNDLES, &hex::encode(sha256)]);
        let objects: Vec<_> = self.store.list(Some(&folder)).try_collect().await?;
        for object in objects {
            self.delete_path(&object.location).await?;
        }
        if let Some(root) = &self.folder {
            // Only tidiness: an empty folder is no object.
            let _ = std::fs::remove_dir(root.join(BUNDLES).join(hex::encode(sha256)));
        }
        Ok(())
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
        let mut unknown = BTreeSet::new();
        let mut objects = self.store.list(None);
        while let Some(object) = objects.next().await {
            let location = object?.location;
            let parts: Vec<_> = location.parts().collect();
            let names: Vec<&str> = parts.iter().map(AsRef::as_ref).collect();
            let name = match *names.as_slice() {
                [BUNDLES, sha256, _] => BlobName::Bundle(sha256),
                [REQUESTS, job] => BlobName::Request(job),
                [RESULTS, run] => BlobName::Result(run),
                // Not ours: somebody shares the bucket.
                _ => continue,
            };
            if !is_known(&name) {
                unknown.insert(location.clone());
            }
        }
        for path in &unknown {
            self.delete_path(path).await?;
        }
        Ok(unknown.len())
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
    /// A frame of the bundle with this SHA-256 (hexadecimal).
    Bundle(&'a str),
    /// The request of this job.
    Request(&'a str),
    /// The answer of this run.
    Result(&'a str),
}

const BUNDLES: &str = "bundles";
const REQUESTS: &str = "requests";
const RESULTS: &str = "results";

impl Blob {
    fn path(self) -> Path {
        match self {
            Self::Frame(sha256, index) => {
                Path::from_iter([BUNDLES.to_owned(), hex::encode(&sha256), index.to_string()])
            }
            Self::Request(job) => Path::from_iter([REQUESTS.to_owned(), job.to_string()]),
            Self::Result(run) => Path::from_iter([RESULTS.to_owned(), run.to_string()]),
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
        let sha256 = [0xAB; 32];
        for blob in [Blob::Frame(sha256, 0), Blob::Frame(sha256, 1), Blob::Request(job)] {
            blobs.put(blob, Bytes::from_static(b"content")).await.unwrap();
            assert_eq!(&blobs.get(blob).await.unwrap()[..], b"content");
        }
        let result = Blob::Result(RunName { job, epoch: 1 });
        assert!(blobs.get(result).await.unwrap_err().is_missing_blob());
        blobs.delete(result).await.unwrap();

        let name = hex::encode(&sha256);
        let deleted = blobs.delete_unknown(|blob| *blob == BlobName::Bundle(&name)).await.unwrap();
        assert_eq!(deleted, 1);
        assert!(blobs.get(Blob::Request(job)).await.is_err());
        blobs.delete_bundle(&sha256).await.unwrap();
        assert!(blobs.get(Blob::Frame(sha256, 1)).await.is_err());
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
