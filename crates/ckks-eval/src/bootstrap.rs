//! The functional bootstrap: a fresh ciphertext of `f(x)` from a spent one of `x`.
//!
//! Slots to coefficients, raise the modulus, coefficients to slots: the slots then hold `t + I`,
//! with `t` a fraction of the circle and `I` an unknown integer. Their exponential
//! `exp(2 pi i (t + I))` no longer knows `I`, and a trigonometric polynomial of it is any function
//! of `t`: refreshing and activating are one step. A value beyond the range wraps around the
//! circle; the result stays bounded.

use std::ops::ControlFlow;

use blindsight_ckks::ciphertext::Ciphertext;
use blindsight_ckks::encoding::Complex64;
use blindsight_ckks::keys::{Rotations, rotations};
use blindsight_ckks::parameters::Parameters;
use thiserror::Error;

use crate::activation::TrigPolynomial;
use crate::arithmetic::{add, scales_agree};
use crate::dft::{self, Direction, GroupSettings};
use crate::evaluator::{Context, Evaluator, MissingKey};
use crate::exponential::ExponentialSeries;
use crate::linear_transform::LinearTransform;
use crate::polynomial::{self, PolynomialBasis};
use crate::raise::raise;

/// The matrices and polynomials of the functional bootstrap of one parameter set.
#[derive(Debug)]
pub struct Bootstrapper {
    to_coefficients: [LinearTransform; 2],
    to_slots: [LinearTransform; 3],
    raised_rotations: Vec<i64>,
    exponential: Vec<Complex64>,
}

/// Why a ciphertext cannot be bootstrapped.
#[derive(Debug, Error, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum BootstrapError {
    /// The client's keys are incomplete.
    #[error(transparent)]
    MissingKey(#[from] MissingKey),
    /// The ciphertext has too few limbs.
    #[error("a ciphertext with {actual} limbs cannot be bootstrapped: it needs {needed}")]
    Level {
        /// Limbs of the ciphertext.
        actual: usize,
        /// Limbs needed.
        needed: usize,
    },
    /// The ciphertext has another scale than linear layers give.
    #[error("a ciphertext of scale 2^{actual:.3} cannot be bootstrapped: it must be 2^{needed:.3}")]
    Scale {
        /// `log2` of the ciphertext's scale.
        actual: f64,
        /// `log2` of the scale needed.
        needed: f64,
    },
    /// The observer ended it.
    #[error("the bootstrap was stopped")]
    Stopped,
}

/// Watches one bootstrap: for measurements, and to end it early.
pub trait Observer {
    /// A stage has ended, `result` is its output; returning `Break` ends the bootstrap.
    fn stage(&mut self, stage: Stage, result: &Ciphertext) -> ControlFlow<()> {
        let _ = (stage, result);
        ControlFlow::Continue(())
    }
}

/// The stages of the functional bootstrap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Slots to coefficients: `t * q0` in the coefficients.
    SlotsToCoefficients,
    /// Modulus raised, coefficients in slots, real part taken: `(t + I) / (K + 1/2)`.
    CoefficientsToSlots,
    /// `exp(2 pi i t)`.
    Exponential,
    /// `f`.
    Activation,
}

impl Observer for () {}

impl Bootstrapper {
    /// Encodes the matrices of the context's parameter set.
    #[must_use]
    pub fn new(context: &Context) -> Self {
        let set = context.set();
        let steps = rotations(set.slots());
        let raised = steps.coefficients_to_slots[0];
        Self {
            to_coefficients: to_coefficients(context, &steps),
            to_slots: to_slots(context, &steps),
            raised_rotations: (0..raised.babies).map(|i| (i * raised.step()) as i64).collect(),
            exponential: exponential_series(set),
        }
    }

    /// The bytes the matrices occupy in memory.
    #[must_use]
    pub fn byte_len(&self) -> usize {
        self.to_coefficients.iter().chain(&self.to_slots).map(LinearTransform::byte_len).sum()
    }

    /// A ciphertext of `activation(fill * x)` at the level of linear layers, from one of `x` in
    /// `[-1, 1]` at the level of slots-to-coefficients and the scale of linear layers.
    ///
    /// # Errors
    /// When the ciphertext has the wrong level or scale, a key is missing, or the observer ends it.
    pub fn apply(
        &self,
        evaluator: Evaluator<'_>,
        activation: &TrigPolynomial,
        input: &Ciphertext,
        observer: &mut impl Observer,
    ) -> Result<Ciphertext, BootstrapError> {
        check(evaluator.set(), input)?;
        let mut c = self.to_coefficients[0].apply(evaluator, input)?;
        c = self.to_coefficients[1].apply(evaluator, &c)?;
        notify(observer, Stage::SlotsToCoefficients, &c)?;
        let y = self.raise_to_slots(evaluator, &c)?;
        notify(observer, Stage::CoefficientsToSlots, &y)?;
        let mut e =
            polynomial::evaluate(evaluator, PolynomialBasis::Chebyshev, &self.exponential, &y)?;
        for _ in 0..exponential_squarings(evaluator.set()) {
            e = evaluator.square(&e)?;
        }
        notify(observer, Stage::Exponential, &e)?;
        let result = real_polynomial(evaluator, activation, &e)?;
        notify(observer, Stage::Activation, &result)?;
        Ok(result)
    }

    /// The slots `(t + I) / (K + 1/2)` from coefficients `t * q0` at the base modulus.
    fn raise_to_slots(
        &self,
        evaluator: Evaluator<'_>,
        c: &Ciphertext,
    ) -> Result<Ciphertext, MissingKey> {
        let [raised, middle, low] = &self.to_slots;
        let copies = raise(evaluator, c, self.raised_rotations.iter().copied())?;
        let base = evaluator.set().chain().primes()[0].value() as f64;
        let mut z = raised.apply_to_babies(evaluator, copies, base)?;
        z = middle.apply(evaluator, &z)?;
        z = low.apply(evaluator, &z)?;
        // The upper half of the coefficients holds integer parts alone; it is the imaginary part.
        let mut y = add(evaluator.context, &z, &evaluator.conjugate(&z)?);
        y.scale = evaluator.set().scale(y.level());
        Ok(y)
    }
}

/// `Re sum_k c_k E^k`: half of the complex polynomial plus its conjugate.
fn real_polynomial(
    evaluator: Evaluator<'_>,
    activation: &TrigPolynomial,
    e: &Ciphertext,
) -> Result<Ciphertext, MissingKey> {
    let halves: Vec<Complex64> = activation
        .coefficients()
        .iter()
        .map(|[re, im]| Complex64::new(re / 2.0, im / 2.0))
        .collect();
    let half = polynomial::evaluate(evaluator, PolynomialBasis::Monomial, &halves, e)?;
    Ok(add(evaluator.context, &half, &evaluator.conjugate(&half)?))
}

fn notify(
    observer: &mut impl Observer,
    stage: Stage,
    result: &Ciphertext,
) -> Result<(), BootstrapError> {
    match observer.stage(stage, result) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(BootstrapError::Stopped),
    }
}

fn check(set: &Parameters, input: &Ciphertext) -> Result<(), BootstrapError> {
    let levels = set.levels();
    if input.level() < levels.slots_to_coefficients {
        let needed = levels.slots_to_coefficients;
        return Err(BootstrapError::Level { actual: input.level(), needed });
    }
    let needed = set.scale(levels.linear);
    if !scales_agree(input.scale, needed) {
        return Err(BootstrapError::Scale { actual: input.scale.log2(), needed: needed.log2() });
    }
    Ok(())
}

fn to_coefficients(context: &Context, steps: &Rotations) -> [LinearTransform; 2] {
    let set = context.set();
    let primes = set.chain().primes();
    let level = set.levels().slots_to_coefficients;
    // Both groups together take the scale of linear layers to fill * q0.
    let base = primes[0].value() as f64;
    let gain = set.literal().fill * base / set.scale(set.levels().linear);
    let shift = steps.slot_shift(set.slots());
    [0, 1].map(|i| {
        let level = level - i;
        let plan = dft::plan(
            set,
            steps.slots_to_coefficients[i],
            GroupSettings {
                direction: Direction::ToCoefficients,
                level,
                input_shift: shift,
                realign: (i == 1).then_some(steps.realign),
                weight_scale: primes[level - 1].value() as f64 * gain.sqrt(),
                raised: false,
            },
        );
        LinearTransform::new(context, plan)
    })
}

fn to_slots(context: &Context, steps: &Rotations) -> [LinearTransform; 3] {
    let set = context.set();
    let levels = set.levels();
    let primes = set.chain().primes();
    // The real part is twice half of z plus its conjugate, and the slots become
    // (t + I) / (K + 1/2).
    let spread = 2.0 * (f64::from(set.literal().integer_bound) + 0.5);
    let gain = set.scale(levels.chebyshev) / (primes[0].value() as f64 * spread);
    let mut input_shift = 0;
    [0, 1, 2].map(|i| {
        let (group, level) = (steps.coefficients_to_slots[i], levels.top - i);
        let settings = GroupSettings {
            direction: Direction::ToSlots,
            level,
            input_shift,
            realign: None,
            weight_scale: primes[level - 1].value() as f64 * gain.cbrt(),
            raised: i == 0,
        };
        input_shift += group.shift(set.slots());
        LinearTransform::new(context, dft::plan(set, group, settings))
    })
}

/// Squarings that take the Chebyshev polynomial's exponential to the whole circle.
fn exponential_squarings(set: &Parameters) -> usize {
    set.literal().chain.squarings.len()
}

fn exponential_series(set: &Parameters) -> Vec<Complex64> {
    let degree = (1 << set.literal().chain.chebyshev.len()) - 1;
    let squarings = exponential_squarings(set) as u32;
    let series = ExponentialSeries::new(set.literal().integer_bound, squarings, degree)
        .expect("a checked parameter set bounds the integer part below the degree");
    series.coefficients().iter().map(|[re, im]| Complex64::new(*re, *im)).collect()
}
