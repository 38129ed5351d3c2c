//! What can go wrong, how it is made to go wrong, and what is measured on the way.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde::Serialize;

use crate::Outcome;
use crate::namespace::Namespace;
use crate::rows::Held;
use crate::world::{Worker, World, becomes};

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Fault {
    /// A worker is killed while it runs a job.
    Worker,
    /// A front-end is killed.
    Front,
    /// The database ends as in a power cut.
    Postgres,
    /// The bucket's server is killed.
    Bucket,
    /// A worker reaches neither database nor bucket any more, and nobody is told.
    Partition,
    /// The clock of a worker is half a minute off.
    Clock,
    /// A worker is asked to end.
    Terminate,
    /// A worker stands still for longer than its lease, and then goes on as if nothing had been.
    Zombie,
}

impl Fault {
    pub(crate) const ALL: [Self; 8] = [
        Self::Worker,
        Self::Front,
        Self::Postgres,
        Self::Bucket,
        Self::Partition,
        Self::Clock,
        Self::Terminate,
        Self::Zombie,
    ];
}

/// What faults showed.
#[derive(Debug, Default)]
pub(crate) struct Observed {
    pub(crate) faults: BTreeMap<Fault, usize>,
    /// From the fault to the moment when somebody else has the job.
    pub(crate) takeovers: BTreeMap<Fault, Vec<f64>>,
    /// From the moment when the database answers to the next job that is done.
    pub(crate) recoveries: Vec<f64>,
    /// Results of workers that had lost their jobs and were refused.
    pub(crate) fenced: u64,
    /// Jobs that a worker put back when it was asked to end, and those of them that were counted as
    /// started all the same.
    pub(crate) put_back: usize,
    pub(crate) put_back_counted: usize,
    /// What did not happen that should have.
    pub(crate) wrong: Vec<String>,
}

/// What this machine can do.
#[derive(Debug)]
pub(crate) struct Means {
    /// The library that lies about the time.
    pub(crate) faketime: Option<PathBuf>,
    /// Why there are no network namespaces; wires that are cut stand in for them.
    pub(crate) no_namespaces: Option<String>,
}

impl Means {
    pub(crate) fn look(long: bool) -> Self {
        let no_namespaces = if long {
            let made = Namespace::sweep().and_then(|()| Namespace::make(0));
            made.err().map(|error| error.to_string())
        } else {
            Some("only the long form uses them".to_owned())
        };
        Self { faketime: find_faketime(), no_namespaces }
    }
}

fn find_faketime() -> Option<PathBuf> {
    let folders =
        ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib", "/usr/lib64"];
    let library = |folder| Path::new(folder).join("faketime/libfaketime.so.1");
    folders.into_iter().map(library).find(|path| path.exists())
}

/// The fleet with its workers.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) world: World,
    pub(crate) workers: Vec<Worker>,
    pub(crate) means: Means,
    pub(crate) seen: Observed,
    namespaces: u8,
}

/// How long a worker may take to be at work again.
const WORK: Duration = Duration::from_secs(60);

impl Scene {
    pub(crate) fn new(world: World, workers: usize, means: Means) -> Outcome<Self> {
        let mut scene =
            Self { world, workers: Vec::new(), means, seen: Observed::default(), namespaces: 0 };
        for _ in 0..workers {
            scene.add_worker(&[])?;
        }
        Ok(scene)
    }

    /// Starts another worker, in a network of its own where there are such.
    fn add_worker(&mut self, environment: &[(String, String)]) -> Outcome<()> {
        let namespace = if self.means.no_namespaces.is_none() {
            self.namespaces = self.namespaces % 250 + 1;
            Some(Namespace::make(self.namespaces)?)
        } else {
            None
        };
        let worker = self.world.start_worker(environment, namespace)?;
        self.workers.push(worker);
        Ok(())
    }

    /// Makes a fault, watches what becomes of it, and mends it. `choice` says who is struck.
    pub(crate) fn strike(&mut self, fault: Fault, choice: usize) -> Outcome<()> {
        *self.seen.faults.entry(fault).or_default() += 1;
        if self.workers.is_empty() {
            self.add_worker(&[])?;
        }
        let victim = choice % self.workers.len();
        match fault {
            Fault::Worker => self.kill_worker(victim),
            Fault::Front => self.kill_front(choice),
            Fault::Postgres => self.kill_postgres(),
            Fault::Bucket => self.kill_bucket(),
            Fault::Partition => self.partition(victim),
            Fault::Clock => self.skew(victim, choice),
            Fault::Terminate => self.terminate(victim),
            Fault::Zombie => self.freeze(victim),
        }
    }

    /// Stops a worker in the middle of a job. It must be let go on, or be killed.
    fn catch(&mut self, victim: usize) -> Outcome<Held> {
        let start = Instant::now();
        while start.elapsed() < WORK {
            self.workers[victim].process.signal(Signal::STOP)?;
            let before = self.world.rows.running().unwrap_or_default();
            // What it had sent before it stopped is in the rows by then.
            sleep(Duration::from_millis(100));
            let after = self.world.rows.running().unwrap_or_default();
            let is_its = |held: &&Held| held.worker == self.workers[victim].name;
            if let Some(held) = after.iter().filter(|held| before.contains(held)).find(is_its) {
                return Ok(held.clone());
            }
            self.workers[victim].process.signal(Signal::CONT)?;
            // Next time at another point of its work.
            sleep(Duration::from_millis(37));
        }
        Err("a worker was never seen at work".into())
    }

    /// Waits until somebody else has a job, and notes how long that took.
    fn note_takeover(&mut self, fault: Fault, held: &Held) {
        let start = Instant::now();
        let limit = 3 * self.world.lease() + Duration::from_secs(10);
        let is_over = || self.world.rows.is_over(held).unwrap_or(false);
        if becomes(limit, is_over) {
            self.seen.takeovers.entry(fault).or_default().push(start.elapsed().as_secs_f64());
        } else {
            self.seen.wrong.push(format!("nobody took over {} after {fault:?}", held.id));
        }
    }

    fn kill_worker(&mut self, victim: usize) -> Outcome<()> {
        let held = self.catch(victim)?;
        self.workers.remove(victim).process.kill()?;
        self.note_takeover(Fault::Worker, &held);
        self.add_worker(&[])
    }

    fn kill_front(&mut self, choice: usize) -> Outcome<()> {
        let front = choice % self.world.addresses.len();
        self.world.kill_front(front)?;
        sleep(Duration::from_secs(2));
        self.world.start_front(front)
    }

    fn kill_postgres(&mut self) -> Outcome<()> {
        self.world.postgres.stop()?;
        sleep(Duration::from_secs(3));
        self.world.postgres.start()?;
        let start = Instant::now();
        let ended = || self.world.rows.ended().ok();
        let mut before = None;
        let goes_on = || match (before, ended()) {
            (Some(before), Some(now)) => now > before,
            (_, now) => {
                before = now;
                false
            }
        };
        if becomes(WORK, goes_on) {
            self.seen.recoveries.push(start.elapsed().as_secs_f64());
        } else {
            self.seen.wrong.push("no job was done after the database came back".to_owned());
        }
        Ok(())
    }

    fn kill_bucket(&mut self) -> Outcome<()> {
        self.world.kill_bucket()?;
        sleep(Duration::from_secs(3));
        self.world.start_bucket()
    }

    fn partition(&mut self, victim: usize) -> Outcome<()> {
        let before = self.fenced(victim);
        let held = self.catch(victim)?;
        self.workers[victim].cut(true)?;
        self.workers[victim].process.signal(Signal::CONT)?;
        self.note_takeover(Fault::Partition, &held);
        self.workers[victim].cut(false)?;
        self.note_fenced(victim, before);
        Ok(())
    }

    fn skew(&mut self, victim: usize, choice: usize) -> Outcome<()> {
        let Some(library) = &self.means.faketime else { return Ok(()) };
        let offset = if choice.is_multiple_of(2) { "+30s" } else { "-30s" };
        let variables = [
            ("LD_PRELOAD", library.display().to_string()),
            ("FAKETIME", offset.to_owned()),
            // A clock that is wrong runs as fast as any.
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
            ("DONT_FAKE_MONOTONIC", "1".to_owned()),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value));
        // It is asked to end, so that nothing but the clock differs from before.
        self.end_worker(victim)?;
        self.add_worker(&variables)?;
        sleep(Duration::from_secs(4));
        self.end_worker(self.workers.len() - 1)?;
        self.add_worker(&[])
    }

    fn end_worker(&mut self, victim: usize) -> Outcome<()> {
        let worker = self.workers.remove(victim);
        worker.process.signal(Signal::TERM)?;
        worker.process.wait_for_end(Duration::from_secs(30))
    }

    fn terminate(&mut self, victim: usize) -> Outcome<()> {
        let held = self.catch(victim)?;
        let process = self.workers.remove(victim).process;
        process.signal(Signal::TERM)?;
        process.signal(Signal::CONT)?;
        process.wait_for_end(Duration::from_secs(30))?;
        let mut ended = None;
        becomes(WORK, || {
            let now = self.world.rows.attempts(held.id).ok();
            ended = now.filter(|(_, state)| !matches!(state.as_str(), "queued" | "running"));
            ended.is_some()
        });
        // It has run twice, or was just about to end; the first start counts for nothing.
        self.seen.put_back += 1;
        if ended.is_none_or(|(attempts, _)| attempts > held.attempts) {
            self.seen.put_back_counted += 1;
        }
        self.add_worker(&[])
    }

    fn freeze(&mut self, victim: usize) -> Outcome<()> {
        let before = self.fenced(victim);
        let held = self.catch(victim)?;
        self.note_takeover(Fault::Zombie, &held);
        self.workers[victim].process.signal(Signal::CONT)?;
        self.note_fenced(victim, before);
        Ok(())
    }

    /// How many results of a worker were refused because their jobs were somebody else's by then.
    fn fenced(&self, victim: usize) -> f64 {
        self.workers[victim].process.metric(FENCED).unwrap_or(0.0)
    }

    /// Waits until a worker that lost its job has found that out.
    fn note_fenced(&mut self, victim: usize, before: f64) {
        becomes(Duration::from_secs(15), || self.fenced(victim) > before);
        let more = self.fenced(victim) - before;
        if more > 0.0 {
            self.seen.fenced += more as u64;
        } else {
            self.seen.wrong.push("a worker came back and was not refused".to_owned());
        }
    }
}

const FENCED: &str = "blindsight_fenced_commits_total";
