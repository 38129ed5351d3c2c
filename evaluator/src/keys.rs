//! Key sets: bundles that are complete, and who may use them.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension as _, params};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::capability::Owner;
use crate::hex;
use crate::jobs;
use crate::refusal::Refusal;
use crate::service::Service;
use crate::store::blobs::Blob;
use crate::store::usage;
use crate::time::Timestamp;

/// A key set.
#[derive(Debug, Clone)]
pub struct Keys {
    /// Its name.
    pub id: Uuid,
    /// The SHA-256 of its bundle.
    pub sha256: [u8; 32],
    /// The model it is for.
    pub model: String,
    /// Bytes of its bundle.
    pub bytes: u64,
    /// When it was complete.
    pub created_at: Timestamp,
    /// When it is deleted if nobody uses it.
    pub expires_at: Timestamp,
}

/// A key set as a client sees it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct KeysView {
    /// Its name.
    pub id: Uuid,
    /// SHA-256 of the bundle, hexadecimal.
    pub sha256: String,
    /// The model it is for.
    pub model: String,
    /// Bytes of the bundle.
    pub bytes: u64,
    /// Bytes of everything that is stored for this capability.
    pub stored_bytes: u64,
    /// When it was complete (RFC 3339).
    pub created_at: String,
    /// When it is deleted if nobody uses it (RFC 3339).
    pub expires_at: String,
}

type Sql<T> = Result<T, rusqlite::Error>;

/// A key set, if it is there and the owner's.
///
/// # Errors
/// When storage fails.
pub async fn find(service: &Arc<Service>, owner: Owner, id: Uuid) -> Result<Option<Keys>, Refusal> {
    service.blocking(move |service| Ok(service.store.db.read(|c| row(c, owner, id))?)).await
}

/// What a client is told of a key set.
///
/// # Errors
/// `not_found`.
pub async fn view(service: &Arc<Service>, owner: Owner, id: Uuid) -> Result<KeysView, Refusal> {
    service
        .blocking(move |service| {
            service.store.db.read(|c| {
                let keys = row(c, owner, id)?.ok_or_else(Refusal::not_found)?;
                Ok(KeysView {
                    id,
                    sha256: hex::encode(&keys.sha256),
                    model: keys.model,
                    bytes: keys.bytes,
                    stored_bytes: usage::of_owner(c, owner)?,
                    created_at: keys.created_at.to_rfc3339(),
                    expires_at: keys.expires_at.to_rfc3339(),
                })
            })
        })
        .await
}

/// Deletes a key set with its jobs and results, and its bundle if nobody else uses it. Whatever
/// runs with it stops.
///
/// # Errors
/// `not_found`.
pub async fn delete(service: &Arc<Service>, owner: Owner, id: Uuid) -> Result<(), Refusal> {
    delete_if(service, owner, id, Condition::Always).await
}

/// Deletes a key set as [`delete`] does, if it is still expired.
pub(crate) async fn delete_expired(
    service: &Arc<Service>,
    owner: Owner,
    id: Uuid,
    now: Timestamp,
) -> Result<(), Refusal> {
    delete_if(service, owner, id, Condition::Expired(now)).await
}

#[derive(Debug, Clone, Copy)]
enum Condition {
    Always,
    /// Somebody may have used it since it was found expired.
    Expired(Timestamp),
}

async fn delete_if(
    service: &Arc<Service>,
    owner: Owner,
    id: Uuid,
    condition: Condition,
) -> Result<(), Refusal> {
    // So that nobody finds the bundle stored while its blobs are being deleted.
    let _bundles = service.bundles.lock().await;
    let left = service.blocking(move |service| delete_rows(service, owner, id, condition)).await?;
    // The rows are gone, so whatever fails from here on is swept up later.
    for (seq, job) in left.jobs {
        service.board.remove(seq, job);
        service.store.blobs.delete(Blob::Request(job)).await?;
        service.store.blobs.delete(Blob::Result(job)).await?;
    }
    if let Some(sha256) = left.bundle {
        service.cache.remove(&sha256);
        service.store.blobs.delete_bundle(&sha256).await?;
    }
    tracing::info!(keys = %id, "key set deleted");
    Ok(())
}

/// What the rows pointed to.
struct Left {
    jobs: Vec<(i64, Uuid)>,
    bundle: Option<[u8; 32]>,
}

fn delete_rows(
    service: &Service,
    owner: Owner,
    id: Uuid,
    condition: Condition,
) -> Result<Left, Refusal> {
    let _transitions = service.board.transitions();
    service.store.db.write(|t| {
        let keys = row(t, owner, id)?.ok_or_else(Refusal::not_found)?;
        if let Condition::Expired(now) = condition
            && !expired(t, now)?.contains(&(owner, id))
        {
            return Err(Refusal::not_found());
        }
        let jobs = jobs::of_keys(t, id)?;
        t.execute("DELETE FROM keys WHERE id = ?1", [id.to_string()])?;
        let unused = "DELETE FROM bundles WHERE sha256 = ?1
                      AND NOT EXISTS (SELECT 1 FROM keys WHERE sha256 = ?1)";
        let bundle = (t.execute(unused, [keys.sha256])? == 1).then_some(keys.sha256);
        Ok(Left { jobs, bundle })
    })
}

/// The key set of this owner with this bundle, its time prolonged.
pub(crate) fn renew(
    service: &Service,
    c: &Connection,
    owner: Owner,
    sha256: &[u8; 32],
    now: Timestamp,
) -> Sql<Option<Uuid>> {
    let query = "SELECT id FROM keys WHERE owner = ?1 AND sha256 = ?2 LIMIT 1";
    let id: Option<String> =
        c.query_row(query, params![owner.0, sha256], |row| row.get(0)).optional()?;
    let Some(id) = id.and_then(|id| Uuid::parse_str(&id).ok()) else {
        return Ok(None);
    };
    prolong(service, c, id, now)?;
    Ok(Some(id))
}

/// Keys that are used live longer.
pub(crate) fn prolong(service: &Service, c: &Connection, id: Uuid, now: Timestamp) -> Sql<()> {
    let until = now.after_seconds(service.config.keys_seconds);
    let query = "UPDATE keys SET expires_at = ?2 WHERE id = ?1";
    c.execute(query, params![id.to_string(), until.0])?;
    Ok(())
}

/// Key sets that nobody used for too long and that have no unfinished job.
pub(crate) fn expired(c: &Connection, now: Timestamp) -> Sql<Vec<(Owner, Uuid)>> {
    let query = "SELECT owner, id FROM keys WHERE expires_at <= ?1 AND NOT EXISTS (
                     SELECT 1 FROM jobs
                     WHERE jobs.keys = keys.id AND state IN ('queued', 'running'))";
    let mut query = c.prepare(query)?;
    let rows =
        query.query_map([now.0], |row| Ok((Owner(row.get(0)?), row.get::<_, String>(1)?)))?;
    let rows: Vec<(Owner, String)> = rows.collect::<Sql<_>>()?;
    Ok(rows.into_iter().filter_map(|(o, id)| Some((o, Uuid::parse_str(&id).ok()?))).collect())
}

/// A key set, if it is there and the owner's.
pub(crate) fn row(c: &Connection, owner: Owner, id: Uuid) -> Sql<Option<Keys>> {
    let query = "SELECT sha256, model, bytes, created_at, expires_at
                 FROM keys WHERE id = ?1 AND owner = ?2";
    c.query_row(query, params![id.to_string(), owner.0], |row| {
        Ok(Keys {
            id,
            sha256: row.get(0)?,
            model: row.get(1)?,
            bytes: row.get(2)?,
            created_at: Timestamp(row.get(3)?),
            expires_at: Timestamp(row.get(4)?),
        })
    })
    .optional()
}
