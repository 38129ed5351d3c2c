//! How a job is accepted.

use std::sync::Arc;

use bytes::Bytes;
use rusqlite::{Connection, params};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{JobView, Record, State};
use crate::capability::{self, Owner};
use crate::keys;
use crate::refusal::{Code, Refusal};
use crate::service::Service;
use crate::store::blobs::Blob;
use crate::store::usage;
use crate::time::Timestamp;

/// What a client submits.
#[derive(Debug, Clone)]
pub struct NewJob {
    /// The key set that the request belongs to.
    pub keys: Uuid,
    /// The same key with the same request means the same job.
    pub idempotency_key: Option<String>,
    /// The encrypted picture.
    pub request: Bytes,
}

/// Accepts a job: when this returns, the job survives the end of the process.
///
/// # Errors
/// `not_found`, `queue_full`, `too_many_jobs`, `storage_full`, `idempotency_mismatch`, `stopping`,
/// and those of a request that is wrong.
pub async fn submit(service: &Arc<Service>, owner: Owner, new: NewJob) -> Result<JobView, Refusal> {
    if service.is_stopping() {
        return Err(Refusal::stopping());
    }
    let id = capability::new_id();
    let NewJob { keys, idempotency_key, request } = new;
    let sha256 = {
        let request = request.clone();
        let key = idempotency_key.clone();
        let checked = service.blocking(move |s| check(s, owner, keys, key.as_deref(), &request));
        match checked.await? {
            Checked::Repeated(record) => return Ok(view(service, &record)),
            Checked::New { sha256 } => sha256,
        }
    };
    // The blob first: a row without its request would be a job that cannot run.
    let bytes = request.len() as u64;
    service.store.blobs.put(Blob::Request(id), request).await?;
    let accepted = service.blocking(move |service| {
        let row = NewRow { id, owner, keys, idempotency_key, sha256, bytes };
        accept(service, &row)
    });
    let accepted = accepted.await;
    if !matches!(&accepted, Ok(record) if record.id == id) {
        // Refused, or another request with the same key was faster.
        let _ = service.store.blobs.delete(Blob::Request(id)).await;
    }
    let record = accepted?;
    if record.id == id {
        service.wake.notify_one();
        tracing::info!(job = %id, keys = %record.keys, "job accepted");
    }
    Ok(view(service, &record))
}

fn view(service: &Service, record: &Record) -> JobView {
    let live = service.board.live(record.seq, record.id);
    JobView::new(record, live, service.model.description().steps)
}

enum Checked {
    New { sha256: [u8; 32] },
    Repeated(Box<Record>),
}

/// What can be refused without writing anything.
fn check(
    service: &Service,
    owner: Owner,
    keys: Uuid,
    idempotency_key: Option<&str>,
    request: &[u8],
) -> Result<Checked, Refusal> {
    let sha256 = Sha256::digest(request).into();
    let repeated = service.store.db.read(|c| {
        keys::row(c, owner, keys)?.ok_or_else(Refusal::not_found)?;
        let repeated = repeated(c, keys, idempotency_key, &sha256)?;
        if repeated.is_none() {
            check_limits(service, c, owner, keys, request.len() as u64)?;
        }
        Ok::<_, Refusal>(repeated)
    })?;
    if let Some(record) = repeated {
        return Ok(Checked::Repeated(Box::new(record)));
    }
    service.model.check_request(request)?;
    Ok(Checked::New { sha256 })
}

fn repeated(
    c: &Connection,
    keys: Uuid,
    idempotency_key: Option<&str>,
    sha256: &[u8; 32],
) -> Result<Option<Record>, Refusal> {
    let Some(key) = idempotency_key else {
        return Ok(None);
    };
    match Record::find_idempotent(c, keys, key)? {
        Some(record) if record.request_sha256 != *sha256 => {
            let detail = "This idempotency key was used with another request.";
            Err(Refusal::new(Code::IdempotencyMismatch, detail))
        }
        found => Ok(found),
    }
}

fn check_limits(
    service: &Service,
    c: &Connection,
    owner: Owner,
    keys: Uuid,
    bytes: u64,
) -> Result<(), Refusal> {
    let config = &service.config;
    let queued = "SELECT count(*) FROM jobs WHERE state = 'queued'";
    let queued: u32 = c.query_row(queued, [], |row| row.get(0))?;
    if queued >= config.queue {
        let detail = format!("{queued} jobs are waiting already; try again later.");
        return Err(Refusal::new(Code::QueueFull, detail).retry_after(pause(service)));
    }
    let mine = "SELECT count(*) FROM jobs WHERE keys = ?1 AND state IN ('queued', 'running')";
    let mine: u32 = c.query_row(mine, [keys.to_string()], |row| row.get(0))?;
    if mine >= config.jobs_per_keys {
        let detail = format!("{mine} jobs of these keys are unfinished; wait for one to end.");
        return Err(Refusal::new(Code::TooManyJobs, detail).retry_after(pause(service)));
    }
    if usage::total(c)? + bytes > config.storage_bytes {
        let detail = "The service's storage is full; try again later.";
        return Err(Refusal::new(Code::StorageFull, detail).retry_after(600));
    }
    if usage::of_owner(c, owner)? + bytes > config.capability_bytes {
        let detail = "This capability has no room for more requests; delete keys or wait.";
        return Err(Refusal::new(Code::StorageFull, detail));
    }
    Ok(())
}

/// A place is free when a run has ended.
fn pause(service: &Service) -> u32 {
    service.board.run_seconds().map_or(5, |seconds| seconds.clamp(1.0, 60.0).ceil() as u32)
}

struct NewRow {
    id: Uuid,
    owner: Owner,
    keys: Uuid,
    idempotency_key: Option<String>,
    sha256: [u8; 32],
    bytes: u64,
}

/// Everything is checked again: much may have happened since.
fn accept(service: &Service, new: &NewRow) -> Result<Record, Refusal> {
    let _transitions = service.board.transitions();
    if service.is_stopping() {
        return Err(Refusal::stopping());
    }
    let now = Timestamp::now();
    let key = new.idempotency_key.as_deref();
    let record = service.store.db.write(|t| {
        let keys = keys::row(t, new.owner, new.keys)?.ok_or_else(Refusal::not_found)?;
        if let Some(record) = repeated(t, new.keys, key, &new.sha256)? {
            return Ok(record);
        }
        check_limits(service, t, new.owner, new.keys, new.bytes)?;
        keys::prolong(service, t, new.keys, now)?;
        t.execute(
            "INSERT INTO jobs (id, owner, keys, model, state, attempts, idempotency_key,
                               request_sha256, request_bytes, created_at)
             VALUES (?1, ?2, ?3, ?4, 'queued', 0, ?5, ?6, ?7, ?8)",
            params![
                new.id.to_string(),
                new.owner.0,
                new.keys.to_string(),
                keys.model,
                key,
                new.sha256,
                new.bytes,
                now.0
            ],
        )?;
        let record = Record::find(t, new.owner, new.id)?;
        record.ok_or_else(|| Refusal::internal("a job that was just inserted is not there"))
    })?;
    if record.id == new.id {
        debug_assert_eq!(record.state, State::Queued);
        service.board.enqueue(record.seq, record.id);
    }
    Ok(record)
}
