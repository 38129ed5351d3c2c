//! Uploads of key bundles: in parts, resumable, each key checked as soon as it is there.

mod append;
mod bundle;
mod create;
mod finish;
mod lock;
mod row;

pub use append::{Appended, Checksum, Part, append};
pub use bundle::{Bundle, Frame};
pub use create::{Created, NewUpload, create};
pub use lock::UploadLocks;

use std::sync::Arc;

use uuid::Uuid;

use crate::capability::Owner;
use crate::keys;
use crate::refusal::{Code, Refusal};
use crate::service::Service;
use crate::time::Timestamp;
use row::Row;

/// How far an upload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes that are on the disk.
    pub received: u64,
    /// Bytes of the whole bundle.
    pub length: u64,
    /// When the upload is deleted if nobody continues it; `None` once it is complete.
    pub expires_at: Option<Timestamp>,
}

impl Progress {
    /// Whether the bundle is complete: then the upload is a key set with the same id.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.expires_at.is_none()
    }
}

/// How far an upload is. Whoever is writing to it is made to stop first, so that the answer holds.
///
/// # Errors
/// `not_found`, `gone` if it was refused, `upload_busy`.
pub async fn progress(service: &Arc<Service>, owner: Owner, id: Uuid) -> Result<Progress, Refusal> {
    // Before the lock, which is a place in memory that strangers should not take.
    let progress = look(service, owner, id).await?;
    if progress.is_complete() {
        return Ok(progress);
    }
    let _lock = service.upload_locks.take(id).await?;
    let progress = look(service, owner, id).await?;
    if progress.is_complete() || progress.received < progress.length {
        return Ok(progress);
    }
    // Everything was there when the service stopped or its storage failed.
    finish::finish(service, owner, id).await?;
    look(service, owner, id).await
}

/// Deletes an unfinished upload, or the key set that it has become.
///
/// # Errors
/// `not_found`, `upload_busy`.
pub async fn terminate(service: &Arc<Service>, owner: Owner, id: Uuid) -> Result<(), Refusal> {
    if find(service, owner, id).await?.is_none() {
        return keys::delete(service, owner, id).await;
    }
    let _lock = service.upload_locks.take(id).await?;
    let deleted = service.blocking(move |service| delete_now(service, owner, id)).await?;
    // It may have become a key set while we waited for the lock.
    if deleted { Ok(()) } else { keys::delete(service, owner, id).await }
}

/// Deletes row and file. The row goes first: a file without a row is swept up, a row without a
/// file would be a lie.
pub(crate) fn delete_now(service: &Service, owner: Owner, id: Uuid) -> Result<bool, Refusal> {
    let deleted = service.store.db.write(|t| Row::delete(t, owner, id))?;
    service.store.staging.delete(id)?;
    Ok(deleted)
}

async fn find(service: &Arc<Service>, owner: Owner, id: Uuid) -> Result<Option<Row>, Refusal> {
    service.blocking(move |service| Ok(service.store.db.read(|c| Row::find(c, owner, id))?)).await
}

async fn look(service: &Arc<Service>, owner: Owner, id: Uuid) -> Result<Progress, Refusal> {
    if let Some(row) = find(service, owner, id).await? {
        row.check_alive()?;
        let expires_at = Some(row.expires_at);
        return Ok(Progress { received: row.received, length: row.length, expires_at });
    }
    let keys = keys::find(service, owner, id).await?.ok_or_else(Refusal::not_found)?;
    Ok(Progress { received: keys.bytes, length: keys.bytes, expires_at: None })
}

/// Uploads whose bytes are all there, but which were not made key sets when the process ended.
pub(crate) async fn finish_complete(service: &Arc<Service>) -> Result<(), Refusal> {
    let complete = service.blocking(|service| Ok(service.store.db.read(Row::complete)?)).await?;
    for (owner, id) in complete {
        match finish::finish(service, owner, id).await {
            Err(refusal) if refusal.code == Code::Internal => return Err(refusal),
            outcome => tracing::info!(upload = %id, ok = outcome.is_ok(), "upload finished late"),
        }
    }
    Ok(())
}

/// Deletes uploads that nobody continued, and files that belong to none.
pub(crate) fn sweep(service: &Service, now: Timestamp) -> Result<(), Refusal> {
    for (owner, id) in service.store.db.read(|c| Row::expired(c, now))? {
        if !service.upload_locks.is_taken(id) {
            delete_now(service, owner, id)?;
            tracing::info!(upload = %id, "unfinished upload expired");
        }
    }
    for id in service.store.staging.list()? {
        // In this order: whoever makes an upload lets go of its lock after the row is there.
        let taken = service.upload_locks.is_taken(id);
        if !taken && !service.store.db.read(|c| Row::exists(c, id))? {
            service.store.staging.delete(id)?;
        }
    }
    Ok(())
}
