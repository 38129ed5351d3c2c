//! Takes over the runs of processes that are lost. Every process watches; what it does is one change
//! that asks for the state it starts from, so it does not matter who comes first.

use std::sync::Arc;
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::Presence;
use crate::blocking::blocking;
use crate::refusal::Refusal;
use crate::service::Service;
use crate::store::StoreError;
use crate::store::state::runs::{Lost, Working};

/// The pause between looks.
const PAUSE: Duration = Duration::from_millis(200);

/// After the database was away, everybody comes back first: what is missing then proves nothing.
const GRACE: Duration = Duration::from_secs(2);

/// For how long a process that is not present must also have been silent. A heartbeat comes on
/// another connection, so who is alive and has only lost its presence is not taken for dead.
const SILENCE: Duration = Duration::from_millis(600);

/// Looks that pass between two searches for keys that lost processes are said to hold.
const WARM: u32 = 50;

/// Watches until the service stops.
pub(super) async fn until_stopped(service: Arc<Service>, presence: Arc<Presence>) {
    let mut stopping = service.lifecycle.stopping();
    for look in 0_u32.. {
        tokio::select! {
            _ = stopping.wait_for(|&stopping| stopping) => return,
            () = tokio::time::sleep(PAUSE) => {}
        }
        let since = presence.since();
        if since.is_none_or(|since| since.elapsed() < GRACE) {
            continue;
        }
        let begin = Instant::now();
        let looked = blocking(&service, move |service| {
            Watch { service }.look(look.is_multiple_of(WARM)).map_err(Refusal::from)
        });
        if let Err(refusal) = looked.await {
            tracing::debug!(%refusal, passed = ?begin.elapsed(), "other processes cannot be watched");
        }
    }
}

struct Watch<'a> {
    service: &'a Service,
}

impl Watch<'_> {
    fn look(&self, with_keys: bool) -> Result<(), StoreError> {
        let working = self.service.store.db.read(|c| c.working())?;
        let silence_ms = SILENCE.as_millis() as u64;
        let is_silent =
            |one: &&Working| one.worker != self.service.jobs.me && one.silent_ms >= silence_ms;
        let silent: Vec<Uuid> = working.iter().filter(is_silent).map(|one| one.worker).collect();
        for worker in self.absent(&silent)? {
            self.take_over(Lost::Of { worker, silent_ms: silence_ms })?;
        }
        if working.iter().any(|one| one.is_overdue) {
            self.take_over(Lost::Overdue)?;
        }
        if with_keys {
            let others = self.service.store.db.read(|c| c.warm_workers())?;
            let others: Vec<Uuid> =
                others.into_iter().filter(|one| *one != self.service.jobs.me).collect();
            for worker in self.absent(&others)? {
                self.service.store.db.write(|t| t.forget_warm(worker))?;
            }
        }
        Ok(())
    }

    fn absent(&self, processes: &[Uuid]) -> Result<Vec<Uuid>, StoreError> {
        match self.service.jobs.shared() {
            Some(shared) if !processes.is_empty() => Ok(shared.absent(processes)?),
            _ => Ok(Vec::new()),
        }
    }

    fn take_over(&self, lost: Lost) -> Result<(), StoreError> {
        let taken = self.service.jobs.take_over(lost)?;
        let count = taken.dead + taken.requeued;
        if count > 0 {
            self.service.metrics.takeovers.inc_by(count);
            let (dead, requeued) = (taken.dead, taken.requeued);
            tracing::warn!(?lost, requeued, dead, "runs of a lost process taken over");
        }
        Ok(())
    }
}
