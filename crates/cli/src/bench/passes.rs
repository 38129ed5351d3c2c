//! The whole network, and where its time goes.

use std::error::Error;
use std::ops::ControlFlow;
use std::time::Instant;

use blindsight_ckks::ciphertext::Ciphertext;
use blindsight_engine::{KeySet, Model, Observer, Operation, RunObserver, Stage, Step};
use serde::Serialize;

use super::median_of;

/// Medians over several passes with one number of threads.
#[derive(Debug, Serialize)]
pub(super) struct Pass {
    pub(super) threads: usize,
    pub(super) passes: usize,
    /// One whole pass, from the bytes of the request to those of the answer.
    pub(super) seconds: f64,
    /// The time of each stage in one pass, summed over the layers.
    pub(super) stages: Vec<StageSeconds>,
    /// The linear part of each layer, in order.
    pub(super) linear_layers: Vec<f64>,
}

#[derive(Debug, Serialize)]
pub(super) struct StageSeconds {
    pub(super) stage: &'static str,
    pub(super) seconds: f64,
}

const STAGES: [&str; 6] = [
    "convolutions",
    "slots to coefficients",
    "raise, coefficients to slots",
    "exponential",
    "activation",
    "pool, matrix, answer",
];

pub(super) fn measure(
    model: &Model,
    keys: &KeySet,
    request: &[u8],
    threads: usize,
    passes: usize,
) -> Result<(Pass, Vec<u8>), Box<dyn Error>> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
    let mut seconds = Vec::new();
    let mut watches: Vec<Stopwatch> = Vec::new();
    let mut answer = Vec::new();
    for _ in 0..passes.max(1) {
        let mut watch = Stopwatch::new();
        let start = Instant::now();
        answer =
            pool.install(|| model.evaluate(keys, request, &mut watch).map_err(|e| e.to_string()))?;
        seconds.push(start.elapsed().as_secs_f64());
        watches.push(watch);
    }
    let stage = |i: usize| median_of(watches.iter().map(|w| w.stages[i]).collect());
    let layers = watches[0].linear_layers.len();
    let layer = |i: usize| median_of(watches.iter().map(|w| w.linear_layers[i]).collect());
    let pass = Pass {
        threads,
        passes: seconds.len(),
        seconds: median_of(seconds),
        stages: STAGES
            .iter()
            .enumerate()
            .map(|(i, name)| StageSeconds { stage: name, seconds: stage(i) })
            .collect(),
        linear_layers: (0..layers).map(layer).collect(),
    };
    Ok((pass, answer))
}

/// A model and a request for it.
#[derive(Clone, Copy)]
pub(super) struct Run<'a> {
    pub(super) model: &'a Model,
    pub(super) request: &'a [u8],
}

/// The median time of `other`, and the median of its ratio to `first`: the two run in turn, so that
/// what slows a machine for a while slows both.
pub(super) fn beside(
    first: Run<'_>,
    other: Run<'_>,
    keys: &KeySet,
    threads: usize,
    passes: usize,
) -> Result<(f64, f64), Box<dyn Error>> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
    let time = |run: Run<'_>| -> Result<f64, String> {
        let start = Instant::now();
        pool.install(|| run.model.evaluate(keys, run.request, &mut ()))
            .map_err(|e| e.to_string())?;
        Ok(start.elapsed().as_secs_f64())
    };
    let (mut seconds, mut ratios) = (Vec::new(), Vec::new());
    for _ in 0..passes.max(1) {
        let (one, two) = (time(first)?, time(other)?);
        seconds.push(two);
        ratios.push(two / one);
    }
    Ok((median_of(seconds), median_of(ratios)))
}

/// Adds up the time between the events of one pass.
struct Stopwatch {
    last: Instant,
    stages: [f64; 6],
    linear_layers: Vec<f64>,
    /// The linear part of this layer so far.
    linear: f64,
    /// Whether this is the layer that ends with the answer.
    last_layer: bool,
}

impl Stopwatch {
    fn new() -> Self {
        Self {
            last: Instant::now(),
            stages: [0.0; 6],
            linear_layers: Vec::new(),
            linear: 0.0,
            last_layer: false,
        }
    }

    fn lap(&mut self, stage: usize) -> f64 {
        let now = Instant::now();
        let seconds = (now - self.last).as_secs_f64();
        self.stages[stage] += seconds;
        self.last = now;
        seconds
    }
}

impl Observer for Stopwatch {
    fn stage(&mut self, stage: Stage, _: &Ciphertext) -> ControlFlow<()> {
        self.lap(match stage {
            Stage::SlotsToCoefficients => 1,
            Stage::CoefficientsToSlots => 2,
            Stage::Exponential => 3,
            Stage::Activation => 4,
        });
        ControlFlow::Continue(())
    }
}

impl RunObserver for Stopwatch {
    fn progress(&mut self, done: usize, total: usize) -> ControlFlow<()> {
        self.last_layer = done + 1 == total;
        if done == total {
            self.lap(5);
        } else {
            self.last = Instant::now();
            self.linear = 0.0;
        }
        ControlFlow::Continue(())
    }

    fn step(&mut self, _: usize, step: &Step, _: &Ciphertext) {
        if matches!(step.operation, Operation::Bootstrap { .. }) {
            self.linear_layers.push(self.linear);
        } else {
            let stage = if self.last_layer { 5 } else { 0 };
            self.linear += self.lap(stage);
        }
    }
}
