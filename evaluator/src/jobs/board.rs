//! Who waits and who runs, in memory: what progress is read from.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::watch;
use uuid::Uuid;

/// Who waits and who runs.
#[derive(Debug, Default)]
pub struct Board {
    inner: Mutex<Inner>,
    changes: watch::Sender<u64>,
    /// Held while a job changes its state in the database and here, so that the two agree.
    transitions: Mutex<()>,
}

#[derive(Debug, Default)]
struct Inner {
    /// Models of waiting jobs, in order.
    queue: BTreeMap<i64, Arc<str>>,
    running: HashMap<Uuid, Running>,
    /// For each model, a moving average of how long a run takes.
    run_seconds: HashMap<Arc<str>, f64>,
}

#[derive(Debug)]
struct Running {
    model: Arc<str>,
    step: u32,
    steps: u32,
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
    /// A number that changes with everything on the board.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// What is known of a job; `None` if it has ended.
    #[must_use]
    pub fn live(&self, seq: i64, id: Uuid) -> Option<Live> {
        let inner = self.inner();
        if let Some(running) = inner.running.get(&id) {
            let eta_seconds = inner.left_of(running);
            return Some(Live::Running { step: running.step, eta_seconds });
        }
        inner.queue.get(&seq)?;
        let position = inner.queue.range(..seq).count() as u32;
        Some(Live::Queued { position, eta_seconds: inner.wait_of(seq) })
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
        self.inner().run_seconds.get(model).copied()
    }

    /// Asks every run to end.
    pub fn interrupt_all(&self) {
        self.inner().running.values().for_each(|running| running.interrupt.set());
        self.changed();
    }

    /// Held around a change of state in the database and here.
    pub(crate) fn transitions(&self) -> MutexGuard<'_, ()> {
        self.transitions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A job waits.
    pub(super) fn enqueue(&self, seq: i64, id: Uuid, model: &str) {
        let mut inner = self.inner();
        inner.running.remove(&id);
        inner.queue.insert(seq, model.into());
        drop(inner);
        self.changed();
    }

    /// A job that waited runs.
    pub(super) fn start(&self, seq: i64, id: Uuid, model: &str, steps: u32) -> Interrupt {
        let interrupt = Interrupt::default();
        let (model, started) = (model.into(), Instant::now());
        let mut inner = self.inner();
        inner.queue.remove(&seq);
        let running = Running { model, step: 0, steps, started, interrupt: interrupt.clone() };
        inner.running.insert(id, running);
        drop(inner);
        self.changed();
        interrupt
    }

    /// A running job has got so far.
    pub(super) fn step(&self, id: Uuid, step: u32) {
        let moved = (self.inner().running.get_mut(&id))
            .is_some_and(|running| std::mem::replace(&mut running.step, step) != step);
        if moved {
            self.changed();
        }
    }

    /// A job has ended, or is to end.
    pub(crate) fn remove(&self, seq: i64, id: Uuid) {
        let mut inner = self.inner();
        inner.queue.remove(&seq);
        if let Some(running) = inner.running.remove(&id) {
            running.interrupt.set();
        }
        drop(inner);
        self.changed();
    }

    /// A run came to its end.
    pub(super) fn note_run(&self, model: &str, seconds: f64) {
        let mut inner = self.inner();
        let average = inner.run_seconds.entry(model.into()).or_insert(seconds);
        *average = 0.7 * *average + 0.3 * seconds;
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn changed(&self) {
        self.changes.send_modify(|count| *count = count.wrapping_add(1));
    }
}

impl Inner {
    /// All that runs, then all that waits up to this job.
    fn wait_of(&self, seq: i64) -> Option<f64> {
        let running = self.running.values().map(|running| self.left_of(running));
        let waiting =
            self.queue.range(..=seq).map(|(_, model)| self.run_seconds.get(model).copied());
        running.chain(waiting).sum()
    }

    /// Steps take about the same time each.
    fn left_of(&self, running: &Running) -> Option<f64> {
        let passed = running.started.elapsed().as_secs_f64();
        let (step, steps) = (f64::from(running.step), f64::from(running.steps));
        if running.step == 0 {
            let run = self.run_seconds.get(&running.model);
            return run.map(|run| (run - passed).max(0.0));
        }
        Some(passed * (steps - step) / step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JOBS: [Uuid; 3] = [Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3)];

    #[test]
    fn positions_follow_the_order_of_acceptance() {
        let board = Board::default();
        for (seq, id) in [(3, JOBS[2]), (1, JOBS[0]), (2, JOBS[1])] {
            board.enqueue(seq, id, "a");
        }
        let position = |seq: i64| match board.live(seq, JOBS[seq as usize - 1]) {
            Some(Live::Queued { position, .. }) => Some(position),
            _ => None,
        };
        assert_eq!([1, 2, 3].map(position), [Some(0), Some(1), Some(2)]);
        board.start(1, JOBS[0], "a", 20);
        assert_eq!([1, 2, 3].map(position), [None, Some(0), Some(1)]);
        board.remove(2, JOBS[1]);
        assert_eq!([1, 2, 3].map(position), [None, None, Some(0)]);
        assert_eq!(board.counts(), (1, 1));
    }

    #[test]
    fn removal_interrupts_a_run() {
        let board = Board::default();
        let mut changes = board.changes();
        board.enqueue(1, JOBS[0], "a");
        let interrupt = board.start(1, JOBS[0], "a", 20);
        assert!(!interrupt.is_set() && changes.has_changed().unwrap());
        changes.mark_unchanged();
        board.step(JOBS[0], 5);
        assert!(changes.has_changed().unwrap());
        assert!(matches!(board.live(1, JOBS[0]), Some(Live::Running { step: 5, .. })));
        board.remove(1, JOBS[0]);
        assert!(interrupt.is_set());
        assert_eq!(board.live(1, JOBS[0]), None);
    }

    #[test]
    fn estimates_need_a_finished_run() {
        let board = Board::default();
        board.enqueue(1, JOBS[0], "a");
        board.enqueue(2, JOBS[1], "b");
        let eta = |seq: i64| match board.live(seq, JOBS[seq as usize - 1]) {
            Some(Live::Queued { eta_seconds, .. }) => eta_seconds,
            other => panic!("{other:?}"),
        };
        assert_eq!(eta(2), None);
        board.note_run("a", 10.0);
        assert_eq!((eta(1), eta(2)), (Some(10.0), None));
        board.note_run("b", 3.0);
        assert_eq!((eta(1), eta(2)), (Some(10.0), Some(13.0)));
    }
}
