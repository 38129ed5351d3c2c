//! One run of a program.

use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};

use blindsight_ckks::ciphertext::Ciphertext;
use blindsight_ckks::encoding::Complex64;
use blindsight_ckks_eval::polynomial::{self, PolynomialBasis};
use blindsight_ckks_eval::{
    Context, EvalError, Evaluator, KeySet, LinearCombination, Observer, Stage, add,
};
use rayon::prelude::*;

use super::{RunError, StepModel};
#[cfg(feature = "exact")]
use crate::program::End;
use crate::program::{Operation, Step, Value};

/// Watches a run: what a service shows as progress, and what tests and measurements look at. It can
/// end the run between layers, and within one after each stage of a bootstrap. Stages of bootstraps
/// that run side by side come in any order.
pub trait RunObserver: Observer + Send {
    /// `done` of `total` layers are finished; returning `Break` ends the run.
    fn progress(&mut self, done: usize, total: usize) -> ControlFlow<()> {
        let _ = (done, total);
        ControlFlow::Continue(())
    }

    /// A step has ended.
    fn step(&mut self, index: usize, step: &Step, result: &Ciphertext) {
        let _ = (index, step, result);
    }
}

impl RunObserver for () {}

impl StepModel {
    /// Runs the program on a request of the contract's level and scale.
    pub(super) fn run(
        &self,
        keys: &KeySet,
        request: Vec<Ciphertext>,
        observer: &mut impl RunObserver,
    ) -> Result<Ciphertext, RunError> {
        let last = [self.program.steps.len()];
        let mut answer = self.run_until(&last, keys, request, observer)?.into_iter();
        answer.next().ok_or(RunError::Eval(EvalError::Empty { operation: "a run" }))
    }

    /// The same, for other values than the last, in ascending order: up to the step that makes the last
    /// of them.
    pub(super) fn run_until(
        &self,
        wanted: &[Value],
        keys: &KeySet,
        request: Vec<Ciphertext>,
        observer: &mut impl RunObserver,
    ) -> Result<Vec<Ciphertext>, RunError> {
        let evaluator = Evaluator { context: self.scheme.context(), keys };
        // Step `i` makes value `i + 1`.
        let steps = &self.program.steps[..wanted.last().copied().unwrap_or(0)];
        let total = self.program.layers();
        let mut values = Values::new(request);
        let most = rayon::current_num_threads();
        while let Some(index) = Some(values.made.len() - 1).filter(|index| *index < steps.len()) {
            let entered = index == 0 || steps[index - 1].layer != steps[index].layer;
            if entered && observer.progress(steps[index].layer, total).is_break() {
                return Err(RunError::Cancelled);
            }
            let together = &steps[index..][..side_by_side(&steps[index..], index, most)];
            let results = self.steps(evaluator, together, &values, observer)?;
            for (index, (step, result)) in (index..).zip(together.iter().zip(results)) {
                observer.step(index, step, &result);
                values.made.push(Some(result));
                let dead = self.checked.dead_after[index].iter();
                for &dead in dead.filter(|value| wanted.binary_search(value).is_err()) {
                    values.made[dead] = None;
                }
            }
        }
        let found = wanted.iter().map(|value| values.take(*value)).collect::<Result<_, _>>()?;
        let _ = observer.progress(total, total);
        Ok(found)
    }

    /// The answer, by the steps of a linear end from what it reads.
    #[cfg(feature = "exact")]
    pub(super) fn finish(
        &self,
        end: &End,
        keys: &KeySet,
        read: &[Ciphertext],
    ) -> Result<Ciphertext, RunError> {
        let evaluator = Evaluator { context: self.scheme.context(), keys };
        let made = vec![None; self.program.steps.len() + 1];
        let mut values = Values { request: Vec::new(), made };
        for (&value, ciphertext) in end.reads.iter().zip(read) {
            values.made[value] = Some(ciphertext.clone());
        }
        for &index in &end.steps {
            let result = self.step(evaluator, &self.program.steps[index], &values, &mut ())?;
            values.made[index + 1] = Some(result);
        }
        values.take(self.program.steps.len())
    }

    /// The results of steps that do not read each other's. Several at a time keep all threads busy
    /// where one step alone would have them wait for each other.
    fn steps(
        &self,
        evaluator: Evaluator<'_>,
        steps: &[Step],
        values: &Values,
        observer: &mut impl RunObserver,
    ) -> Result<Vec<Ciphertext>, RunError> {
        if let [step] = steps {
            return Ok(vec![self.step(evaluator, step, values, observer)?]);
        }
        let shared = Mutex::new(observer);
        let steps = steps.par_iter();
        steps.map(|step| self.step(evaluator, step, values, &mut Shared(&shared))).collect()
    }

    fn step(
        &self,
        evaluator: Evaluator<'_>,
        step: &Step,
        values: &Values,
        observer: &mut impl Observer,
    ) -> Result<Ciphertext, RunError> {
        let context = evaluator.context;
        Ok(match &step.operation {
            Operation::Request { ciphertext } => values.request(*ciphertext)?.clone(),
            Operation::Transform { input, transform } => {
                self.transforms[*transform].apply(evaluator, values.get(*input)?)?
            }
            Operation::Rotate { input, steps } => evaluator.rotate(values.get(*input)?, *steps)?,
            Operation::Combine { terms } => match terms[..] {
                [([1, 0], left), ([1, 0], right)] => {
                    add(context, values.get(left)?, values.get(right)?)?
                }
                _ => combine(evaluator, terms, values)?,
            },
            Operation::AddPlaintext { input, plaintext } => {
                let mut sum = values.get(*input)?.clone();
                self.plaintexts[*plaintext].add_to(&mut sum)?;
                sum
            }
            Operation::Bootstrap { input, activation } => {
                let activation = &self.program.activations[*activation];
                let input = values.get(*input)?;
                let bootstrapper = self.scheme.bootstrapper();
                // A checked program has bootstraps only if it has one.
                let missing = EvalError::Empty { operation: "a bootstrap" };
                bootstrapper.ok_or(missing)?.apply(evaluator, activation, input, observer)?
            }
            Operation::Square { input, rescales } => {
                evaluator.square_rescaled(values.get(*input)?, *rescales)?
            }
            Operation::Polynomial { input, polynomial } => {
                let data = &self.program.polynomials[*polynomial];
                let real = |c: &f64| Complex64::new(*c, 0.0);
                let coefficients: Vec<Complex64> = data.coefficients.iter().map(real).collect();
                let (basis, input) = (PolynomialBasis::Chebyshev, values.get(*input)?);
                polynomial::evaluate(evaluator, basis, &coefficients, input, data.scale)?
            }
            Operation::Rescale { input, level, scale } => {
                rescaled(context, values.get(*input)?, *level, *scale)?
            }
        })
    }
}

/// How many of these steps, the first of which makes value `index + 1`, can be done side by side: at
/// most so many, of one layer, none of which reads another's result.
fn side_by_side(steps: &[Step], index: usize, most: usize) -> usize {
    let fits = |step: &&Step| {
        step.layer == steps[0].layer && step.operation.inputs().all(|input| input <= index)
    };
    steps.iter().take(most).take_while(fits).count().max(1)
}

/// An observer of several bootstraps at once.
struct Shared<'a, O>(&'a Mutex<O>);

impl<O: Observer> Observer for Shared<'_, &mut O> {
    fn stage(&mut self, stage: Stage, result: &Ciphertext) -> ControlFlow<()> {
        // What an observer panicked over is over.
        self.0.lock().unwrap_or_else(PoisonError::into_inner).stage(stage, result)
    }
}

/// A value at a lower level and with exactly this scale.
fn rescaled(
    context: &Context,
    value: &Ciphertext,
    level: usize,
    scale: f64,
) -> Result<Ciphertext, EvalError> {
    let terms = vec![(Complex64::ONE, value)];
    LinearCombination { terms, constant: Complex64::ZERO }.rescaled(context, level, scale)
}

fn combine(
    evaluator: Evaluator<'_>,
    terms: &[([i32; 2], Value)],
    values: &Values,
) -> Result<Ciphertext, RunError> {
    let term = |&([re, im], value): &([i32; 2], Value)| {
        Ok((Complex64::new(f64::from(re), f64::from(im)), values.get(value)?))
    };
    let terms = terms.iter().map(term).collect::<Result<Vec<_>, RunError>>()?;
    let level = terms.iter().map(|(_, c)| c.level()).min().unwrap_or(0);
    let scale = terms.first().map_or(0.0, |(_, c)| c.scale);
    let sum = LinearCombination { terms, constant: Complex64::ZERO };
    Ok(sum.at(evaluator.context, level, scale)?)
}

/// The request, and the values that later steps still read.
struct Values {
    /// All ciphertexts of the request but the first, which is value 0.
    request: Vec<Ciphertext>,
    made: Vec<Option<Ciphertext>>,
}

impl Values {
    fn new(request: Vec<Ciphertext>) -> Self {
        let mut ciphertexts = request.into_iter();
        let made = vec![ciphertexts.next()];
        Self { request: ciphertexts.collect(), made }
    }

    fn request(&self, ciphertext: usize) -> Result<&Ciphertext, RunError> {
        let found = ciphertext.checked_sub(1).and_then(|index| self.request.get(index));
        // A checked program names as many as there are.
        found.ok_or(RunError::Eval(EvalError::Empty { operation: "a step" }))
    }

    fn get(&self, value: Value) -> Result<&Ciphertext, RunError> {
        let found = self.made.get(value).and_then(Option::as_ref);
        // A checked program reads nothing that is gone.
        found.ok_or(RunError::Eval(EvalError::Empty { operation: "a step" }))
    }

    fn take(&mut self, value: Value) -> Result<Ciphertext, RunError> {
        let found = self.made.get_mut(value).and_then(Option::take);
        found.ok_or(RunError::Eval(EvalError::Empty { operation: "a run" }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(layer: usize, input: Value) -> Step {
        Step { operation: Operation::Rotate { input, steps: 1 }, layer }
    }

    /// Three rotations of the request, a sum of the last two, another rotation of the request, and
    /// one in the next layer.
    fn steps() -> Vec<Step> {
        let sum = Operation::Combine { terms: vec![([1, 0], 2), ([1, 0], 3)] };
        let sum = Step { operation: sum, layer: 0 };
        vec![step(0, 0), step(0, 0), step(0, 0), sum, step(0, 0), step(1, 0)]
    }

    #[test]
    fn what_waits_for_nothing_runs_side_by_side() {
        let together = |from: usize, most| side_by_side(&steps()[from..], from, most);
        assert_eq!(together(0, 8), 3, "the sum reads the two before it");
        assert_eq!(together(1, 8), 2, "the first of them too");
        // What the sum reads is there, and so is what the rotation after it reads.
        assert_eq!(together(3, 8), 2, "the next layer waits");
        assert_eq!(together(5, 8), 1, "nothing is left");
        for most in 0..=3 {
            // No more than there are threads, but one at least.
            assert_eq!(together(0, most), most.max(1));
        }
    }

    #[test]
    fn all_steps_are_run_once_and_read_what_is_there() {
        let steps = steps();
        for most in 1..=8 {
            let mut done = 0;
            while done < steps.len() {
                let together = side_by_side(&steps[done..], done, most);
                assert!((1..=most).contains(&together));
                for step in &steps[done..done + together] {
                    assert_eq!(step.layer, steps[done].layer);
                    assert!(step.operation.inputs().all(|input| input <= done), "{most}: {step:?}");
                }
                done += together;
            }
            assert_eq!(done, steps.len());
        }
    }
}
