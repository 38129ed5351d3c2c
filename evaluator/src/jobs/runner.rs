//! The threads that run jobs, and the pool they compute on.

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rayon::ThreadPool;
use tokio::runtime::Handle;

use super::Jobs;
use super::ahead;
use super::queue::{self, Claim, Claimed, Outcome};
use super::together;
use crate::models::{ExpandError, LoadedModel, RunError, RunKeys, ServedModel};
use crate::refusal::{Code, Refusal};
use crate::shelf::AcquireError;
use crate::store::StoreError;
use crate::store::blobs::Blob;
use crate::store::state::jobs::JobState;
use crate::store::state::shared::Note;
use crate::traces::{Kind, Span};

/// Threads that run jobs until the service stops.
#[derive(Debug)]
pub struct Runners {
    threads: Vec<JoinHandle<()>>,
}

impl Runners {
    /// Starts as many runners as jobs may run side by side. All compute on `pool`; `io` serves
    /// them for what they read and write.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(jobs: &Arc<Jobs>, pool: &Arc<ThreadPool>, io: &Handle) -> std::io::Result<Self> {
        let start = |index| {
            let runner = Runner { jobs: jobs.clone(), pool: pool.clone(), io: io.clone() };
            let name = format!("job-runner-{index}");
            std::thread::Builder::new().name(name).spawn(move || runner.run())
        };
        let threads = (0..jobs.slots()).map(start);
        Ok(Self { threads: threads.collect::<Result<_, _>>()? })
    }

    /// Whether all have ended what they ran.
    #[must_use]
    pub fn are_idle(&self) -> bool {
        self.threads.iter().all(JoinHandle::is_finished)
    }

    /// Waits until all have ended, or put their jobs back. The end of the service makes them do it.
    pub fn join(self) {
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a runner panicked");
            }
        }
    }
}

struct Runner {
    jobs: Arc<Jobs>,
    pool: Arc<ThreadPool>,
    io: Handle,
}

/// The pause between notes of a run's progress to other processes.
const NOTES: Duration = Duration::from_millis(250);

/// How long a runner waits after storage failed.
const PAUSE: Duration = Duration::from_secs(1);

/// How often a runner looks for work of which nobody told it. It also tells whether storage works.
const LOOK: Duration = Duration::from_secs(10);

/// As often where others share the database: what they tell may get lost.
const LOOK_ELSEWHERE: Duration = Duration::from_secs(1);

impl Runner {
    fn run(&self) {
        // What was taken with the end of the job before.
        let mut taken = None;
        while taken.is_some() || !self.jobs.lifecycle.is_stopping() {
            match taken.take().map_or_else(|| self.next(), Ok) {
                Ok(Claimed::Job(claim)) => {
                    self.jobs.lifecycle.note_storage(true);
                    taken = self.run_one(&claim);
                }
                Ok(Claimed::Later(wait)) => {
                    self.wait(wait.clamp(Duration::from_millis(5), LOOK_ELSEWHERE));
                }
                Ok(Claimed::Nothing) => {
                    // Who was to have the keys that were fetched is gone.
                    self.jobs.drop_fetched_ahead();
                    self.jobs.lifecycle.note_storage(true);
                    self.wait(if self.jobs.shared().is_some() { LOOK_ELSEWHERE } else { LOOK });
                }
                Err(error) => {
                    tracing::error!(%error, "the queue cannot be read");
                    self.jobs.lifecycle.note_storage(false);
                    std::thread::sleep(PAUSE);
                }
            }
        }
    }

    /// The next job, for who was idle. One that becomes free is everybody's news, so that it is looked
    /// for before anybody tries to take it.
    fn next(&self) -> Result<Claimed, StoreError> {
        if self.jobs.shared().is_some()
            && let Err(nothing) = queue::has_work(&self.jobs)?
        {
            return Ok(nothing);
        }
        queue::claim(&self.jobs)
    }

    fn wait(&self, most: Duration) {
        let mut stopping = self.jobs.lifecycle.stopping();
        self.io.block_on(async {
            tokio::select! {
                () = self.jobs.wake.notified() => {}
                _ = stopping.wait_for(|&stopping| stopping) => {}
                () = tokio::time::sleep(most) => {}
            }
        });
    }

    /// Runs a job. Returns what its end brought, if that was noted.
    fn run_one(&self, claim: &Claim) -> Option<Claimed> {
        let (id, model, attempt) = (claim.id, &claim.model, claim.attempts);
        let span = tracing::info_span!("job", %id, model, attempt);
        let _entered = span.enter();
        tracing::info!("job started");
        let mut trace = self.begin_trace(claim);
        let outcome = catch_unwind(AssertUnwindSafe(|| self.evaluate(claim, &mut trace)))
            .unwrap_or_else(|_| Outcome::Broken("the evaluation panicked".to_owned()));
        trace.text("blindsight.outcome", outcome.name());
        if let Outcome::Broken(_) | Outcome::Failed(_) = outcome {
            trace.fail(outcome.name());
        }
        let noting = trace.part("note the end");
        if let Outcome::Broken(cause) = &outcome {
            tracing::error!(cause, "job broke");
        }
        // The end of a run must be noted; until then there is nothing better to do.
        let (ended, next) = loop {
            match together::end(&self.jobs, claim, &outcome) {
                Ok(ended) => break ended,
                Err(error) if self.jobs.lifecycle.is_breaking_off() => {
                    tracing::error!(%error, "the job's end was not noted: it will run again");
                    return None;
                }
                Err(error) => {
                    tracing::error!(%error, "the job's end cannot be noted");
                    self.jobs.lifecycle.note_storage(false);
                    std::thread::sleep(PAUSE);
                }
            }
        };
        drop(noting);
        match ended {
            Some(JobState::Queued) => tracing::info!("job put back"),
            Some(state) => {
                tracing::info!(state = state.as_str(), "job finished");
                self.jobs.metrics.job_ended(&claim.model, state.as_str());
            }
            None => tracing::info!("job was cancelled or deleted"),
        }
        if matches!(outcome, Outcome::Broken(_)) {
            std::thread::sleep(PAUSE);
            return None;
        }
        Some(next)
    }

    fn begin_trace(&self, claim: &Claim) -> Span {
        let mut trace = self.jobs.traces.begin(Kind::Consumer, "run", claim.trace);
        trace.text("blindsight.job", claim.id);
        trace.text("blindsight.model", &claim.model);
        trace.number("blindsight.attempt", claim.attempts.into());
        trace
    }

    fn evaluate(&self, claim: &Claim, trace: &mut Span) -> Outcome {
        match self.answer(claim, trace) {
            Ok((answer, seconds)) => {
                let _keeping = trace.part("store the result");
                self.keep(claim, answer, seconds)
            }
            // Whatever went wrong then, nobody wants to know.
            Err(Outcome::Broken(_)) if self.is_unwanted(claim) => Outcome::Interrupted,
            Err(outcome) => outcome,
        }
    }

    /// The answer, and how long the run took; or the other outcome.
    fn answer(&self, claim: &Claim, trace: &mut Span) -> Result<(Vec<u8>, f64), Outcome> {
        let give_up = || self.is_unwanted(claim);
        let found = self.jobs.model_and_keys(&claim.model, claim.contract, &claim.sets);
        let (model, used) = found.map_err(Outcome::Failed)?;
        let reading = trace.part("read the request");
        let request = self.read(Blob::Request(claim.id));
        drop(reading);
        let request = request.map_err(|error| Outcome::Broken(error.to_string()))?;
        // The model before the keys, here as everywhere: who waits for keys holds a model, and
        // nobody who holds keys waits for a model.
        let loading = trace.part("make the model ready");
        let loaded = self.jobs.models.load(&*model, &self.pool, &give_up);
        drop(loading);
        let loaded = loaded.map_err(|error| match error {
            AcquireError::GivenUp => Outcome::Interrupted,
            AcquireError::Load(error) => Outcome::Broken(error),
        })?;
        let fetched = self.jobs.ahead.take(&used);
        let here = |blob| fetched.as_ref().and_then(|fetched| fetched.read(blob, &give_up));
        let read = |blob| here(blob).map_or_else(|| self.read(blob), Ok);
        let (are_warm, start) = (self.jobs.keys.are_warm(&used), Instant::now());
        let expanding = trace.part("make the keys ready");
        let expanded = self.jobs.keys.expand(&*model, &used, &self.pool, &give_up, &read);
        let expanded = expanded.map_err(|error| match error {
            ExpandError::Cancelled => Outcome::Interrupted,
            error => Outcome::Broken(error.to_string()),
        })?;
        let was_fetched_ahead = fetched.is_some_and(|fetched| fetched.was_read());
        drop(expanding);
        trace.text("blindsight.keys_were_here", are_warm);
        trace.text("blindsight.keys_were_fetched_ahead", was_fetched_ahead);
        if are_warm {
            self.jobs.metrics.key_hits.inc();
        } else {
            self.jobs.metrics.key_misses.inc();
            if was_fetched_ahead {
                self.jobs.metrics.keys_fetched_ahead_used.inc();
            } else {
                self.jobs.key_miss.note(start.elapsed());
            }
        }
        let keys = RunKeys::of(expanded.values());
        let [loaded] = loaded.values() else {
            return Err(Outcome::Broken("the model is not there".to_owned()));
        };
        let _looking = ahead::while_running(&self.jobs, claim.id, &self.io);
        let start = Instant::now();
        let run = || self.run_model(claim, &*model, &**loaded, &keys, &request);
        let evaluating = trace.part("evaluate");
        let answer = self.pool.install(run);
        drop(evaluating);
        let seconds = start.elapsed().as_secs_f64();
        match answer {
            Ok(answer) => Ok((answer, seconds)),
            Err(RunError::Cancelled) => Err(Outcome::Interrupted),
            Err(RunError::Request(error)) => Err(Outcome::Failed(error.into())),
            Err(RunError::Failed(error)) => {
                Err(Outcome::Failed(Refusal::new(Code::InvalidObject, error)))
            }
        }
    }

    fn run_model(
        &self,
        claim: &Claim,
        model: &dyn ServedModel,
        loaded: &dyn LoadedModel,
        keys: &RunKeys,
        request: &[u8],
    ) -> Result<Vec<u8>, RunError> {
        let answer = model.description().contract().tells();
        let mut told = Instant::now();
        loaded.run(answer, keys, request, &mut |done, _| {
            if self.is_unwanted(claim) {
                return ControlFlow::Break(());
            }
            let step = done as u32;
            self.jobs.board.step(claim.id, step);
            if let Some(shared) = self.jobs.shared()
                && told.elapsed() >= NOTES
            {
                told = Instant::now();
                shared.announce(Note::Step { job: claim.id, step });
            }
            ControlFlow::Continue(())
        })
    }

    /// Stores an answer.
    fn keep(&self, claim: &Claim, answer: Vec<u8>, seconds: f64) -> Outcome {
        if claim.interrupt.is_set() && !self.jobs.lifecycle.is_breaking_off() {
            return Outcome::Interrupted;
        }
        self.jobs.board.note_run(&claim.model, seconds);
        self.jobs.metrics.evaluated(&claim.model, seconds);
        let result_bytes = answer.len() as u64;
        let put = self.jobs.store.blobs.put(Blob::Result(claim.run()), answer.into());
        match self.io.block_on(put) {
            Ok(()) => Outcome::Done { result_bytes, evaluate_ms: (seconds * 1000.0) as u64 },
            Err(error) => Outcome::Broken(error.to_string()),
        }
    }

    /// Whether the run is to end now. A stop can come before the run is on the board, where it
    /// would be interrupted.
    fn is_unwanted(&self, claim: &Claim) -> bool {
        claim.interrupt.is_set() || self.jobs.lifecycle.is_breaking_off()
    }

    fn read(&self, blob: Blob) -> Result<Bytes, StoreError> {
        self.io.block_on(self.jobs.store.blobs.get(blob))
    }
}
