//! How jobs change their state. Every change is one transaction that asks for the state it starts
//! from, so that a job ends once.

use std::collections::HashMap;
use std::time::Duration;

use uuid::Uuid;

use super::board::Interrupt;
use super::order::Choice;
use super::{Jobs, order};
use crate::caller::Caller;
use crate::capability::Owner;
use crate::config::Switch;
use crate::limits::quotas;
use crate::refusal::{Code, Refusal};
use crate::store::StoreError;
use crate::store::state::jobs::JobRow;
use crate::store::state::keys::KeyRow;
use crate::store::state::runs::{Lost, Recovered, RunName, Start, Tenure};
use crate::store::state::shared::Note;
use crate::store::state::{self, Reads, Writes};
use crate::time::Timestamp;
use crate::traces::TraceParent;

/// A job that a runner took.
#[derive(Debug)]
pub(super) struct Claim {
    pub(super) start: Start,
    /// Starts, this one included.
    pub(super) attempts: u32,
    pub(super) id: Uuid,
    pub(super) caller: Caller,
    /// What the caller was charged for the run.
    pub(super) cost_ms: u64,
    pub(super) model: String,
    pub(super) contract: [u8; 32],
    /// Its key sets that are there.
    pub(super) sets: Vec<KeyRow>,
    /// The span that accepted it.
    pub(super) trace: Option<TraceParent>,
    pub(super) interrupt: Interrupt,
}

impl Claim {
    /// The name of the run, and of its result.
    pub(super) fn run(&self) -> RunName {
        RunName { job: self.id, epoch: self.start.epoch }
    }
}

/// How a run ended.
#[derive(Debug)]
pub(super) enum Outcome {
    /// Its result is stored.
    Done { result_bytes: u64, evaluate_ms: u64 },
    /// It can never have one.
    Failed(Refusal),
    /// It was not its fault: it may be tried again.
    Broken(String),
    /// The service is stopping. The start does not count.
    Interrupted,
}

impl Outcome {
    /// A word for it.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Done { .. } => "done",
            Self::Failed(_) => "failed",
            Self::Broken(_) => "broken",
            Self::Interrupted => "interrupted",
        }
    }
}

/// What a runner got.
#[derive(Debug)]
pub(super) enum Claimed {
    /// A job.
    Job(Box<Claim>),
    /// Nothing; others are better suited to what waits, for so long.
    Later(Duration),
    /// Nothing waits.
    Nothing,
}

/// How many callers are looked at, and how many jobs of each where it matters which.
const CALLERS: u32 = 8;
const OF_EACH: u32 = 8;

/// How many jobs the board holds that wait. Where more do, places are counted from behind these.
const LISTED: u32 = 2000;

/// Takes the job whose turn it is.
pub(super) fn claim(jobs: &Jobs) -> Result<Claimed, StoreError> {
    let _transitions = jobs.board.transitions();
    if jobs.lifecycle.is_stopping() {
        return Ok(Claimed::Nothing);
    }
    let evicted = jobs.keys.take_evicted();
    let taken =
        jobs.store.db.write(|t| take(jobs, t, &evicted)).inspect_err(|_: &StoreError| {
            evicted.iter().for_each(|bundle| jobs.keys.note_gone(bundle));
        })?;
    let claimed = begin(jobs, taken);
    if let Claimed::Job(_) = claimed {
        tell(jobs);
    }
    Ok(claimed)
}

/// What is taken in a change.
pub(super) enum Taken {
    /// A job, and its key sets that are there.
    Job(Box<JobRow>, Vec<KeyRow>),
    /// Nothing; others are better suited to what waits, for so long.
    Later(Duration),
    Nothing,
}

impl Taken {
    /// The same once more, if nothing was taken.
    pub(super) fn nothing(&self) -> Option<Self> {
        match self {
            Self::Job(..) => None,
            Self::Later(wait) => Some(Self::Later(*wait)),
            Self::Nothing => Some(Self::Nothing),
        }
    }
}

/// Takes the job whose turn it is, as a part of a change. `evicted` are keys that are here no longer.
pub(super) fn take(jobs: &Jobs, t: &dyn Writes, evicted: &[[u8; 32]]) -> Result<Taken, StoreError> {
    if jobs.shared().is_some() {
        evicted.iter().try_for_each(|bundle| t.note_warm(jobs.me, bundle, false))?;
    }
    let (seq, is_warm, passes_over) = match choice(jobs, t)? {
        Choice::Take { seq, is_warm, passes_over } => (seq, is_warm, passes_over),
        Choice::Later(wait) => return Ok(Taken::Later(wait)),
        Choice::Nothing => return Ok(Taken::Nothing),
    };
    let started = t.start_job_with_keys(seq, tenure(jobs), Timestamp::now())?;
    let Some((row, sets)) = started else { return Ok(Taken::Nothing) };
    if let Some(passed) = passes_over {
        t.pass_over(passed)?;
    }
    // Paid in advance, so that what runs side by side is shared fairly too.
    t.charge(&row.caller, signed(row.cost_ms))?;
    if jobs.shared().is_some()
        && !is_warm
        && let Some(set) = sets.first()
    {
        t.note_warm(jobs.me, &set.bundle.sha256, true)?;
    }
    Ok(Taken::Job(Box::new(row), sets))
}

/// Puts what was taken on the board, once it is certain. To be called where transitions are held.
pub(super) fn begin(jobs: &Jobs, taken: Taken) -> Claimed {
    let (row, sets) = match taken {
        Taken::Job(row, sets) => (*row, sets),
        Taken::Later(wait) => return Claimed::Later(wait),
        Taken::Nothing => return Claimed::Nothing,
    };
    Claimed::Job(Box::new(Claim {
        start: Start { seq: row.seq, epoch: row.epoch },
        attempts: row.attempts,
        id: row.id,
        caller: row.caller.clone(),
        cost_ms: row.cost_ms,
        model: row.model.clone(),
        contract: row.contract,
        sets,
        trace: row.trace,
        interrupt: jobs.board.start(row),
    }))
}

/// Whether there is something for this process, without a change: where many are woken by one job,
/// changes are for who gets it.
pub(super) fn has_work(jobs: &Jobs) -> Result<Result<(), Claimed>, StoreError> {
    Ok(match jobs.store.db.read(|c| choice(jobs, c))? {
        Choice::Take { .. } => Ok(()),
        Choice::Later(wait) => Err(Claimed::Later(wait)),
        Choice::Nothing => Err(Claimed::Nothing),
    })
}

/// Whether it matters whose keys are where.
pub(super) fn has_affinity(jobs: &Jobs) -> bool {
    jobs.shared().is_some() && jobs.config.affinity == Switch::On
}

/// What this process would do next.
pub(super) fn choice(jobs: &Jobs, rows: &(impl Reads + ?Sized)) -> state::Result<Choice> {
    let with_affinity = has_affinity(jobs);
    let each = if with_affinity { OF_EACH } else { 1 };
    let mut callers = CALLERS;
    let waiting = loop {
        let mut waiting = rows.next_jobs(jobs.me, callers, each)?;
        let is_all = waiting.len() < callers as usize;
        waiting.retain(|one| quotas::may_start(one.share));
        if is_all || !waiting.is_empty() {
            break waiting;
        }
        // All who were looked at run as many as they may: others stand behind them.
        callers = callers.saturating_mul(8);
    };
    Ok(order::choose(waiting, with_affinity.then(|| jobs.key_miss.expected())))
}

fn tenure(jobs: &Jobs) -> Tenure {
    Tenure { worker: jobs.me, lease_ms: jobs.config.lease_seconds.saturating_mul(1000) }
}

/// Tells others that rows have changed, and brings the board in line. To be called where transitions
/// are held.
pub(super) fn changed(jobs: &Jobs) -> Result<(), StoreError> {
    if let Some(shared) = jobs.shared() {
        shared.announce(Note::Jobs);
        // A long queue is looked at from time to time.
        if jobs.board.counts().0 >= LISTED as usize / 2 {
            return Ok(());
        }
    }
    if jobs.answers() { look(jobs) } else { Ok(()) }
}

/// The same for who has a job in hand, which must not get lost because the queue cannot be looked at.
pub(super) fn tell(jobs: &Jobs) {
    if let Err(error) = changed(jobs) {
        tracing::warn!(%error, "the queue cannot be looked at");
    }
}

/// Brings the board in line with the rows. To be called where transitions are held.
pub(super) fn look(jobs: &Jobs) -> Result<(), StoreError> {
    let (waiting, running) = jobs.store.db.read(|c| {
        let spent = c.virtual_times()?;
        let spent_ms = |caller: &Caller| spent.get(caller).copied().unwrap_or(0);
        let waiting = order::fair(c.waiting_jobs(LISTED)?, spent_ms);
        Ok::<_, StoreError>((waiting, c.running_jobs()?))
    })?;
    let ended = jobs.board.follow(waiting, running);
    if ended.is_empty() {
        return Ok(());
    }
    // They ended elsewhere, or are too far behind to be listed.
    let rows = jobs.store.db.read(|c| c.jobs_named(&ended))?;
    for id in ended {
        let row = rows.iter().find(|row| row.id == id);
        if row.is_none_or(|row| row.state.is_final()) {
            jobs.board.end(id, row);
        }
    }
    Ok(())
}

/// Learns from the rows how long runs take that were elsewhere.
pub(super) fn learn(jobs: &Jobs) -> Result<(), StoreError> {
    let mut models: HashMap<String, Vec<u64>> = HashMap::new();
    for (model, ms) in jobs.store.db.read(|c| c.recent_runs(RECENT))? {
        models.entry(model).or_default().push(ms);
    }
    for (model, runs) in models {
        let mean = runs.iter().sum::<u64>() as f64 / runs.len() as f64;
        jobs.board.set_run_seconds(&model, mean / 1000.0);
    }
    Ok(())
}

/// How many runs an estimate is made of.
const RECENT: u32 = 64;

pub(super) fn signed(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}

/// Cancels a job, if it has not ended already.
pub(super) fn cancel(jobs: &Jobs, owner: Owner, id: Uuid) -> Result<(), Refusal> {
    let _transitions = jobs.board.transitions();
    let now = Timestamp::now();
    let cancelled = jobs.store.db.write(|t| {
        let row = t.job(owner, id)?.ok_or_else(Refusal::not_found)?;
        Ok::<_, Refusal>(t.cancel_job(row.seq, now)?)
    })?;
    if let Some(row) = &cancelled {
        jobs.board.end(id, Some(row));
        stop(jobs, id);
        changed(jobs)?;
        jobs.store.discarded.notify_one();
        jobs.metrics.job_ended(&row.model, row.state.as_str());
        tracing::info!(job = %id, "job cancelled");
    }
    Ok(())
}

/// Tells whoever runs a job that nobody wants its result.
pub(super) fn stop(jobs: &Jobs, id: Uuid) {
    if let Some(shared) = jobs.shared() {
        shared.announce(Note::Stop(id));
    }
}

/// Puts jobs that ran when the process ended back into the queue, or gives them up if they were
/// started too often, and puts all that wait on the board. Where others share the database, what
/// runs may be theirs, and is left to who watches them.
pub(super) fn recover(jobs: &Jobs) -> Result<(), StoreError> {
    if jobs.shared().is_none() {
        let Recovered { dead, requeued } = take_over(jobs, Lost::All)?;
        if dead + requeued > 0 {
            tracing::warn!(requeued, dead, "jobs were running when the service ended");
        }
    }
    let _transitions = jobs.board.transitions();
    look(jobs)
}

/// Puts lost runs back into the queue, or gives their jobs up if they were started too often.
pub(super) fn take_over(jobs: &Jobs, lost: Lost) -> Result<Recovered, StoreError> {
    let _transitions = jobs.board.transitions();
    let (now, limit) = (Timestamp::now(), jobs.config.max_attempts);
    let code = Code::Internal.as_str();
    let recovered = jobs.store.db.write(|t| t.recover_jobs(lost, limit, code, now))?;
    if recovered.dead + recovered.requeued > 0 {
        changed(jobs)?;
        jobs.wake.notify_one();
        jobs.store.discarded.notify_one();
    }
    Ok(recovered)
}

/// Forgets what became too old: results first, jobs later.
pub(crate) fn expire(jobs: &Jobs, now: Timestamp) -> Result<(), StoreError> {
    let config = &jobs.config;
    let results = now.before_seconds(config.result_seconds);
    let forgotten = now.before_seconds(config.job_seconds);
    Ok(jobs.store.db.write(|t| t.expire_jobs(results, forgotten))?)
}
