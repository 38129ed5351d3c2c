//! Who waits and who runs, in memory: what progress is read from, and whom it concerns.

mod estimate;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::watch;
use uuid::Uuid;

use super::JobView;
use crate::store::state::jobs::JobRow;
use crate::store::state::runs::Start;
use estimate::RunTimes;

/// Who waits and who runs.
#[derive(Debug, Default)]
pub struct Board {
    inner: Mutex<Inner>,
    /// Held while a job changes its state in the database and here, so that the two agree.
    transitions: Mutex<()>,
}

#[derive(Debug, Default)]
struct Inner {
    /// Jobs that wait, in the order in which they will run.
    queue: Vec<Arc<JobRow>>,
    running: HashMap<Uuid, Running>,
    times: RunTimes,
    /// Who looks on, for each job that has not ended.
    audience: HashMap<Uuid, watch::Sender<Option<JobView>>>,
}

#[derive(Debug)]
struct Running {
    record: Arc<JobRow>,
    step: u32,
    /// When it was started, or first seen to run elsewhere.
    started: Instant,
    interrupt: Interrupt,
    is_mine: bool,
}

/// A run of this process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Own {
    pub(crate) start: Start,
    pub(crate) job: Uuid,
    /// Steps that are done.
    pub(crate) step: u32,
    pub(crate) since: Instant,
}

/// Asks a run to end at its next step.
#[derive(Debug, Clone, Default)]
pub(super) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Whether the run should end.
    #[must_use]
    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A job that has not ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Live {
    /// It waits.
    Queued {
        /// Jobs before it.
        position: u32,
        /// How long until it is done, as far as one can tell.
        eta_seconds: Option<f64>,
    },
    /// It runs.
    Running {
        /// Steps that are done.
        step: u32,
        /// How long until it is done, as far as one can tell.
        eta_seconds: Option<f64>,
    },
}

impl Board {
    /// A job's states from now on, the last of them its end; the channel closes then, or when the
    /// job is deleted. `None` until the first change.
    #[must_use]
    pub fn watch(&self, id: Uuid) -> Option<watch::Receiver<Option<JobView>>> {
        let mut inner = self.inner();
        inner.live(id)?;
        let sender = inner.audience.entry(id).or_insert_with(|| watch::Sender::new(None));
        Some(sender.subscribe())
    }

    /// What is known of a job; `None` if it has ended.
    #[must_use]
    pub fn live(&self, id: Uuid) -> Option<Live> {
        self.inner().live(id)
    }

    /// How many jobs wait, and how many run.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        let inner = self.inner();
        (inner.queue.len(), inner.running.len())
    }

    /// How long a run of a model takes, as far as one can tell.
    #[must_use]
    pub fn run_seconds(&self, model: &str) -> Option<f64> {
        self.inner().times.of(model)
    }

    /// How many of the jobs that run do so here.
    #[must_use]
    pub fn running_here(&self) -> usize {
        self.inner().running.values().filter(|run| run.is_mine).count()
    }

    /// Asks every run to end.
    pub fn interrupt_all(&self) {
        self.inner().running.values().for_each(|running| running.interrupt.set());
    }

    /// Held around a change of state in the database and here.
    pub(crate) fn transitions(&self) -> MutexGuard<'_, ()> {
        self.transitions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The runs of this process.
    pub(crate) fn own(&self) -> Vec<Own> {
        let own = |(&job, run): (&Uuid, &Running)| {
            let start = Start { seq: run.record.seq, epoch: run.record.epoch };
            run.is_mine.then_some(Own { start, job, step: run.step, since: run.started })
        };
        self.inner().running.iter().filter_map(own).collect()
    }

    /// Asks a run of this process to end, if it is still going on.
    pub(crate) fn interrupt(&self, job: Uuid, epoch: Option<u64>) {
        if let Some(run) = self.inner().running.get(&job)
            && epoch.is_none_or(|epoch| epoch == run.record.epoch)
        {
            run.interrupt.set();
        }
    }

    /// The jobs that wait, in the order in which they will run, and those that run, here or
    /// elsewhere. Returns those that somebody looks at, and that do neither any more.
    pub(super) fn follow(&self, queue: Vec<JobRow>, running: Vec<JobRow>) -> Vec<Uuid> {
        let mut inner = self.inner();
        inner.queue = queue.into_iter().map(Arc::new).collect();
        let mut rows: HashMap<Uuid, JobRow> =
            running.into_iter().map(|row| (row.id, row)).collect();
        let mut moved = Vec::new();
        inner.running.retain(|id, run| {
            let goes_on = rows.get(id).is_some_and(|row| row.epoch == run.record.epoch);
            if goes_on && let Some(row) = rows.remove(id) {
                if row.step > run.step {
                    run.step = row.step;
                    moved.push(*id);
                }
            } else {
                // Somebody else has it, or it waits again.
                run.interrupt.set();
            }
            goes_on
        });
        for (id, row) in rows {
            let (step, started, interrupt) = (row.step, Instant::now(), Interrupt::default());
            let record = Arc::new(row);
            let run = Running { record, step, started, interrupt, is_mine: false };
            inner.running.insert(id, run);
            moved.push(id);
        }
        for id in moved {
            inner.tell(id);
        }
        inner.tell_who_waits();
        let watched: Vec<Uuid> = inner.audience.keys().copied().collect();
        watched.into_iter().filter(|&id| inner.live(id).is_none()).collect()
    }

    /// A job that waited runs here. The rows are to be followed next.
    pub(super) fn start(&self, record: JobRow) -> Interrupt {
        let interrupt = Interrupt::default();
        let id = record.id;
        let mut inner = self.inner();
        inner.queue.retain(|waiting| waiting.id != id);
        let (record, started) = (Arc::new(record), Instant::now());
        let flag = interrupt.clone();
        let running = Running { record, step: 0, started, interrupt: flag, is_mine: true };
        inner.running.insert(id, running);
        inner.tell(id);
        interrupt
    }

    /// A running job has got so far. Notes of it may come late.
    pub(crate) fn step(&self, id: Uuid, step: u32) {
        let mut inner = self.inner();
        let Some(run) = inner.running.get_mut(&id) else { return };
        if step > run.step && step <= run.record.steps {
            run.step = step;
            inner.tell(id);
        }
    }

    /// A job has ended like this, or was deleted. The rows are to be followed next.
    pub(super) fn end(&self, id: Uuid, record: Option<&JobRow>) {
        let mut inner = self.inner();
        inner.queue.retain(|waiting| waiting.id != id);
        if let Some(running) = inner.running.remove(&id) {
            running.interrupt.set();
        }
        if let Some(sender) = inner.audience.remove(&id)
            && let Some(record) = record
        {
            sender.send_replace(Some(JobView::new(record, None)));
        }
    }

    /// Runs of a model take so long, as the rows say.
    pub(super) fn set_run_seconds(&self, model: &str, seconds: f64) {
        self.inner().times.set(model, seconds);
    }

    /// A run came to its end.
    pub(super) fn note_run(&self, model: &str, seconds: f64) {
        self.inner().times.note(model, seconds);
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn live(&self, id: Uuid) -> Option<Live> {
        if let Some(running) = self.running.get(&id) {
            let eta_seconds = self.left_of(running);
            return Some(Live::Running { step: running.step, eta_seconds });
        }
        let position = self.queue.iter().position(|waiting| waiting.id == id)?;
        Some(Live::Queued { position: position as u32, eta_seconds: self.wait_of(position) })
    }

    /// All that runs, then all that waits up to this job.
    fn wait_of(&self, position: usize) -> Option<f64> {
        let running = self.running.values().map(|running| self.left_of(running));
        let waiting = self.queue.iter().take(position + 1);
        estimate::wait(running, waiting.map(|record| self.times.of(&record.model)))
    }

    fn left_of(&self, running: &Running) -> Option<f64> {
        let Running { record, step, started, .. } = running;
        self.times.left(&record.model, started.elapsed().as_secs_f64(), *step, record.steps)
    }

    /// Tells those who look at a job how it is.
    fn tell(&mut self, id: Uuid) {
        let Some(sender) = self.audience.get(&id) else { return };
        if sender.is_closed() {
            self.audience.remove(&id);
            return;
        }
        let record = match self.running.get(&id) {
            Some(running) => Some(&running.record),
            None => self.queue.iter().find(|waiting| waiting.id == id),
        };
        if let Some(record) = record {
            let view = JobView::new(record, self.live(id));
            sender.send_if_modified(|told| {
                let is_news = !told.as_ref().is_some_and(|told| told.says_as_much_as(&view));
                if is_news {
                    *told = Some(view);
                }
                is_news
            });
        }
    }

    /// Places in the queue have changed.
    fn tell_who_waits(&mut self) {
        let watched = self.queue.iter().map(|waiting| waiting.id);
        let watched: Vec<Uuid> = watched.filter(|id| self.audience.contains_key(id)).collect();
        for id in watched {
            self.tell(id);
        }
    }
}

#[cfg(test)]
mod tests;
