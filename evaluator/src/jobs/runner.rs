//! The threads that run jobs, and the pool they compute on.

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use blindsight_model::homomorphic::RunError;
use bytes::Bytes;
use rayon::ThreadPool;
use tokio::runtime::Handle;

use super::State;
use super::cache::CachedKeys;
use super::queue::{self, Claim, Outcome};
use crate::engine::EvaluateError;
use crate::refusal::{Code, Refusal};
use crate::served::{ClientKeys, ExpandError};
use crate::service::Service;
use crate::store::StoreError;
use crate::store::blobs::Blob;

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
    pub fn start(
        service: &Arc<Service>,
        pool: &Arc<ThreadPool>,
        io: &Handle,
    ) -> std::io::Result<Self> {
        let start = |index| {
            let runner = Runner { service: service.clone(), pool: pool.clone(), io: io.clone() };
            let name = format!("job-runner-{index}");
            std::thread::Builder::new().name(name).spawn(move || runner.run())
        };
        let threads = (0..service.config.jobs_at_once.max(1)).map(start);
        Ok(Self { threads: threads.collect::<Result<_, _>>()? })
    }

    /// Waits until all have put their jobs back. [`Service::stop`] makes them do it.
    pub fn join(self) {
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a runner panicked");
            }
        }
    }
}

struct Runner {
    service: Arc<Service>,
    pool: Arc<ThreadPool>,
    io: Handle,
}

/// How long a runner waits after storage failed.
const PAUSE: Duration = Duration::from_secs(1);

impl Runner {
    fn run(&self) {
        let mut stopping = self.service.stopping();
        while !self.service.is_stopping() {
            match queue::claim(&self.service) {
                Ok(Some(claim)) => {
                    self.service.note_storage(true);
                    self.run_one(&claim);
                }
                Ok(None) => {
                    self.service.note_storage(true);
                    self.io.block_on(async {
                        tokio::select! {
                            () = self.service.wake.notified() => {}
                            _ = stopping.wait_for(|&stopping| stopping) => {}
                            // Also tells whether storage works.
                            () = tokio::time::sleep(10 * PAUSE) => {}
                        }
                    });
                }
                Err(error) => {
                    tracing::error!(%error, "the queue cannot be read");
                    self.service.note_storage(false);
                    std::thread::sleep(PAUSE);
                }
            }
        }
    }

    fn run_one(&self, claim: &Claim) {
        let span = tracing::info_span!("job", id = %claim.id, attempt = claim.attempts);
        let _entered = span.enter();
        tracing::info!("job started");
        let outcome = catch_unwind(AssertUnwindSafe(|| self.evaluate(claim)))
            .unwrap_or_else(|_| Outcome::Broken("the evaluation panicked".to_owned()));
        if let Outcome::Broken(cause) = &outcome {
            tracing::error!(cause, "job broke");
        }
        // The end of a run must be noted; until then there is nothing better to do.
        let ended = loop {
            match queue::end(&self.service, claim, &outcome) {
                Ok(ended) => break ended,
                Err(error) if self.service.is_stopping() => {
                    tracing::error!(%error, "the job's end was not noted: it will run again");
                    return;
                }
                Err(error) => {
                    tracing::error!(%error, "the job's end cannot be noted");
                    self.service.note_storage(false);
                    std::thread::sleep(PAUSE);
                }
            }
        };
        match ended {
            Some(State::Queued) => tracing::info!("job put back"),
            Some(state) => {
                tracing::info!(state = state.as_str(), "job finished");
                self.service.metrics.job_ended(state);
                self.delete(Blob::Request(claim.id));
            }
            None => {
                tracing::info!("job was cancelled or deleted");
                self.delete(Blob::Request(claim.id));
                self.delete(Blob::Result(claim.id));
            }
        }
        if matches!(outcome, Outcome::Broken(_)) {
            std::thread::sleep(PAUSE);
        }
    }

    fn evaluate(&self, claim: &Claim) -> Outcome {
        let request = match self.read(Blob::Request(claim.id)) {
            Ok(request) => request,
            Err(_) if self.is_unwanted(claim) => return Outcome::Interrupted,
            Err(error) => return Outcome::Broken(error.to_string()),
        };
        let keys = match self.keys(claim) {
            Ok(keys) => keys,
            Err(ExpandError::Cancelled) => return Outcome::Interrupted,
            Err(_) if self.is_unwanted(claim) => return Outcome::Interrupted,
            Err(error) => return Outcome::Broken(error.to_string()),
        };
        let start = Instant::now();
        let answer = self.pool.install(|| self.evaluate_on_pool(claim, &*keys.keys, &request));
        let seconds = start.elapsed().as_secs_f64();
        let answer = match answer {
            Ok(answer) => answer,
            Err(EvaluateError::Run(RunError::Cancelled)) => return Outcome::Interrupted,
            Err(EvaluateError::Read(error)) => return Outcome::Failed(error.into()),
            Err(EvaluateError::Run(error)) => {
                let refusal = Refusal::new(Code::InvalidObject, error.to_string());
                return Outcome::Failed(refusal);
            }
        };
        if claim.interrupt.is_set() && !self.service.is_stopping() {
            return Outcome::Interrupted;
        }
        self.service.board.note_run(seconds);
        self.service.metrics.evaluate_seconds.observe(seconds);
        let result_bytes = answer.len() as u64;
        let put = self.service.store.blobs.put(Blob::Result(claim.id), answer.into());
        match self.io.block_on(put) {
            Ok(()) => Outcome::Done { result_bytes, evaluate_ms: (seconds * 1000.0) as u64 },
            Err(error) => Outcome::Broken(error.to_string()),
        }
    }

    fn evaluate_on_pool(
        &self,
        claim: &Claim,
        keys: &dyn ClientKeys,
        request: &[u8],
    ) -> Result<Vec<u8>, EvaluateError> {
        keys.evaluate(request, &mut |done, _| {
            if self.is_unwanted(claim) {
                return ControlFlow::Break(());
            }
            self.service.board.step(claim.id, done as u32);
            ControlFlow::Continue(())
        })
    }

    fn keys(&self, claim: &Claim) -> Result<CachedKeys<'_>, ExpandError> {
        let expected = self.service.model.expanded_bytes();
        let model = &self.service.model;
        self.service.cache.get_or_load(claim.sha256, expected, || {
            self.pool.install(|| {
                model.expand(&mut |frame| {
                    if self.is_unwanted(claim) {
                        return Err(ExpandError::Cancelled);
                    }
                    let bytes = self.read(Blob::Frame(claim.sha256, frame));
                    bytes.map_err(|error| ExpandError::Storage(error.to_string()))
                })
            })
        })
    }

    /// Whether the run is to end now. A stop can come before the run is on the board, where it
    /// would be interrupted.
    fn is_unwanted(&self, claim: &Claim) -> bool {
        claim.interrupt.is_set() || self.service.is_stopping()
    }

    fn read(&self, blob: Blob) -> Result<Bytes, StoreError> {
        self.io.block_on(self.service.store.blobs.get(blob))
    }

    /// What is not deleted now is swept up later.
    fn delete(&self, blob: Blob) {
        if let Err(error) = self.io.block_on(self.service.store.blobs.delete(blob)) {
            tracing::warn!(%error, "a blob could not be deleted");
        }
    }
}
