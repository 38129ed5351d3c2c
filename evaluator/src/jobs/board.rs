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
    started: Instant,
    interrupt: Interrupt,
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

    /// Asks every run to end.
    pub fn interrupt_all(&self) {
        self.inner().running.values().for_each(|running| running.interrupt.set());
    }

    /// Held around a change of state in the database and here.
    pub(crate) fn transitions(&self) -> MutexGuard<'_, ()> {
        self.transitions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The jobs that wait, in the order in which they will run. One that ran does so no more.
    pub(super) fn set_queue(&self, queue: Vec<JobRow>) {
        let mut inner = self.inner();
        inner.queue = queue.into_iter().map(Arc::new).collect();
        for index in 0..inner.queue.len() {
            let id = inner.queue[index].id;
            inner.running.remove(&id);
        }
        inner.tell_who_waits();
    }

    /// A job that waited runs. The queue is to be set next.
    pub(super) fn start(&self, record: JobRow) -> Interrupt {
        let interrupt = Interrupt::default();
        let id = record.id;
        let mut inner = self.inner();
        inner.queue.retain(|waiting| waiting.id != id);
        let (record, started) = (Arc::new(record), Instant::now());
        let running = Running { record, step: 0, started, interrupt: interrupt.clone() };
        inner.running.insert(id, running);
        inner.tell(id);
        interrupt
    }

    /// A running job has got so far.
    pub(super) fn step(&self, id: Uuid, step: u32) {
        let mut inner = self.inner();
        let moved = (inner.running.get_mut(&id))
            .is_some_and(|running| std::mem::replace(&mut running.step, step) != step);
        if moved {
            inner.tell(id);
        }
    }

    /// A job has ended like this, or was deleted. The queue is to be set next.
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
        running.chain(waiting.map(|record| self.times.of(&record.model))).sum()
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
