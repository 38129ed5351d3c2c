//! What a process does for those that share its database: it says that it is there, hears what they
//! announce, prolongs its leases, and takes over what others have lost.
//!
//! ```text
//!  rows (PostgreSQL) ---- LISTEN/NOTIFY ----> ears: the board, the runners
//!        ^   ^   ^
//!        |   |   +-- follow: at most every 50 ms, at least every second, the board after the rows
//!        |   +------ heartbeat: leases of the runs here; ends runs whose lease cannot be prolonged
//!        +---------- watch: runs of processes that are gone, or silent for longer than their lease
//! ```

mod follow;
mod heartbeat;
mod watch;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

use crate::jobs::Jobs;
use crate::refusal::Refusal;
use crate::server::ServeError;
use crate::service::Service;
use crate::store::StoreError;
use crate::store::state::shared::{Heard, Note};

/// A process among others, until it leaves. Nothing where the database is one process's.
#[derive(Debug)]
pub struct Fleet {
    left: Arc<AtomicBool>,
    heartbeat: Option<JoinHandle<()>>,
}

impl Fleet {
    /// Joins the others. `io` runs what looks after them.
    ///
    /// # Errors
    /// When the database cannot be reached, or the system gives no thread.
    pub fn join(service: &Arc<Service>, io: &Handle) -> Result<Self, ServeError> {
        let (jobs, left) = (&service.jobs, Arc::new(AtomicBool::new(false)));
        let Some(shared) = jobs.shared() else {
            return Ok(Self { left, heartbeat: None });
        };
        let presence = Arc::new(Presence::default());
        let ears = Ears { jobs: Arc::downgrade(jobs), presence: presence.clone() };
        let joined = shared.join(jobs.me, Arc::new(move |heard| ears.hear(heard)));
        joined.map_err(|error| ServeError::Recovery(Refusal::from(StoreError::from(error))))?;
        tracing::info!(process = %jobs.me, role = ?service.config.role, "joined the others");
        io.spawn(watch::until_stopped(service.clone(), presence));
        io.spawn(follow::until_stopped(service.clone()));
        let heartbeat = std::thread::Builder::new().name("heartbeat".to_owned()).spawn({
            let (jobs, left) = (jobs.clone(), left.clone());
            let lease = Duration::from_secs(service.config.lease_seconds);
            // A thread of its own: no computation may keep it waiting.
            move || heartbeat::until(&left, &jobs, lease)
        })?;
        Ok(Self { left, heartbeat: Some(heartbeat) })
    }

    /// Leaves them, when nothing runs any more.
    pub fn leave(self) {
        self.left.store(true, Ordering::Relaxed);
        if let Some(heartbeat) = self.heartbeat
            && heartbeat.join().is_err()
        {
            tracing::error!("the heartbeat panicked");
        }
    }
}

/// Since when the process is present without a break.
#[derive(Debug, Default)]
struct Presence(Mutex<Option<Instant>>);

impl Presence {
    fn set(&self, since: Option<Instant>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }

    fn since(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What becomes of what is heard. Never waits.
struct Ears {
    /// They own the connection that is listened to.
    jobs: Weak<Jobs>,
    presence: Arc<Presence>,
}

impl Ears {
    fn hear(&self, heard: Heard) {
        let Some(jobs) = self.jobs.upgrade() else { return };
        match heard {
            Heard::Connected => self.presence.set(Some(Instant::now())),
            Heard::Lost => self.presence.set(None),
            Heard::Note(Note::Jobs) => {}
            Heard::Note(Note::Step { job, step }) => jobs.board.step(job, step),
            Heard::Note(Note::Stop(job)) => jobs.board.interrupt(job, None),
        }
        if matches!(heard, Heard::Connected | Heard::Note(Note::Jobs)) {
            jobs.wake.notify_one();
            jobs.elsewhere.notify_one();
        }
    }
}
