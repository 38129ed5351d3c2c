//! Keys that are fetched ahead: while a job computes, those of the one that this process would run
//! next. Fetching waits for the network and leaves the cores to the run, so the next job finds its
//! keys in memory and only expands them.
//!
//! A job whose keys are fetched is noted as warm here, as if they were expanded: others leave it to
//! this process for as long as fetching them would take, and fetch other keys ahead.

mod fetch;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use uuid::Uuid;

use super::board::Live;
use super::order::Choice;
use super::{Jobs, queue};
use crate::blocking::blocking;
use crate::keys::{KeySets, Used};
use crate::store::StoreError;
use crate::store::state;
use crate::store::state::jobs::JobRow;
use crate::store::state::keys::KeyRow;
use fetch::{Fetch, Frame};

/// What a process has fetched ahead: the keys of one job at most.
#[derive(Debug, Default)]
pub(crate) struct Ahead {
    held: Mutex<Option<Held>>,
    /// Held while somebody looks for the next job, so that one does.
    looking: Mutex<()>,
}

/// Keys that were fetched, or are on their way.
#[derive(Debug)]
struct Held {
    /// The job they are for.
    seq: i64,
    /// The bundle that is noted as warm for their sake.
    warm: [u8; 32],
    /// The bundles they are of.
    bundles: Vec<[u8; 32]>,
    fetch: Arc<Fetch>,
}

/// How long a run takes at least that is used to fetch keys: changes and reads for a shorter one
/// would cost more than is gained.
const SHORT: Duration = Duration::from_millis(250);

/// The pause between looks for the next job, which may change as jobs come and go.
const LOOK: Duration = Duration::from_secs(1);

/// How long before a run's end keys are fetched, beyond twice what that took before. Earlier, a job
/// would be kept from whoever becomes free in between.
const EARLY: Duration = Duration::from_secs(2);

/// Looks ahead while it lives.
#[derive(Debug)]
pub(super) struct Looking(Option<AbortHandle>);

impl Drop for Looking {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

/// Fetches keys on `io` while this job runs, where the database is shared and affinity is on.
pub(super) fn while_running(jobs: &Arc<Jobs>, job: Uuid, io: &Handle) -> Looking {
    if !queue::has_affinity(jobs) {
        return Looking(None);
    }
    let (jobs, handle) = (jobs.clone(), io.clone());
    let looking = io.spawn(async move {
        tokio::time::sleep(SHORT).await;
        while !jobs.lifecycle.is_stopping() {
            if let Some(pause) = time_left(&jobs, job) {
                tokio::time::sleep(pause).await;
            }
            let io = handle.clone();
            if let Err(refusal) = blocking(&jobs, move |jobs| Ok(look(jobs, &io)?)).await {
                tracing::debug!(%refusal, "the next job cannot be looked for");
            }
            tokio::time::sleep(LOOK).await;
        }
    });
    Looking(Some(looking.abort_handle()))
}

/// For how long it is too early, as far as one can tell. What is held is looked after in any case.
fn time_left(jobs: &Jobs, job: Uuid) -> Option<Duration> {
    if jobs.ahead.seq().is_some() {
        return None;
    }
    let Some(Live::Running { eta_seconds: Some(left), .. }) = jobs.board.live(job) else {
        return None;
    };
    let left = Duration::try_from_secs_f64(left).ok()?;
    left.checked_sub(EARLY + 2 * jobs.key_miss.expected())
}

/// What is known of the job that comes next.
type Next = Option<(JobRow, Vec<KeyRow>)>;

/// Looks which job comes next, and begins to fetch its keys if they are not here.
fn look(jobs: &Jobs, io: &Handle) -> Result<(), StoreError> {
    let _looking = jobs.ahead.looking.lock().unwrap_or_else(PoisonError::into_inner);
    let held = jobs.ahead.seq();
    let (next, is_held_wanted) = jobs.store.db.read(|rows| {
        let waiting = |seq| rows.waiting_job(seq);
        let next: Next = match queue::choice(jobs, rows)? {
            Choice::Take { seq, .. } if Some(seq) == held => return Ok((None, true)),
            Choice::Take { seq, .. } => match waiting(seq)? {
                Some(row) => Some((row, rows.key_sets_of_job(seq)?)),
                None => None,
            },
            Choice::Later(_) | Choice::Nothing => None,
        };
        let is_held_wanted = held.map(waiting).transpose()?.flatten().is_some();
        Ok::<_, StoreError>((next, is_held_wanted))
    })?;
    let plan = next.and_then(|(row, sets)| Plan::of(jobs, &row, &sets));
    if let Some(plan) = plan {
        return plan.carry_out(jobs, io);
    }
    if !is_held_wanted {
        jobs.ahead.clear(&jobs.keys);
    }
    Ok(())
}

/// Keys that are to be fetched.
struct Plan {
    seq: i64,
    warm: [u8; 32],
    bundles: Vec<[u8; 32]>,
    frames: Vec<Frame>,
}

impl Plan {
    /// `None` if everything is here, or nothing is to be fetched: the run of such a job says why.
    fn of(jobs: &Jobs, row: &JobRow, sets: &[KeyRow]) -> Option<Self> {
        let (_, used) = jobs.model_and_keys(&row.model, row.contract, sets).ok()?;
        let missing: Vec<&Used> =
            used.iter().filter(|used| !jobs.keys.are_warm(std::slice::from_ref(*used))).collect();
        let bundles: Vec<[u8; 32]> = missing.iter().map(|used| used.bundle.sha256).collect();
        let of_missing = sets.iter().filter(|set| bundles.contains(&set.bundle.sha256));
        let bytes = of_missing.fold(0_u64, |sum, set| sum.saturating_add(set.bytes));
        if missing.is_empty() || bytes > jobs.config.key_cache_bytes {
            return None;
        }
        // The manifest, which comes first, is in the rows.
        let frames = |used: &&Used| {
            let bundle = used.bundle;
            (1..=used.keys.len()).map(move |index| (bundle, index))
        };
        Some(Self {
            seq: row.seq,
            warm: sets.first()?.bundle.sha256,
            frames: missing.iter().flat_map(frames).collect(),
            bundles,
        })
    }

    fn carry_out(self, jobs: &Jobs, io: &Handle) -> Result<(), StoreError> {
        if jobs.lifecycle.is_stopping() || jobs.ahead.holds_for(self.seq, &self.bundles) {
            return Ok(());
        }
        let fetch = Arc::new(Fetch::default());
        let Self { seq, warm, bundles, frames } = self;
        // It is there before it is noted: a run that takes the job meanwhile finds it, and ends it.
        let held = Held { seq, warm, bundles, fetch: fetch.clone() };
        jobs.ahead.put(Some(held), &jobs.keys);
        match note(jobs, seq, &warm) {
            Ok(true) => {}
            not_noted => {
                jobs.ahead.take_if(|held| Arc::ptr_eq(&held.fetch, &fetch));
                return not_noted.map(drop);
            }
        }
        if fetch.begin(frames, &jobs.store.blobs, io) {
            jobs.metrics.keys_fetched_ahead.inc();
        }
        if Arc::strong_count(&fetch) == 1 {
            // It was dropped before it was noted.
            jobs.keys.note_gone(&warm);
        }
        Ok(())
    }
}

/// Notes that the keys of a job are here, if it is still the next one: of several processes that
/// look at the same job, one fetches its keys.
fn note(jobs: &Jobs, seq: i64, warm: &[u8; 32]) -> Result<bool, StoreError> {
    let evicted = jobs.keys.take_evicted();
    let noted = jobs.store.db.write(|t| {
        evicted.iter().try_for_each(|bundle| t.note_warm(jobs.me, bundle, false))?;
        let is_next = match queue::choice(jobs, t)? {
            Choice::Take { seq: next, .. } => next == seq,
            Choice::Later(_) | Choice::Nothing => false,
        };
        if is_next {
            t.note_warm(jobs.me, warm, true)?;
        }
        Ok::<_, state::StateError>(is_next)
    });
    if noted.is_err() {
        evicted.iter().for_each(|bundle| jobs.keys.note_gone(bundle));
    }
    Ok(noted?)
}

impl Ahead {
    /// What was fetched of the keys that a run uses, or is on its way.
    pub(super) fn take(&self, used: &[Used]) -> Option<Arc<Fetch>> {
        let is_of = |used: &Used, held: &Held| held.bundles.contains(&used.bundle.sha256);
        let held = self.take_if(|held| used.iter().any(|used| is_of(used, held)))?;
        held.fetch.hand_over();
        Some(held.fetch)
    }

    /// Drops what is of a bundle.
    pub(super) fn forget(&self, sha256: &[u8; 32], keys: &KeySets) {
        let gone = self.take_if(|held| held.warm == *sha256 || held.bundles.contains(sha256));
        note_gone(gone, keys);
    }

    /// Drops everything.
    pub(crate) fn clear(&self, keys: &KeySets) {
        self.put(None, keys);
    }

    /// Bytes that lie in memory until a run takes them.
    pub(crate) fn bytes(&self) -> u64 {
        self.held().as_ref().map_or(0, |held| held.fetch.bytes())
    }

    fn put(&self, new: Option<Held>, keys: &KeySets) {
        let gone = std::mem::replace(&mut *self.held(), new);
        note_gone(gone, keys);
    }

    fn seq(&self) -> Option<i64> {
        self.held().as_ref().map(|held| held.seq)
    }

    /// Whether it has all this, which then is for that job.
    fn holds_for(&self, seq: i64, bundles: &[[u8; 32]]) -> bool {
        let mut held = self.held();
        let found =
            held.as_mut().filter(|held| bundles.iter().all(|bundle| held.bundles.contains(bundle)));
        if let Some(held) = found {
            held.seq = seq;
            return true;
        }
        false
    }

    fn take_if(&self, is_it: impl FnOnce(&Held) -> bool) -> Option<Held> {
        let mut held = self.held();
        if held.as_ref().is_some_and(is_it) { held.take() } else { None }
    }

    fn held(&self) -> MutexGuard<'_, Option<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Dropped unused: the note that they are here goes as that of keys that were expanded.
fn note_gone(gone: Option<Held>, keys: &KeySets) {
    if let Some(held) = gone {
        keys.note_gone(&held.warm);
    }
}
