//! The end of an upload: from a file to a key set.

use std::sync::Arc;

use rusqlite::params;
use uuid::Uuid;

use super::row::Row;
use crate::capability::Owner;
use crate::refusal::{Code, Refusal};
use crate::service::Service;
use crate::store::blobs::Blob;
use crate::time::Timestamp;

/// Makes a key set of an upload whose bytes are all there and were checked.
///
/// Every step can be repeated: a process that ends in the middle starts over when it is back.
pub(super) async fn finish(service: &Arc<Service>, owner: Owner, id: Uuid) -> Result<(), Refusal> {
    let Some(row) = super::find(service, owner, id).await? else {
        return Ok(());
    };
    row.check_alive()?;
    let sha256 = {
        let row = row.clone();
        service.blocking(move |service| hash(service, &row)).await?
    };
    let bundles = service.bundles.lock().await;
    let stored: bool = service
        .blocking(move |service| {
            let query = "SELECT EXISTS (SELECT 1 FROM bundles WHERE sha256 = ?1)";
            Ok(service.store.db.read(|c| c.query_row(query, [sha256], |row| row.get(0)))?)
        })
        .await?;
    if !stored {
        store(service, id, sha256).await?;
    }
    service.blocking(move |service| to_keys(service, &row, sha256)).await?;
    drop(bundles);
    service.metrics.key_sets.inc();
    tracing::info!(keys = %id, "key set stored");
    Ok(())
}

fn hash(service: &Service, row: &Row) -> Result<[u8; 32], Refusal> {
    let sha256 = service.store.staging.sha256(row.id, row.length)?;
    if row.sha256.is_some_and(|announced| announced != sha256) {
        service.store.db.write(|t| row.refuse(t, Code::Sha256Mismatch))?;
        service.store.staging.delete(row.id)?;
        let detail = "The uploaded bytes do not have the SHA-256 that was announced.";
        return Err(Refusal::new(Code::Sha256Mismatch, detail));
    }
    Ok(sha256)
}

/// Copies an upload to the blob store, frame by frame.
async fn store(service: &Arc<Service>, id: Uuid, sha256: [u8; 32]) -> Result<(), Refusal> {
    for &frame in service.bundle.frames() {
        let bytes = service
            .blocking(move |service| {
                let length = usize::try_from(frame.length).map_err(Refusal::internal)?;
                let staging = &service.store.staging;
                staging.read(id, frame.start, length).map_err(Refusal::from)
            })
            .await?;
        service.store.blobs.put(Blob::Frame(sha256, frame.index), bytes.into()).await?;
    }
    Ok(())
}

fn to_keys(service: &Service, row: &Row, sha256: [u8; 32]) -> Result<(), Refusal> {
    let now = Timestamp::now();
    service.store.db.write(|t| {
        if !Row::delete(t, row.owner, row.id)? {
            return Err(Refusal::not_found());
        }
        t.execute(
            "INSERT OR IGNORE INTO bundles (sha256, bytes, created_at) VALUES (?1, ?2, ?3)",
            params![sha256, row.length, now.0],
        )?;
        t.execute(
            "INSERT INTO keys (id, owner, sha256, model, bytes, created_at, expires_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                row.id.to_string(),
                row.owner.0,
                sha256,
                row.model,
                row.length,
                now.0,
                now.after_seconds(service.config.keys_seconds).0
            ],
        )?;
        Ok(())
    })?;
    service.store.staging.delete(row.id).map_err(Refusal::from)
}
