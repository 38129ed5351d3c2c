//! The end of an upload: from a file to a key set.

use std::sync::Arc;

use uuid::Uuid;

use super::{Uploads, check_alive};
use crate::blocking::blocking;
use crate::capability::Owner;
use crate::refusal::{Code, Refusal};
use crate::store::blobs::Blob;
use crate::store::state::audit::AuditRow;
use crate::store::state::keys::NewKeys;
use crate::store::state::uploads::UploadRow;
use crate::time::Timestamp;

/// Makes a key set of an upload whose bytes are all there and were checked.
///
/// Every step can be repeated: a process that ends in the middle starts over when it is back.
pub(super) async fn finish(uploads: &Arc<Uploads>, owner: Owner, id: Uuid) -> Result<(), Refusal> {
    let Some(row) = uploads.find(owner, id).await? else {
        return Ok(());
    };
    check_alive(&row)?;
    let sha256 = {
        let row = row.clone();
        blocking(uploads, move |uploads| hash(uploads, &row)).await?
    };
    let bundles = uploads.keys.bundles.lock().await;
    let stored =
        blocking(uploads, move |uploads| Ok(uploads.store.db.read(|c| c.has_bundle(&sha256))?));
    if !stored.await? {
        store(uploads, &row, sha256).await?;
    }
    blocking(uploads, move |uploads| to_keys(uploads, &row, sha256)).await?;
    drop(bundles);
    uploads.metrics.key_sets.inc();
    tracing::info!(keys = %id, "key set stored");
    Ok(())
}

fn hash(uploads: &Uploads, row: &UploadRow) -> Result<[u8; 32], Refusal> {
    let sha256 = uploads.store.staging.sha256(row.id, row.length)?;
    if row.sha256.is_some_and(|announced| announced != sha256) {
        uploads
            .store
            .db
            .write(|t| t.refuse_upload(row, Code::Sha256Mismatch.as_str(), Timestamp::now()))?;
        uploads.store.discarded.notify_one();
        let detail = "The uploaded bytes do not have the SHA-256 that was announced.";
        return Err(Refusal::new(Code::Sha256Mismatch, detail));
    }
    Ok(sha256)
}

/// Copies an upload to the blob store, frame by frame.
async fn store(uploads: &Arc<Uploads>, row: &UploadRow, sha256: [u8; 32]) -> Result<(), Refusal> {
    let (id, (_, _, layout)) = (row.id, uploads.expected(row)?);
    for &frame in layout.frames() {
        let bytes = blocking(uploads, move |uploads| {
            let length = usize::try_from(frame.length).map_err(Refusal::internal)?;
            let staging = &uploads.store.staging;
            staging.read(id, frame.start, length).map_err(Refusal::from)
        });
        let blob = Blob::Frame(sha256, frame.index);
        uploads.store.blobs.put(blob, bytes.await?.into()).await?;
    }
    Ok(())
}

fn to_keys(uploads: &Uploads, row: &UploadRow, sha256: [u8; 32]) -> Result<(), Refusal> {
    let now = Timestamp::now();
    let (_, keys, _) = uploads.expected(row)?;
    uploads.store.db.write(|t| {
        if !t.delete_upload(row.owner, row.id)? {
            return Err(Refusal::not_found());
        }
        t.note_audit(&AuditRow::now(&row.caller, "key set created", row.id))?;
        Ok(t.insert_key_set(&NewKeys {
            id: row.id,
            owner: row.owner,
            caller: &row.caller,
            sha256,
            list: &row.list,
            count: keys.len() as u32,
            bytes: row.length,
            created_at: now,
            expires_at: uploads.keys.first_expiry(now),
        })?)
    })?;
    uploads.store.discarded.notify_one();
    Ok(())
}
