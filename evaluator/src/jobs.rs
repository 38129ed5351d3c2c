//! Jobs: one encrypted input each. The database says what was accepted and how it ended; the board
//! in memory says who waits and how far who runs is.

mod board;
mod order;
mod queue;
mod removal;
mod runner;
mod submit;
mod view;

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::Notify;
use uuid::Uuid;

use crate::blocking::blocking;
use crate::capability::Owner;
use crate::config::Config;
use crate::keys::KeySets;
use crate::lifecycle::Lifecycle;
use crate::metrics::Metrics;
use crate::models::Models;
use crate::refusal::{Code, Refusal};
use crate::store::blobs::Blob;
use crate::store::state::jobs::{JobRow, JobState};
use crate::store::{Store, StoreError};
use crate::time::Timestamp;

pub use board::{Board, Live};
pub use runner::Runners;
pub use submit::NewJob;
pub use view::JobView;

/// All jobs of a service.
pub struct Jobs {
    config: Arc<Config>,
    store: Arc<Store>,
    models: Arc<Models>,
    keys: Arc<KeySets>,
    lifecycle: Arc<Lifecycle>,
    metrics: Arc<Metrics>,
    /// What waits and what runs.
    pub board: Board,
    /// Told when a job is added to the queue.
    wake: Notify,
}

impl Jobs {
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
            board: Board::default(),
            wake: Notify::new(),
        }
    }

    /// What a client is told of a job.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn view(self: &Arc<Self>, owner: Owner, id: Uuid) -> Result<JobView, Refusal> {
        blocking(self, move |jobs| Ok(jobs.view_of(&jobs.find_now(owner, id)?))).await
    }

    /// Cancels a job: it ends at once for the client, and its computation at the next stage. A job
    /// that has ended stays as it is.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn cancel(self: &Arc<Self>, owner: Owner, id: Uuid) -> Result<JobView, Refusal> {
        blocking(self, move |jobs| queue::cancel(jobs, owner, id)).await?;
        self.view(owner, id).await
    }

    /// The encrypted answer of a job that is done.
    ///
    /// # Errors
    /// `not_found`, `not_ready`, `gone`.
    pub async fn result(self: &Arc<Self>, owner: Owner, id: Uuid) -> Result<Bytes, Refusal> {
        let record = blocking(self, move |jobs| jobs.find_now(owner, id)).await?;
        match record.state {
            JobState::Queued | JobState::Running => {
                Err(Refusal::new(Code::NotReady, "The job is not finished.").retry_after(1))
            }
            JobState::Done if record.result_bytes.is_some() => {
                match self.store.blobs.get(Blob::Result(id)).await {
                    Err(error) if error.is_missing_blob() => Err(expired()),
                    bytes => Ok(bytes?),
                }
            }
            JobState::Done => Err(expired()),
            JobState::Failed | JobState::Cancelled | JobState::Dead => {
                let detail = "The job ended without a result, and there will be none.";
                Err(Refusal::new(Code::Gone, detail))
            }
        }
    }

    /// Makes every run end and every runner look up.
    pub(crate) fn interrupt(&self) {
        self.board.interrupt_all();
        self.wake.notify_waiters();
    }

    /// Puts what an earlier process left in order.
    pub(crate) fn recover(&self) -> Result<(), StoreError> {
        queue::recover(self)
    }

    /// Forgets what became too old.
    pub(crate) fn sweep(&self, now: Timestamp) -> Result<(), StoreError> {
        queue::expire(self, now)
    }

    fn find_now(&self, owner: Owner, id: Uuid) -> Result<JobRow, Refusal> {
        self.store.db.read(|c| c.job(owner, id))?.ok_or_else(Refusal::not_found)
    }

    fn view_of(&self, record: &JobRow) -> JobView {
        JobView::new(record, self.board.live(record.id))
    }
}

fn expired() -> Refusal {
    Refusal::new(Code::Gone, "The result was kept for a while and has been deleted.")
}
