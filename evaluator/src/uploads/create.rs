//! The start of an upload.

use std::sync::Arc;
use std::time::Instant;

use uuid::Uuid;

use super::layout::Layout;
use super::{Progress, Uploads};
use crate::blocking::blocking;
use crate::caller::Caller;
use crate::capability::{self, Owner};
use crate::keys;
use crate::limits::{self, Asking, Idle};
use crate::models::ServedModel;
use crate::refusal::{Code, Refusal};
use crate::store::state::keys::StoredList;
use crate::store::state::uploads::UploadRow;
use crate::store::state::{Reads, Writes};
use crate::time::Timestamp;

/// What a client says before it uploads.
#[derive(Debug, Clone)]
pub struct NewUpload {
    /// Bytes of the bundle.
    pub length: u64,
    /// The model that the keys are for.
    pub model: String,
    /// Key sets of the client that hold some of the model's keys already.
    pub have: Vec<Uuid>,
    /// The bundle's SHA-256, if the client knows it already.
    pub sha256: Option<[u8; 32]>,
    /// Who the client says it is.
    pub holder: Option<Owner>,
    /// Whose share it comes out of.
    pub caller: Caller,
}

/// An upload that was accepted.
#[derive(Debug, Clone)]
pub struct Created {
    /// Its name.
    pub id: Uuid,
    /// The capability, if it is a new one. It is never told again.
    pub capability: Option<String>,
    /// Complete from the start if these keys are stored already.
    pub progress: Progress,
}

impl Uploads {
    /// Starts an upload of the keys that a model needs beside those that the client has sent
    /// before. A client that holds a capability keeps it; one that holds none, or one that is not
    /// known any more, gets a new one.
    ///
    /// # Errors
    /// `unknown_model`, `not_found`, `nothing_missing`, `wrong_upload_length`, `too_many_uploads`,
    /// `storage_full`.
    pub async fn create(self: &Arc<Self>, new: NewUpload) -> Result<Created, Refusal> {
        self.lifecycle.check_running()?;
        let model = self.models.find(&new.model)?;
        self.creations.take(&new.caller, Instant::now()).map_err(|wait| {
            let detail = "You start uploads too often; try again.";
            let seconds = wait.as_secs_f64().ceil().clamp(1.0, 3600.0) as u32;
            Refusal::new(Code::TooManyUploads, detail).retry_after(seconds)
        })?;
        blocking(self, move |uploads| uploads.create_now(&new, &*model)).await
    }

    fn create_now(&self, new: &NewUpload, model: &dyn ServedModel) -> Result<Created, Refusal> {
        let (id, now) = (capability::new_id(), Timestamp::now());
        let created = self.store.db.write(|t| {
            let known = match new.holder {
                Some(holder) if t.is_known(holder)? => Some(holder),
                _ => None,
            };
            let list = missing(t, known, new, model)?;
            if let (Some(owner), Some(sha256)) = (known, &new.sha256)
                && let Some(id) = t.same_key_set(owner, sha256, &list)?
            {
                t.keep_key_set(id, self.keys.expiry(now))?;
                let (received, length) = (new.length, new.length);
                let progress = Progress { received, length, expires_at: None };
                return Ok(Created { id, capability: None, progress });
            }
            let asking = Asking { caller: &new.caller, owner: known };
            let idle = IdleUploads { uploads: self, now };
            let over = limits::rows_over(&self.config, t, &new.caller)?;
            t.forget_oldest_jobs(&new.caller, over)?;
            limits::check_rows(&self.config, t, &new.caller)?;
            limits::reserve_upload(&self.config, t, asking, new.length, &idle)?;
            let (owner, capability) = match known {
                Some(owner) => (owner, None),
                None => {
                    let capability = capability::new_capability();
                    let owner = Owner::of(&capability).expect("a new capability is well-formed");
                    (owner, Some(capability))
                }
            };
            let row = UploadRow {
                id,
                owner,
                caller: new.caller.clone(),
                list,
                length: new.length,
                received: 0,
                sha256: new.sha256,
                refused: None,
                created_at: now,
                expires_at: now.after_seconds(self.config.empty_upload_seconds),
                token: 0,
            };
            t.insert_upload(&row)?;
            let expires_at = Some(row.expires_at);
            let progress = Progress { received: 0, length: row.length, expires_at };
            Ok::<_, Refusal>(Created { id, capability, progress })
        });
        // Whatever made place is deleted now.
        self.store.discarded.notify_one();
        created
    }
}

/// Uploads that nobody continues, and nobody is writing to.
struct IdleUploads<'a> {
    uploads: &'a Uploads,
    now: Timestamp,
}

impl Idle for IdleUploads<'_> {
    fn evict(&self, t: &dyn Writes, whose: Option<&Caller>) -> Result<bool, Refusal> {
        let before = self.now.before_seconds(self.uploads.config.idle_seconds);
        for (owner, id) in t.idle_uploads(whose, before)? {
            if !self.uploads.locks.is_taken(id) {
                tracing::info!(upload = %id, "an idle upload made place for another");
                return Ok(t.delete_upload(owner, id)?);
            }
        }
        Ok(false)
    }
}

/// The keys that are to be uploaded.
fn missing(
    c: &dyn Reads,
    owner: Option<Owner>,
    new: &NewUpload,
    model: &dyn ServedModel,
) -> Result<StoredList, Refusal> {
    let sets = match owner {
        Some(owner) => c.key_sets(owner, &new.have)?,
        None => new.have.is_empty().then(Vec::new),
    };
    let missing = keys::missing(model, &sets.ok_or_else(Refusal::not_found)?);
    // Of a model without keys the bare list is uploaded: it is what its jobs are submitted under.
    if missing.is_empty() && !model.description().contract().bundle().is_empty() {
        let detail = "The key sets that are there hold all keys of this model.";
        return Err(Refusal::new(Code::NothingMissing, detail));
    }
    let set = model.description().contract().set();
    let list = StoredList::of(set, &missing);
    let expected = Layout::new(list.manifest.len(), set, &missing).length();
    if new.length != expected {
        let detail = format!("Upload-Length must be {expected}, the length of this key bundle.");
        return Err(Refusal::new(Code::UploadLength, detail));
    }
    Ok(list)
}
