//! The start of an upload.

use std::sync::Arc;

use rusqlite::{Connection, params};
use uuid::Uuid;

use super::Progress;
use super::row::Row;
use crate::capability::{self, Owner};
use crate::keys;
use crate::refusal::{Code, Refusal};
use crate::service::Service;
use crate::store::usage;
use crate::time::Timestamp;

/// What a client says before it uploads.
#[derive(Debug, Clone)]
pub struct NewUpload {
    /// Bytes of the bundle.
    pub length: u64,
    /// The model that the keys are for.
    pub model: String,
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

/// Starts an upload. A client that holds a capability keeps it; one that holds none, or one that
/// is not known any more, gets a new one.
///
/// # Errors
/// `unknown_model`, `wrong_upload_length`, `too_many_uploads`, `storage_full`.
pub async fn create(service: &Arc<Service>, new: NewUpload) -> Result<Created, Refusal> {
    if service.is_stopping() {
        return Err(Refusal::stopping());
    }
    let model = service.model.description();
    if new.model != model.id {
        let detail = format!("The model {:?} is not served here.", abridged(&new.model));
        return Err(Refusal::new(Code::UnknownModel, detail));
    }
    let expected = service.bundle.length();
    if new.length != expected {
        let detail = format!("Upload-Length must be {expected}, the length of a key bundle.");
        return Err(Refusal::new(Code::UploadLength, detail));
    }
    let id = capability::new_id();
    // So that the file is not taken for an orphan before its row is there.
    let _lock = service.upload_locks.take(id).await?;
    service.blocking(move |service| create_now(service, id, new)).await
}

fn create_now(service: &Service, id: Uuid, new: NewUpload) -> Result<Created, Refusal> {
    let now = Timestamp::now();
    service.store.db.write(|t| {
        let known = match new.holder {
            Some(holder) if is_known(t, holder)? => Some(holder),
            _ => None,
        };
        if let (Some(owner), Some(sha256)) = (known, &new.sha256)
            && let Some(id) = keys::renew(service, t, owner, sha256, now)?
        {
            let progress = Progress { received: new.length, length: new.length, expires_at: None };
            return Ok(Created { id, capability: None, progress });
        }
        check_room(service, t, known, new.length)?;
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
            model: new.model,
            length: new.length,
            received: 0,
            sha256: new.sha256,
            refused: None,
            created_at: now,
            expires_at: now.after_seconds(service.config.upload_seconds),
        };
        row.insert(t)?;
        service.store.staging.create(id)?;
        let expires_at = Some(row.expires_at);
        Ok(Created {
            id,
            capability,
            progress: Progress { received: 0, length: row.length, expires_at },
        })
    })
}

fn is_known(c: &Connection, owner: Owner) -> Result<bool, rusqlite::Error> {
    let query = "SELECT EXISTS (SELECT 1 FROM uploads WHERE owner = ?1)
                     OR EXISTS (SELECT 1 FROM keys WHERE owner = ?1)";
    c.query_row(query, params![owner.0], |row| row.get(0))
}

fn check_room(
    service: &Service,
    c: &Connection,
    owner: Option<Owner>,
    length: u64,
) -> Result<(), Refusal> {
    let config = &service.config;
    if Row::count_open(c)? >= config.uploads {
        let detail = "Too many uploads are unfinished; try again later.";
        return Err(Refusal::new(Code::TooManyUploads, detail).retry_after(30));
    }
    if usage::total(c)? + length > config.storage_bytes {
        let detail = "The service's storage is full; try again later.";
        return Err(Refusal::new(Code::StorageFull, detail).retry_after(600));
    }
    if let Some(owner) = owner
        && usage::of_owner(c, owner)? + length > config.capability_bytes
    {
        let detail = "This capability has no room for more keys; delete some first.";
        return Err(Refusal::new(Code::StorageFull, detail));
    }
    Ok(())
}

fn abridged(text: &str) -> String {
    text.chars().take(64).collect()
}
