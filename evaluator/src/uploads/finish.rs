//! The end of an upload: from its parts to a key set.
//!
//! Two processes may finish an upload at the same time, and two uploads of the same bytes may end
//! at the same time. Each copies the bytes to a place of its own; the first that commits is the one
//! whose place counts, and the other's is deleted.

use std::sync::Arc;
use std::time::Instant;

use uuid::Uuid;

use super::Uploads;
use super::take::shut_out;
use crate::blocking::blocking;
use crate::capability::{self, Owner};
use crate::orphans;
use crate::refusal::{Code, Refusal};
use crate::store::blobs::Blob;
use crate::store::staging::StagedReader;
use crate::store::state::audit::AuditRow;
use crate::store::state::deletions::Discarded;
use crate::store::state::keys::{BundleName, NewKeys};
use crate::store::state::uploads::UploadRow;
use crate::store::{StoreError, state};
use crate::time::Timestamp;

/// Makes a key set of an upload whose bytes are all there and were checked. That somebody else did it
/// meanwhile is no error.
///
/// Every step can be repeated: a process that ends in the middle starts over when it is back.
pub(super) async fn finish(uploads: &Arc<Uploads>, owner: Owner, id: Uuid) -> Result<(), Refusal> {
    let _turn = uploads.finishing.acquire().await.map_err(Refusal::internal)?;
    let check = |row: &UploadRow| if row.received == row.length { Ok(()) } else { Err(shut_out()) };
    let found = blocking(uploads, move |uploads| {
        Ok(uploads.store.db.read(|c| {
            let Some(row) = c.upload(owner, id)? else { return Ok(None) };
            let parts = c.upload_parts(id)?;
            Ok::<_, state::StateError>(Some((row, parts)))
        })?)
    });
    let Some((row, parts)) = found.await? else {
        return Ok(());
    };
    super::check_alive(&row).and_then(|()| check(&row))?;
    let reader = uploads.store.staging.reader(&row, parts);
    let sha256 = match reader {
        Ok(reader) => reader.sha256(row.length).await.map(|sha256| (reader, sha256)),
        Err(error) => Err(error),
    };
    let (reader, sha256) = match sha256 {
        Ok(read) => read,
        Err(error) => return ended_elsewhere(uploads, &row, error).await,
    };
    if row.sha256.is_some_and(|announced| announced != sha256) {
        let detail = "The uploaded bytes do not have the SHA-256 that was announced.";
        return Err(uploads.refuse(&row, Refusal::new(Code::Sha256Mismatch, detail)).await?);
    }
    loop {
        let there = blocking(uploads, move |uploads| {
            Ok(uploads.store.db.read(|c| c.bundle(&sha256))?.is_some())
        });
        let begun = Instant::now();
        let copy = if there.await? {
            None
        } else {
            let bundle = BundleName { sha256, place: capability::new_id() };
            match copy(uploads, &row, &reader, bundle).await {
                Ok(()) => Some(bundle),
                Err(error) => {
                    discard(uploads, bundle, row.length).await;
                    return match error {
                        NotCopied::Refused(refusal) => Err(refusal),
                        NotCopied::Store(error) => ended_elsewhere(uploads, &row, error).await,
                    };
                }
            }
        };
        let ended = {
            let row = row.clone();
            blocking(uploads, move |uploads| to_keys(uploads, &row, sha256, copy, begun)).await?
        };
        match ended {
            Ended::Stored => break,
            Ended::ByAnother => return Ok(()),
            Ended::BundleGone => {}
            Ended::TooLate => {
                let detail = "the storage took too long to copy keys";
                return Err(Refusal::internal(detail));
            }
        }
    }
    uploads.metrics.key_sets.inc();
    tracing::info!(keys = %id, "key set stored");
    Ok(())
}

/// The bytes could not be read or copied. If the upload is gone, it was finished by another process.
async fn ended_elsewhere(
    uploads: &Arc<Uploads>,
    row: &UploadRow,
    error: StoreError,
) -> Result<(), Refusal> {
    if uploads.find(row.owner, row.id).await?.is_none() {
        return Ok(());
    }
    Err(uploads.failed(row, error).await)
}

enum NotCopied {
    Refused(Refusal),
    Store(StoreError),
}

/// Notes that what was copied is to be deleted. If that fails, it is found later that no row names
/// it.
async fn discard(uploads: &Arc<Uploads>, bundle: BundleName, bytes: u64) {
    let noted = blocking(uploads, move |uploads| {
        Ok(uploads.store.db.write(|t| t.discard(Discarded::Bundle(bundle), bytes))?)
    });
    if noted.await.is_ok() {
        uploads.store.discarded.notify_one();
    }
}

/// Copies an upload, frame by frame, to a new place in the blob store.
async fn copy(
    uploads: &Arc<Uploads>,
    row: &UploadRow,
    reader: &StagedReader,
    bundle: BundleName,
) -> Result<(), NotCopied> {
    let (_, _, layout) = uploads.expected(row).map_err(NotCopied::Refused)?;
    for frame in layout.frames() {
        let length = usize::try_from(frame.length)
            .map_err(|error| NotCopied::Refused(Refusal::internal(error)))?;
        let bytes = reader.read(frame.start, length).await.map_err(NotCopied::Store)?;
        let put = uploads.store.blobs.put(Blob::Frame(bundle, frame.index), bytes);
        put.await.map_err(NotCopied::Store)?;
    }
    Ok(())
}

enum Ended {
    Stored,
    /// The key set is there, or was and is deleted.
    ByAnother,
    /// The bundle that was there when it was asked for was deleted since.
    BundleGone,
    /// The copy may be taken for one that nobody will name.
    TooLate,
}

/// Makes the key set, with the bundle that is there or else with the copy.
fn to_keys(
    uploads: &Uploads,
    row: &UploadRow,
    sha256: [u8; 32],
    copy: Option<BundleName>,
    begun: Instant,
) -> Result<Ended, Refusal> {
    let now = Timestamp::now();
    let (_, keys, _) = uploads.expected(row)?;
    let ended = uploads.store.db.write(|t| {
        let there = t.bundle(&sha256)?;
        let ended = match there.or(copy) {
            None => return Ok(Ended::BundleGone),
            Some(_) if copy.is_some() && begun.elapsed() > orphans::COMMIT_WITHIN => Ended::TooLate,
            Some(_) if !t.delete_upload(row.owner, row.id)? => Ended::ByAnother,
            Some(bundle) => {
                t.note_audit(&AuditRow::now(&row.caller, "key set created", row.id))?;
                t.insert_key_set(&NewKeys {
                    id: row.id,
                    owner: row.owner,
                    caller: &row.caller,
                    bundle,
                    list: &row.list,
                    count: keys.len() as u32,
                    bytes: row.length,
                    created_at: now,
                    expires_at: uploads.keys.first_expiry(now),
                })?;
                Ended::Stored
            }
        };
        let is_used = there.is_none() && matches!(ended, Ended::Stored);
        if let (Some(copy), false) = (copy, is_used) {
            t.discard(Discarded::Bundle(copy), row.length)?;
        }
        Ok::<_, Refusal>(ended)
    })?;
    uploads.store.discarded.notify_one();
    Ok(ended)
}
