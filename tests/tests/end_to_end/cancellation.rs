//! Runs that are ended from outside.

use std::ops::ControlFlow;

use blindsight_ckks::ciphertext::Ciphertext;
use blindsight_engine::{EvaluateError, Observer, RunError, RunObserver, Stage};

use crate::fixture::{client, model, sample};

/// Ends the run before the given step.
struct EndsAt {
    step: usize,
    activations: usize,
}

impl Observer for EndsAt {
    fn stage(&mut self, stage: Stage, _: &Ciphertext) -> ControlFlow<()> {
        self.activations += usize::from(stage == Stage::Activation);
        ControlFlow::Continue(())
    }
}

impl RunObserver for EndsAt {
    fn progress(&mut self, done: usize, _: usize) -> ControlFlow<()> {
        if done == self.step { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// Ends the run after the given stage of the first bootstrap.
struct EndsAfter {
    stage: Stage,
    seen: Vec<Stage>,
}

impl Observer for EndsAfter {
    fn stage(&mut self, stage: Stage, _: &Ciphertext) -> ControlFlow<()> {
        self.seen.push(stage);
        if stage == self.stage { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

impl RunObserver for EndsAfter {}

/// A step may take a second on a slow machine: cores must be free before its end.
#[test]
fn the_observer_can_end_a_run_within_a_step() {
    let request = client().request(&sample("06-frog-0.png"), 30);
    let stages = [Stage::SlotsToCoefficients, Stage::CoefficientsToSlots, Stage::Exponential];
    for (index, stage) in stages.into_iter().enumerate() {
        let mut observer = EndsAfter { stage, seen: Vec::new() };
        let error = model().evaluate(&client().keys, &request, &mut observer).unwrap_err();
        assert!(matches!(error, EvaluateError::Run(RunError::Cancelled)), "{error}");
        assert_eq!(observer.seen, stages[..=index], "work went on after the end");
    }
}

#[test]
fn the_observer_can_end_a_run_at_any_step() {
    let request = client().request(&sample("06-frog-0.png"), 30);
    for step in [0, 2] {
        let mut observer = EndsAt { step, activations: 0 };
        let error = model().evaluate(&client().keys, &request, &mut observer).unwrap_err();
        assert!(matches!(error, EvaluateError::Run(RunError::Cancelled)), "{error}");
        assert_eq!(error.to_string(), "the run was cancelled");
        assert_eq!(observer.activations, step, "work went on after the end");
    }
}
