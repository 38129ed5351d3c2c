//! The end of a key set, with the jobs that need it.

use std::sync::Arc;

use uuid::Uuid;

use super::{Jobs, queue};
use crate::blocking::blocking;
use crate::capability::Owner;
use crate::refusal::Refusal;
use crate::time::Timestamp;

#[derive(Debug, Clone, Copy)]
enum Condition {
    Always,
    /// Somebody may have used it since it was found expired.
    Expired(Timestamp),
}

impl Jobs {
    /// Deletes a key set with its jobs and results, with unfinished jobs that use it beside
    /// another, and its bundle if nobody else uses it. Whatever runs with it stops.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn delete_keys(self: &Arc<Self>, owner: Owner, id: Uuid) -> Result<(), Refusal> {
        self.delete_keys_if(owner, id, Condition::Always).await
    }

    /// Deletes a key set as [`Jobs::delete_keys`] does, if it is still expired.
    pub(crate) async fn delete_expired_keys(
        self: &Arc<Self>,
        owner: Owner,
        id: Uuid,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        self.delete_keys_if(owner, id, Condition::Expired(now)).await
    }

    async fn delete_keys_if(
        self: &Arc<Self>,
        owner: Owner,
        id: Uuid,
        condition: Condition,
    ) -> Result<(), Refusal> {
        let left = blocking(self, move |jobs| jobs.delete_rows(owner, id, condition)).await?;
        if let Some(sha256) = left {
            self.keys.forget(&sha256);
            self.ahead.forget(&sha256, &self.keys);
        }
        self.store.discarded.notify_one();
        tracing::info!(keys = %id, "key set deleted");
        Ok(())
    }

    /// Returns the bundle that nobody else has.
    fn delete_rows(
        &self,
        owner: Owner,
        id: Uuid,
        condition: Condition,
    ) -> Result<Option<[u8; 32]>, Refusal> {
        let _transitions = self.board.transitions();
        let (jobs, bundle) = self.store.db.write(|t| {
            if let Condition::Expired(now) = condition
                && !t.is_expired(id, now)?
            {
                return Err(Refusal::not_found());
            }
            let row = t.key_set(owner, id)?.ok_or_else(Refusal::not_found)?;
            let jobs = t.delete_jobs_of_keys(id)?;
            let bundle = t.delete_key_set(&row)?.then_some(row.bundle.sha256);
            Ok((jobs, bundle))
        })?;
        for job in jobs {
            self.board.end(job, None);
            queue::stop(self, job);
        }
        queue::changed(self)?;
        Ok(bundle)
    }
}
