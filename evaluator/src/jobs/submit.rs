//! How a job is accepted.

use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{JobView, Jobs, queue};
use crate::blocking::blocking;
use crate::caller::Caller;
use crate::capability::{self, Owner};
use crate::keys;
use crate::limits::{self, Asking};
use crate::models::ServedModel;
use crate::refusal::{Code, Refusal};
use crate::store::StoreError;
use crate::store::blobs::Blob;
use crate::store::state::Reads;
use crate::store::state::deletions::Discarded;
use crate::store::state::jobs::{JobRow, JobState, NewRow};
use crate::store::state::usage::Scope;
use crate::time::Timestamp;
use crate::traces::TraceParent;

/// What a client submits.
#[derive(Clone)]
pub struct NewJob {
    /// The key set that the job belongs to.
    pub keys: Uuid,
    /// Further key sets that it uses.
    pub with: Vec<Uuid>,
    /// The model that is to run.
    pub model: Arc<dyn ServedModel>,
    /// The same key with the same model and request means the same job.
    pub idempotency_key: Option<String>,
    /// The encrypted input.
    pub request: Bytes,
    /// Whose share it comes out of.
    pub caller: Caller,
    /// The span of the request, where traces are collected.
    pub trace: Option<TraceParent>,
}

impl Jobs {
    /// Accepts a job: when this returns, the job survives the end of the process.
    ///
    /// # Errors
    /// `not_found`, `keys_do_not_fit`, `queue_full`, `too_many_jobs`, `storage_full`,
    /// `idempotency_mismatch`, `stopping`, and those of a request that is wrong.
    pub async fn submit(self: &Arc<Self>, owner: Owner, new: NewJob) -> Result<JobView, Refusal> {
        self.lifecycle.check_running()?;
        let (id, length) = (capability::new_id(), new.request.len() as u64);
        let checked = {
            let new = new.clone();
            blocking(self, move |jobs| jobs.check(owner, &new))
        };
        let sha256 = match checked.await? {
            Checked::Repeated(record) => return Ok(self.view_of(&record)),
            Checked::New { sha256 } => sha256,
        };
        // The blob first: a row without its request would be a job that cannot run.
        self.store.blobs.put(Blob::Request(id), new.request.clone()).await?;
        let accepted =
            blocking(self, move |jobs| jobs.accept(&Row { id, owner, sha256, new: &new }));
        let accepted = accepted.await;
        if !matches!(&accepted, Ok(record) if record.id == id) {
            // Refused, or another request with the same key was faster.
            let discarded = blocking(self, move |jobs| {
                Ok(jobs.store.db.write(|t| {
                    // It may have been accepted, and only the database's word for it been lost.
                    if t.jobs_named(&[id])?.is_empty() {
                        t.discard(Discarded::Request(id), length)?;
                    }
                    Ok::<_, StoreError>(())
                })?)
            });
            if let Err(refusal) = discarded.await {
                tracing::warn!(%refusal, "a request stays until the service starts anew");
            }
            self.store.discarded.notify_one();
        }
        let record = accepted?;
        if record.id == id {
            self.wake.notify_one();
            tracing::info!(job = %id, keys = %record.keys, model = record.model, "job accepted");
        }
        Ok(self.view_of(&record))
    }

    /// What can be refused without writing anything.
    fn check(&self, owner: Owner, new: &NewJob) -> Result<Checked, Refusal> {
        let sha256 = Sha256::digest(&new.request).into();
        let repeated = self.store.db.read(|c| self.check_rows(c, owner, new, &sha256))?;
        if let Some(record) = repeated {
            return Ok(Checked::Repeated(Box::new(record)));
        }
        new.model.check_request(&new.request)?;
        Ok(Checked::New { sha256 })
    }

    /// Keys and limits; or the job that this one repeats.
    fn check_rows(
        &self,
        c: &dyn Reads,
        owner: Owner,
        new: &NewJob,
        sha256: &[u8; 32],
    ) -> Result<Option<JobRow>, Refusal> {
        c.key_set(owner, new.keys)?.ok_or_else(Refusal::not_found)?;
        if let Some(record) = repeated(c, new, sha256)? {
            return Ok(Some(record));
        }
        let ids: Vec<Uuid> = std::iter::once(new.keys).chain(new.with.iter().copied()).collect();
        let sets = c.key_sets(owner, &ids)?.unwrap_or_default();
        if keys::cover(&*new.model, &sets).is_none() {
            return Err(keys_do_not_fit(new.model.description().id()));
        }
        self.check_limits(c, owner, new)?;
        Ok(None)
    }

    fn check_limits(&self, c: &dyn Reads, owner: Owner, new: &NewJob) -> Result<(), Refusal> {
        let mine = c.unfinished_jobs(new.keys)?;
        if mine >= self.config.jobs_per_keys {
            let detail = format!("{mine} jobs of these keys are unfinished; wait for one to end.");
            return Err(Refusal::new(Code::TooManyJobs, detail).retry_after(self.pause(new)));
        }
        let asking = Asking { caller: &new.caller, owner: Some(owner) };
        let bytes = new.request.len() as u64;
        limits::reserve_job(&self.config, c, asking, bytes, self.pause(new))
    }

    /// How long the run will take, as far as one can tell, in milliseconds.
    fn cost_ms(&self, model: &dyn ServedModel) -> u64 {
        let description = model.description();
        let known = self.board.run_seconds(description.id());
        let seconds = known.unwrap_or(description.contract().forecast().seconds);
        // A forecast is a word of whoever made the model.
        (seconds.clamp(0.001, 3600.0) * 1000.0) as u64
    }

    /// A place is free when a run has ended.
    fn pause(&self, new: &NewJob) -> u32 {
        let run = self.board.run_seconds(new.model.description().id());
        run.map_or(5, |seconds| seconds.clamp(1.0, 60.0).ceil() as u32)
    }

    /// Everything is checked again: much may have happened since.
    fn accept(&self, row: &Row<'_>) -> Result<JobRow, Refusal> {
        let _transitions = self.board.transitions();
        self.lifecycle.check_running()?;
        let now = Timestamp::now();
        let record = self.store.db.write(|t| {
            if let Some(record) = self.check_rows(t, row.owner, row.new, &row.sha256)? {
                return Ok(record);
            }
            for &id in std::iter::once(&row.new.keys).chain(&row.new.with) {
                t.keep_key_set(id, self.keys.expiry(now))?;
            }
            let caller = &row.new.caller;
            t.forget_oldest_jobs(caller, limits::rows_over(&self.config, t, caller)?)?;
            limits::check_rows(&self.config, t, caller)?;
            let before = t.usage(Scope::Caller(caller))?;
            t.insert_job(&row.stored(self.cost_ms(&*row.new.model), now))?;
            if before.queued + before.running == 0 {
                t.arrive(caller)?;
            }
            let record = t.job(row.owner, row.id)?;
            record.ok_or_else(|| Refusal::internal("a job that was just inserted is not there"))
        })?;
        if record.id == row.id {
            debug_assert_eq!(record.state, JobState::Queued);
            queue::changed(self)?;
        }
        Ok(record)
    }
}

enum Checked {
    New { sha256: [u8; 32] },
    Repeated(Box<JobRow>),
}

/// Key sets that lack a key of a model, or are not there.
pub(super) fn keys_do_not_fit(model: &str) -> Refusal {
    let detail = format!("These key sets do not hold all keys of the model {model:?}.");
    Refusal::new(Code::KeysDoNotFit, detail)
}

fn repeated(c: &dyn Reads, new: &NewJob, sha256: &[u8; 32]) -> Result<Option<JobRow>, Refusal> {
    let Some(key) = &new.idempotency_key else {
        return Ok(None);
    };
    let model = new.model.description().id();
    match c.repeated_job(new.keys, key)? {
        Some(record) if record.request_sha256 != *sha256 || record.model != model => {
            let detail = "This idempotency key was used with another request or model.";
            Err(Refusal::new(Code::IdempotencyMismatch, detail))
        }
        found => Ok(found),
    }
}

struct Row<'a> {
    id: Uuid,
    owner: Owner,
    sha256: [u8; 32],
    new: &'a NewJob,
}

impl Row<'_> {
    fn stored(&self, cost_ms: u64, created_at: Timestamp) -> NewRow<'_> {
        let (new, model) = (self.new, self.new.model.description());
        NewRow {
            id: self.id,
            owner: self.owner,
            caller: &new.caller,
            keys: new.keys,
            with: &new.with,
            model: model.id(),
            contract: model.contract_sha256(),
            steps: model.steps(),
            idempotency_key: new.idempotency_key.as_deref(),
            request_sha256: self.sha256,
            request_bytes: new.request.len() as u64,
            cost_ms,
            trace: new.trace,
            created_at,
        }
    }
}
