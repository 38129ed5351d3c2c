//! The circle in the clear, for tests of trees of decisions.

use std::cell::{Cell, RefCell};
use std::sync::LazyLock;

use blindsight_ckks::parameters::{Literal as SchemeLiteral, Parameters};
use blindsight_exact::{ExactParameters, Literal};
use chacha20::ChaCha20Rng;
use chacha20::rand_core::{Rng, SeedableRng};

use crate::argmax::Circle;
use crate::lead::Thresholds;

/// The circle in the clear, with normal noise in every sign's input.
pub(crate) struct Simulated {
    noise: Box<dyn Fn(usize) -> f64>,
    rng: RefCell<ChaCha20Rng>,
    /// After so many calls a decision is done, and the next one begins.
    steps: usize,
    /// The first step's results in units of its magnitudes, whatever its inputs are.
    script: Option<Vec<f64>>,
    pub(crate) signs: Cell<usize>,
    pub(crate) calls: Cell<usize>,
}

impl Simulated {
    /// With noise of this standard deviation in each step of a decision.
    pub(crate) fn new(steps: usize, noise: impl Fn(usize) -> f64 + 'static) -> Self {
        Self {
            noise: Box::new(noise),
            rng: RefCell::new(ChaCha20Rng::from_seed([6; 32])),
            steps,
            script: None,
            signs: Cell::new(0),
            calls: Cell::new(0),
        }
    }

    /// Without noise.
    pub(crate) fn exact(steps: usize) -> Self {
        Self::new(steps, |_| 0.0)
    }

    /// With the parameter set's noise: of comparisons first, then of sums of so many results.
    pub(crate) fn of_the_set(steps: usize, terms: usize) -> Self {
        let noise = set().noise();
        Self::new(
            steps,
            move |step| {
                if step == 0 { noise.comparison() } else { noise.count(terms) }
            },
        )
    }

    /// One decision whose comparisons come out as they are told to, each -1, 0 or 1.
    pub(crate) fn scripted(comparisons: Vec<f64>) -> Self {
        Self { script: Some(comparisons), ..Self::exact(usize::MAX) }
    }

    /// A uniform number between 0 and 1.
    pub(crate) fn uniform(&self) -> f64 {
        (self.rng.borrow_mut().next_u64() >> 11) as f64 / 2_f64.powi(53)
    }

    fn normal(&self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }

    fn results(&self, inputs: Vec<(f64, f64)>, of: impl Fn(f64) -> f64) -> Vec<f64> {
        self.signs.set(self.signs.get() + inputs.len());
        let call = self.calls.replace(self.calls.get() + 1);
        if let (0, Some(script)) = (call, &self.script) {
            assert_eq!(script.len(), inputs.len());
            return script.iter().zip(inputs).map(|(x, (_, magnitude))| x * magnitude).collect();
        }
        let noise = (self.noise)(call % self.steps);
        let noisy = |x: f64| (x + self.normal() * noise).rem_euclid(1.0);
        inputs.into_iter().map(|(x, magnitude)| of(noisy(x)) * magnitude).collect()
    }
}

impl Circle for Simulated {
    type Value = f64;

    fn signs(&self, inputs: Vec<(f64, f64)>) -> Vec<f64> {
        self.results(inputs, |x| if x < 0.5 { 1.0 } else { -1.0 })
    }

    fn sum<'v>(&self, constant: f64, terms: impl IntoIterator<Item = (i64, &'v f64)>) -> f64 {
        terms.into_iter().fold(constant, |sum, (factor, x)| sum + factor as f64 * x)
    }
}

impl Thresholds for Simulated {
    fn beyond(&self, threshold: f64, inputs: Vec<(f64, f64)>) -> Vec<f64> {
        let inner = threshold..0.5 - threshold;
        self.results(inputs, |x| match x {
            _ if inner.contains(&x) => 1.0,
            _ if inner.contains(&(1.0 - x)) => -1.0,
            _ => 0.0,
        })
    }
}

pub(crate) fn set() -> &'static ExactParameters {
    static SET: LazyLock<ExactParameters> = LazyLock::new(|| {
        let scheme = Parameters::new(SchemeLiteral::bootstrapped_2_15()).unwrap();
        ExactParameters::new(Literal::degree_2048(), &scheme).unwrap()
    });
    &SET
}

/// The class of the largest score.
pub(crate) fn best(scores: &[f64]) -> usize {
    (0..scores.len()).max_by(|&i, &j| scores[i].total_cmp(&scores[j])).unwrap()
}
