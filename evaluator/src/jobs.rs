//! Jobs: one encrypted picture each. The database says what was accepted and how it ended; the
//! board in memory says who waits and how far who runs is.

mod board;
mod cache;
mod queue;
mod record;
mod runner;
mod submit;
mod view;

pub use board::{Board, Live};
pub use cache::KeyCache;
pub(crate) use queue::{recover, sweep};
pub use record::{Record, State};
pub use runner::Runners;
pub use submit::{NewJob, submit};
pub use view::{JobError, JobView};

use std::sync::Arc;

use bytes::Bytes;
use rusqlite::Connection;
use uuid::Uuid;

use crate::capability::Owner;
use crate::refusal::{Code, Refusal};
use crate::service::Service;
use crate::store::blobs::Blob;

/// What a client is told of a job.
///
/// # Errors
/// `not_found`.
pub async fn view(service: &Arc<Service>, owner: Owner, id: Uuid) -> Result<JobView, Refusal> {
    service.blocking(move |service| view_now(service, owner, id)).await
}

/// Cancels a job: it ends at once for the client, and its computation at the next stage. A job that
/// has ended stays as it is.
///
/// # Errors
/// `not_found`.
pub async fn cancel(service: &Arc<Service>, owner: Owner, id: Uuid) -> Result<JobView, Refusal> {
    let cancelled = service.blocking(move |service| queue::cancel(service, owner, id)).await?;
    if cancelled {
        // If this fails, the request is swept up later.
        let _ = service.store.blobs.delete(Blob::Request(id)).await;
    }
    view(service, owner, id).await
}

/// The encrypted answer of a job that is done.
///
/// # Errors
/// `not_found`, `not_ready`, `gone`.
pub async fn result(service: &Arc<Service>, owner: Owner, id: Uuid) -> Result<Bytes, Refusal> {
    let record = service.blocking(move |service| find_now(service, owner, id)).await?;
    match record.state {
        State::Queued | State::Running => {
            Err(Refusal::new(Code::NotReady, "The job is not finished.").retry_after(1))
        }
        State::Done if record.result_bytes.is_some() => {
            match service.store.blobs.get(Blob::Result(id)).await {
                Err(error) if error.is_missing_blob() => Err(expired()),
                bytes => Ok(bytes?),
            }
        }
        State::Done => Err(expired()),
        State::Failed | State::Cancelled | State::Dead => {
            let detail = "The job ended without a result, and there will be none.";
            Err(Refusal::new(Code::Gone, detail))
        }
    }
}

fn expired() -> Refusal {
    Refusal::new(Code::Gone, "The result was kept for a while and has been deleted.")
}

fn find_now(service: &Service, owner: Owner, id: Uuid) -> Result<Record, Refusal> {
    service.store.db.read(|c| Record::find(c, owner, id))?.ok_or_else(Refusal::not_found)
}

fn view_now(service: &Service, owner: Owner, id: Uuid) -> Result<JobView, Refusal> {
    let record = find_now(service, owner, id)?;
    let live = service.board.live(record.seq, id);
    Ok(JobView::new(&record, live, service.model.description().steps))
}

/// The jobs of a key set.
pub(crate) fn of_keys(c: &Connection, keys: Uuid) -> Result<Vec<(i64, Uuid)>, rusqlite::Error> {
    record::of_keys(c, keys)
}
