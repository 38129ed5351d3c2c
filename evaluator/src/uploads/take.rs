//! The right to write to an upload, among processes: a token that only grows. Whoever takes the
//! upload later shuts out who took it before, whose commit then changes nothing.

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::{Uploads, check_alive};
use crate::blocking::blocking;
use crate::capability::Owner;
use crate::refusal::{Code, Refusal};
use crate::store::StoreError;
use crate::store::state::uploads::{PartRow, UploadRow};
use crate::time::Timestamp;

/// For how long an upload counts as written to since its writer last said so. Until then no process
/// deletes it to make place.
const WRITING_SECONDS: u64 = 60;

/// How often a writer says so.
pub(super) const SAY_SO: Duration = Duration::from_secs(20);

impl Uploads {
    /// Takes an upload, of which `check` knows whether it can be written to. `None` if it is not
    /// there. Where bytes are files of this process, its lock is enough and nothing is changed.
    ///
    /// # Errors
    /// `gone`, and those of `check`.
    pub(super) async fn take(
        self: &Arc<Self>,
        owner: Owner,
        id: Uuid,
        check: impl Fn(&UploadRow) -> Result<(), Refusal> + Send + 'static,
    ) -> Result<Option<(UploadRow, Vec<PartRow>)>, Refusal> {
        blocking(self, move |uploads| {
            let checked = |row: Option<UploadRow>| match row {
                Some(row) => check_alive(&row).and_then(|()| check(&row)).map(|()| Some(row)),
                None => Ok(None),
            };
            let db = &uploads.store.db;
            if !uploads.store.staging.has_parts() {
                let row = checked(db.read(|c| c.upload(owner, id))?)?;
                return Ok(row.map(|row| (row, Vec::new())));
            }
            db.write(|t| {
                if checked(t.upload(owner, id)?)?.is_none() {
                    return Ok(None);
                }
                let row = t.take_upload(owner, id, until())?;
                let parts = t.upload_parts(id)?;
                Ok(row.map(|row| (row, parts)))
            })
        })
        .await
    }

    /// Says that whoever took an upload still writes.
    ///
    /// # Errors
    /// `upload_busy` if somebody took it since.
    pub(super) async fn still_writes(self: &Arc<Self>, row: &UploadRow) -> Result<(), Refusal> {
        let row = row.clone();
        blocking(self, move |uploads| {
            // If it cannot be said now, it is the next time.
            match uploads.store.db.write(|t| t.keep_writing(&row, until())) {
                Ok(false) => Err(shut_out()),
                Ok(true) => Ok(()),
                Err(error) => {
                    tracing::warn!(%error, upload = %row.id, "an upload cannot be kept");
                    Ok(())
                }
            }
        })
        .await
    }

    /// Says that whoever took an upload is done with it, though nothing was committed.
    pub(super) async fn writes_no_more(self: &Arc<Self>, row: &UploadRow) {
        if !self.store.staging.has_parts() {
            return;
        }
        let row = row.clone();
        let said = blocking(self, move |uploads| {
            Ok(uploads.store.db.write(|t| t.keep_writing(&row, Timestamp(0)))?)
        });
        // If it cannot be said, it is forgotten after a while.
        let _ = said.await;
    }

    /// Marks an upload as refused, and returns what its client is told.
    pub(super) async fn refuse(
        self: &Arc<Self>,
        row: &UploadRow,
        refusal: Refusal,
    ) -> Result<Refusal, Refusal> {
        let row = row.clone();
        blocking(self, move |uploads| {
            let (code, now) = (refusal.code.as_str(), Timestamp::now());
            if !uploads.store.db.write(|t| t.refuse_upload(&row, code, now))? {
                return Ok(shut_out());
            }
            uploads.store.discarded.notify_one();
            tracing::info!(upload = %row.id, code, "upload refused");
            Ok(refusal)
        })
        .await
    }

    /// What a client is told when the bytes of its upload could not be read or written.
    pub(super) async fn failed(self: &Arc<Self>, row: &UploadRow, error: StoreError) -> Refusal {
        let is_lost = matches!(error, StoreError::Damaged) || error.is_missing_blob();
        if !(self.store.staging.has_parts() && is_lost) {
            return error.into();
        }
        // Parts go when an upload is deleted or finished, and when small ones are taken up: all of
        // that can have happened in another process.
        match self.find(row.owner, row.id).await {
            Err(refusal) => return refusal,
            Ok(None) => return Refusal::not_found(),
            Ok(Some(found)) if found.token != row.token => return shut_out(),
            Ok(Some(_)) => {}
        }
        tracing::error!(%error, upload = %row.id, "the bytes of an upload are damaged");
        let detail = "What was stored of the upload is damaged; start another one.";
        match self.refuse(row, Refusal::new(Code::Damaged, detail)).await {
            Ok(refusal) | Err(refusal) => refusal,
        }
    }
}

fn until() -> Timestamp {
    Timestamp::now().after_seconds(WRITING_SECONDS)
}

/// Somebody took the upload since.
pub(super) fn shut_out() -> Refusal {
    let detail = "A later request continues this upload.";
    Refusal::new(Code::UploadBusy, detail)
}
