//! Jobs: one encrypted input each. The database says what was accepted and how it ended; the board
//! in memory says who waits and how far who runs is.

mod ahead;
mod board;
mod end;
mod miss;
mod order;
mod queue;
mod removal;
mod runner;
mod submit;
mod together;
mod view;

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{Notify, watch};
use uuid::Uuid;

use crate::blocking::blocking;
use crate::capability::Owner;
use crate::config::{Config, Role};
use crate::keys::{KeySets, Used, cover};
use crate::lifecycle::Lifecycle;
use crate::metrics::Metrics;
use crate::models::{Models, ServedModel};
use crate::refusal::{Code, Refusal};
use crate::store::blobs::Blob;
use crate::store::state::jobs::{JobRow, JobState};
use crate::store::state::keys::KeyRow;
use crate::store::state::runs::{Lost, Recovered, RunName};
use crate::store::state::shared::Shared;
use crate::store::{Store, StoreError};
use crate::time::Timestamp;
use crate::traces::Traces;

use ahead::Ahead;
pub use board::{Board, Live};
use miss::MissCost;
pub use runner::Runners;
pub use submit::NewJob;
use submit::keys_do_not_fit;
use together::Ends;
pub use view::JobView;

/// All jobs of a service.
pub struct Jobs {
    config: Arc<Config>,
    store: Arc<Store>,
    models: Arc<Models>,
    keys: Arc<KeySets>,
    lifecycle: Arc<Lifecycle>,
    metrics: Arc<Metrics>,
    traces: Arc<Traces>,
    /// What waits and what runs.
    pub board: Board,
    /// The name of this process among those that share the database.
    pub(crate) me: Uuid,
    /// Told when a job is added to the queue.
    pub(crate) wake: Notify,
    /// Told when the rows have changed elsewhere.
    pub(crate) elsewhere: Notify,
    ends: Ends,
    /// What fetching keys takes.
    pub(crate) key_miss: MissCost,
    /// Keys of the job that comes next.
    ahead: Ahead,
}

impl Jobs {
    pub(crate) fn new(
        config: &Arc<Config>,
        store: &Arc<Store>,
        models: &Arc<Models>,
        keys: &Arc<KeySets>,
        lifecycle: &Arc<Lifecycle>,
        metrics: &Arc<Metrics>,
        (me, traces): (Uuid, &Arc<Traces>),
    ) -> Self {
        Self {
            config: config.clone(),
            store: store.clone(),
            models: models.clone(),
            keys: keys.clone(),
            lifecycle: lifecycle.clone(),
            metrics: metrics.clone(),
            traces: traces.clone(),
            board: Board::default(),
            me,
            wake: Notify::new(),
            elsewhere: Notify::new(),
            ends: Ends::default(),
            key_miss: MissCost::default(),
            ahead: Ahead::default(),
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
                let run = RunName { job: id, epoch: record.epoch };
                match self.store.blobs.get(Blob::Result(run)).await {
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

    /// The model of a job and the key sets it uses, if they are still what they were when the job
    /// was accepted.
    pub(super) fn model_and_keys(
        &self,
        model: &str,
        contract: [u8; 32],
        sets: &[KeyRow],
    ) -> Result<(Arc<dyn ServedModel>, Vec<Used>), Refusal> {
        let served = self.models.find(model)?;
        if served.description().contract_sha256() != contract {
            let detail = "The model was replaced by one with another contract; submit again.";
            return Err(Refusal::new(Code::UnknownModel, detail));
        }
        let used = cover(&*served, sets).ok_or_else(|| keys_do_not_fit(model))?;
        Ok((served, used))
    }

    /// Jobs that this process can run side by side.
    pub(crate) fn slots(&self) -> usize {
        if self.config.role == Role::Front { 0 } else { self.config.jobs_at_once.max(1) }
    }

    /// Drops the keys that were fetched for a job to come.
    pub(crate) fn drop_fetched_ahead(&self) {
        self.ahead.clear(&self.keys);
    }

    /// Bytes of keys that were fetched for a job to come.
    pub(crate) fn fetched_ahead_bytes(&self) -> u64 {
        self.ahead.bytes()
    }

    /// Makes every run end.
    pub(crate) fn interrupt(&self) {
        self.board.interrupt_all();
    }

    /// What the processes that share the database use together, if they share one.
    pub(crate) fn shared(&self) -> Option<&dyn Shared> {
        self.store.db.shared()
    }

    /// Whether this process answers requests about jobs, and so has to know what all of them do.
    fn answers(&self) -> bool {
        self.config.role != Role::Worker
    }

    /// Puts what an earlier process left in order.
    pub(crate) fn recover(&self) -> Result<(), StoreError> {
        queue::recover(self)
    }

    /// Takes over what other processes have lost.
    pub(crate) fn take_over(&self, lost: Lost) -> Result<Recovered, StoreError> {
        queue::take_over(self, lost)
    }

    /// Brings the board in line with the rows.
    pub(crate) fn look(&self) -> Result<(), StoreError> {
        let _transitions = self.board.transitions();
        queue::look(self)
    }

    /// Learns from the rows how long runs take.
    pub(crate) fn learn(&self) -> Result<(), StoreError> {
        queue::learn(self)
    }

    /// A job's states from now on ([`Board::watch`]), also if it runs or waits elsewhere.
    ///
    /// # Errors
    /// When storage fails.
    pub async fn watch(
        self: &Arc<Self>,
        id: Uuid,
    ) -> Result<Option<watch::Receiver<Option<JobView>>>, Refusal> {
        let found = self.board.watch(id);
        if found.is_some() || self.shared().is_none() {
            return Ok(found);
        }
        blocking(self, move |jobs| {
            jobs.look()?;
            Ok(jobs.board.watch(id))
        })
        .await
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
