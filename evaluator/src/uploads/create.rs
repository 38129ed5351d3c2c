//! The start of an upload.

use std::sync::Arc;

use rusqlite::{Connection, params};
use uuid::Uuid;

use super::layout::Layout;
use super::row::Row;
use super::{Progress, Uploads};
use crate::blocking::blocking;
use crate::capability::{self, Owner};
use crate::keys::{self, StoredList};
use crate::limits;
use crate::models::ServedModel;
use crate::refusal::{Code, Refusal};
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
        let model = self.models.find(&new.model);
        let model = model.ok_or_else(|| Refusal::unknown_model(&new.model))?;
        let id = capability::new_id();
        // So that the file is not taken for an orphan before its row is there.
        let _lock = self.locks.take(id).await?;
        blocking(self, move |uploads| uploads.create_now(id, &new, &*model)).await
    }

    fn create_now(
        &self,
        id: Uuid,
        new: &NewUpload,
        model: &dyn ServedModel,
    ) -> Result<Created, Refusal> {
        let now = Timestamp::now();
        self.store.db.write(|t| {
            let known = match new.holder {
                Some(holder) if is_known(t, holder)? => Some(holder),
                _ => None,
            };
            let list = missing(t, known, new, model)?;
            if let (Some(owner), Some(sha256)) = (known, &new.sha256)
                && let Some(id) = keys::renew(t, owner, sha256, &list)?
            {
                self.keys.prolong(t, id, now)?;
                let (received, length) = (new.length, new.length);
                let progress = Progress { received, length, expires_at: None };
                return Ok(Created { id, capability: None, progress });
            }
            if Row::count_open(t)? >= self.config.uploads {
                let detail = "Too many uploads are unfinished; try again later.";
                return Err(Refusal::new(Code::TooManyUploads, detail).retry_after(30));
            }
            limits::check_room(&self.config, t, known, new.length)?;
            let (owner, capability) = match known {
                Some(owner) => (owner, None),
                None => {
                    let capability = capability::new_capability();
                    let owner = Owner::of(&capability).expect("a new capability is well-formed");
                    (owner, Some(capability))
                }
            };
            let row = Row {
                id,
                owner,
                list,
                length: new.length,
                received: 0,
                sha256: new.sha256,
                refused: None,
                created_at: now,
                expires_at: now.after_seconds(self.config.upload_seconds),
            };
            row.insert(t)?;
            self.store.staging.create(id)?;
            let expires_at = Some(row.expires_at);
            let progress = Progress { received: 0, length: row.length, expires_at };
            Ok(Created { id, capability, progress })
        })
    }
}

/// The keys that are to be uploaded.
fn missing(
    c: &Connection,
    owner: Option<Owner>,
    new: &NewUpload,
    model: &dyn ServedModel,
) -> Result<StoredList, Refusal> {
    let sets = match owner {
        Some(owner) => keys::of_owner(c, owner, &new.have)?,
        None => new.have.is_empty().then(Vec::new),
    };
    let missing = keys::missing(model, &sets.ok_or_else(Refusal::not_found)?);
    if missing.is_empty() {
        let detail = "The key sets that are there hold all keys of this model.";
        return Err(Refusal::new(Code::NothingMissing, detail));
    }
    let set = model.description().contract().set();
    let list = StoredList::of(set, &missing);
    let manifest = keys::read_list(model, &list);
    let manifest = manifest.ok_or_else(|| Refusal::internal("a list of keys is not readable"))?;
    let expected = Layout::new(list.manifest.len(), &manifest).length();
    if new.length != expected {
        let detail = format!("Upload-Length must be {expected}, the length of this key bundle.");
        return Err(Refusal::new(Code::UploadLength, detail));
    }
    Ok(list)
}

fn is_known(c: &Connection, owner: Owner) -> Result<bool, rusqlite::Error> {
    let query = "SELECT EXISTS (SELECT 1 FROM uploads WHERE owner = ?1)
                     OR EXISTS (SELECT 1 FROM keys WHERE owner = ?1)";
    c.query_row(query, params![owner.0], |row| row.get(0))
}
