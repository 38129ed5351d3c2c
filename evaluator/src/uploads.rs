//! Uploads of key bundles: in parts, resumable, each key checked as soon as it is there.

mod append;
mod create;
mod finish;
mod layout;
mod lock;
mod take;
mod transfers;

use std::sync::Arc;
use std::time::Duration;

use blindsight_contract::KeyBundle;
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::blocking::blocking;
use crate::capability::Owner;
use crate::config::Config;
use crate::keys::{self, KeySets};
use crate::lifecycle::Lifecycle;
use crate::metrics::Metrics;
use crate::models::{Models, ServedModel};
use crate::pace::Pace;
use crate::refusal::{Code, Refusal};
use crate::store::Store;
use crate::store::state::uploads::UploadRow;
use crate::time::Timestamp;
use layout::Layout;
use transfers::Transfers;

pub use append::{Appended, Checksum, Part};
pub use create::{Created, NewUpload};
pub use lock::UploadLocks;

/// All uploads of a service.
pub struct Uploads {
    config: Arc<Config>,
    store: Arc<Store>,
    models: Arc<Models>,
    keys: Arc<KeySets>,
    lifecycle: Arc<Lifecycle>,
    metrics: Arc<Metrics>,
    /// Who writes to which upload.
    locks: UploadLocks,
    /// Who writes at this moment.
    transfers: Transfers,
    /// How often callers may start.
    creations: Pace,
    /// Held while a key is checked: one at a time is in memory.
    frame_check: tokio::sync::Mutex<()>,
    /// Taken while an upload is made a key set.
    finishing: Semaphore,
}

/// Uploads that are finished at a time where they lie in parts: each part is in memory whole. In a folder
/// it is one: several would only take this machine's cores and disk from each other, and from requests.
const FINISHING: usize = 4;

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

impl Uploads {
    pub(crate) fn new(
        config: &Arc<Config>,
        store: &Arc<Store>,
        models: &Arc<Models>,
        keys: &Arc<KeySets>,
        lifecycle: &Arc<Lifecycle>,
        metrics: &Arc<Metrics>,
    ) -> Self {
        Self {
            config: config.clone(),
            store: store.clone(),
            models: models.clone(),
            keys: keys.clone(),
            lifecycle: lifecycle.clone(),
            metrics: metrics.clone(),
            locks: UploadLocks::default(),
            transfers: Transfers::new(config.uploads_at_once, config.uploads_at_once_per_caller),
            creations: Pace::new(
                config.uploads_per_minute,
                Duration::from_secs(60) / config.uploads_per_minute.max(1),
            ),
            frame_check: tokio::sync::Mutex::new(()),
            finishing: Semaphore::new(if store.staging.has_parts() { FINISHING } else { 1 }),
        }
    }

    /// How far an upload is. Whoever is writing to it in this process is made to stop first, so that
    /// the answer holds. A writer in another process goes on until somebody else writes.
    ///
    /// # Errors
    /// `not_found`, `gone` if it was refused, `upload_busy`.
    pub async fn progress(self: &Arc<Self>, owner: Owner, id: Uuid) -> Result<Progress, Refusal> {
        // Before the lock, which is a place in memory that strangers should not take.
        let progress = self.look(owner, id).await?;
        if progress.is_complete() {
            return Ok(progress);
        }
        let _lock = self.locks.take(id).await?;
        let progress = self.look(owner, id).await?;
        if progress.is_complete() || progress.received < progress.length {
            return Ok(progress);
        }
        // Everything was there when the service stopped or its storage failed.
        finish::finish(self, owner, id).await?;
        self.look(owner, id).await
    }

    /// Deletes an unfinished upload. `false` if there is none, perhaps because it has become a key
    /// set.
    ///
    /// # Errors
    /// `upload_busy`.
    pub async fn delete(self: &Arc<Self>, owner: Owner, id: Uuid) -> Result<bool, Refusal> {
        if self.find(owner, id).await?.is_none() {
            return Ok(false);
        }
        let _lock = self.locks.take(id).await?;
        blocking(self, move |uploads| uploads.delete_now(owner, id)).await
    }

    /// What the bytes of an upload must be.
    fn expected(
        &self,
        row: &UploadRow,
    ) -> Result<(Arc<dyn ServedModel>, KeyBundle, Layout), Refusal> {
        let model = self.models.of_scheme(&row.list.scheme).ok_or_else(|| {
            let detail = "No model that these keys could serve is here any more.";
            Refusal::new(Code::UnknownModel, detail)
        })?;
        let unreadable = || Refusal::internal("a stored list of keys is not readable");
        let keys = keys::read_head(&*model, &row.list).ok_or_else(unreadable)?;
        let set = model.description().contract().set();
        let layout = Layout::new(row.list.manifest.len(), set, &keys);
        Ok((model, keys, layout))
    }

    fn delete_now(&self, owner: Owner, id: Uuid) -> Result<bool, Refusal> {
        let deleted = self.store.db.write(|t| t.delete_upload(owner, id))?;
        self.store.discarded.notify_one();
        Ok(deleted)
    }

    async fn find(self: &Arc<Self>, owner: Owner, id: Uuid) -> Result<Option<UploadRow>, Refusal> {
        blocking(self, move |uploads| Ok(uploads.store.db.read(|c| c.upload(owner, id))?)).await
    }

    async fn look(self: &Arc<Self>, owner: Owner, id: Uuid) -> Result<Progress, Refusal> {
        if let Some(row) = self.find(owner, id).await? {
            check_alive(&row)?;
            let expires_at = Some(row.expires_at);
            return Ok(Progress { received: row.received, length: row.length, expires_at });
        }
        let keys = self.keys.find(owner, id).await?.ok_or_else(Refusal::not_found)?;
        Ok(Progress { received: keys.bytes, length: keys.bytes, expires_at: None })
    }

    /// Uploads whose bytes are all there, but which were not made key sets when the process ended.
    pub(crate) async fn finish_complete(self: &Arc<Self>) -> Result<(), Refusal> {
        let complete =
            blocking(self, |uploads| Ok(uploads.store.db.read(|c| c.complete_uploads())?)).await?;
        for (owner, id) in complete {
            match finish::finish(self, owner, id).await {
                Err(refusal) if refusal.code == Code::Internal => return Err(refusal),
                outcome => {
                    tracing::info!(upload = %id, ok = outcome.is_ok(), "upload finished late");
                }
            }
        }
        Ok(())
    }

    /// Deletes uploads whose bytes are nowhere: an earlier version kept them in files where there
    /// are objects now.
    pub(crate) fn delete_lost(&self) -> Result<(), Refusal> {
        if !self.store.staging.has_parts() {
            return Ok(());
        }
        for (owner, id) in self.store.db.read(|c| c.uploads_without_parts())? {
            self.delete_now(owner, id)?;
            tracing::warn!(upload = %id, "the bytes of an unfinished upload are not here");
        }
        Ok(())
    }

    /// Deletes uploads that nobody continued, and files that belong to none.
    pub(crate) fn sweep(&self, now: Timestamp) -> Result<(), Refusal> {
        if !self.store.db.read(|c| c.expired_uploads(now))?.is_empty() {
            // Asked again, where nobody changes anything: one may have been continued since.
            self.store.db.write(|t| {
                for (owner, id) in t.expired_uploads(now)? {
                    if !self.locks.is_taken(id) && t.delete_upload(owner, id)? {
                        tracing::info!(upload = %id, "unfinished upload expired");
                    }
                }
                Ok::<_, Refusal>(())
            })?;
            self.store.discarded.notify_one();
        }
        let Some(folder) = self.store.staging.folder() else { return Ok(()) };
        for id in folder.list()? {
            // In this order: whoever makes a file holds the lock, and has seen the row before.
            let taken = self.locks.is_taken(id);
            if !taken && !self.store.db.read(|c| c.takes_bytes(id))? {
                folder.delete(id)?;
            }
        }
        Ok(())
    }
}

/// Refused uploads stay refused.
fn check_alive(row: &UploadRow) -> Result<(), Refusal> {
    match &row.refused {
        None => Ok(()),
        Some(code) => {
            let detail = format!("The upload was refused ({code}); start another one.");
            Err(Refusal::new(Code::Gone, detail))
        }
    }
}
