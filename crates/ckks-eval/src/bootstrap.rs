//! The functional bootstrap: a fresh ciphertext of `f(x)` from a spent one of `x`.
//!
//! Slots to coefficients, raise the modulus, coefficients to slots: the slots then hold `t + I`,
//! with `t` a fraction of the circle and `I` an unknown integer. Their exponential
//! `exp(2 pi i (t + I))` no longer knows `I`, and a trigonometric polynomial of it is any function
//! of `t`: refreshing and activating are one step. A value beyond the range wraps around the
//! circle; the result stays bounded.

mod dft;
mod exponential;
mod failure;
mod groups;
mod noise;
mod parameters;
mod raise;

use std::ops::ControlFlow;

use blindsight_ckks::ciphertext::Ciphertext;
use blindsight_ckks::encoding::Complex64;
use blindsight_ckks::keys::{KeyError, KeyKind, KeyLayout};
use blindsight_ring::GaloisElement;
use thiserror::Error;

use crate::activation::TrigPolynomial;
use crate::arithmetic::add;
use crate::context::Context;
use crate::error::{EvalError, check_level, check_scale};
use crate::evaluator::Evaluator;
use crate::key_uses::KeyUses;
use crate::linear_transform::{LinearTransform, TransformPlan};
use crate::polynomial::{self, PolynomialBasis};
use dft::{Direction, GroupSettings};
use raise::raise;

pub use exponential::{ExponentialError, ExponentialSeries};
pub use failure::log2_overflow_probability;
pub use groups::{StepGroup, hoisted_parent};
pub use noise::BootstrapNoise;
pub use parameters::{BootstrapLiteral, BootstrapParameterError, BootstrapParameters, Levels};

/// The matrices and polynomials of a functional bootstrap.
#[derive(Debug)]
pub struct Bootstrapper {
    parameters: BootstrapParameters,
    to_coefficients: Vec<LinearTransform>,
    to_slots: Vec<LinearTransform>,
    raised_rotations: Vec<i64>,
    exponential: Vec<Complex64>,
}

/// Why a ciphertext cannot be bootstrapped.
#[derive(Debug, Error, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum BootstrapError {
    /// Keys, level or scale do not fit.
    #[error(transparent)]
    Eval(#[from] EvalError),
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
    /// Slots to coefficients: `t * q_1` in the coefficients.
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
    /// Encodes the matrices of a bootstrap. The context is that of its parameter set.
    ///
    /// # Errors
    /// When the scheme has no keys of a shape that is needed.
    pub fn new(context: &Context, parameters: &BootstrapParameters) -> Result<Self, KeyError> {
        let encode = |plan| LinearTransform::new(context, plan);
        let series = parameters.series().coefficients().iter();
        Ok(Self {
            to_coefficients: to_coefficients(parameters)?.into_iter().map(encode).collect(),
            to_slots: to_slots(parameters)?.into_iter().map(encode).collect(),
            raised_rotations: raised_rotations(parameters).collect(),
            exponential: series.map(|[re, im]| Complex64::new(*re, *im)).collect(),
            parameters: parameters.clone(),
        })
    }

    /// What the bootstrap is made of.
    #[must_use]
    pub fn parameters(&self) -> &BootstrapParameters {
        &self.parameters
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
        let parameters = &self.parameters;
        let levels = parameters.levels();
        check_level("a bootstrap", input.level(), levels.slots_to_coefficients)?;
        check_scale("a bootstrap", input.scale, parameters.linear_scale())?;
        let mut c = None;
        for group in &self.to_coefficients {
            c = Some(group.apply(evaluator, c.as_ref().unwrap_or(input))?);
        }
        let c = c.ok_or(EvalError::Empty { operation: "slots to coefficients" })?;
        notify(observer, Stage::SlotsToCoefficients, &c)?;
        let y = self.raise_to_slots(evaluator, &c)?;
        notify(observer, Stage::CoefficientsToSlots, &y)?;
        let scale = parameters.scale(levels.squarings);
        let chebyshev = PolynomialBasis::Chebyshev;
        let mut e = polynomial::evaluate(evaluator, chebyshev, &self.exponential, &y, scale)?;
        for _ in 0..parameters.literal().squarings {
            e = evaluator.square(&e)?;
        }
        notify(observer, Stage::Exponential, &e)?;
        let result = self.real_polynomial(evaluator, activation, &e)?;
        notify(observer, Stage::Activation, &result)?;
        Ok(result)
    }

    /// The slots `(t + I) / (K + 1/2)` from coefficients `t * q_1` at the base modulus.
    fn raise_to_slots(
        &self,
        evaluator: Evaluator<'_>,
        c: &Ciphertext,
    ) -> Result<Ciphertext, EvalError> {
        let (raised, lower) =
            self.to_slots.split_first().ok_or(EvalError::Empty { operation: "raising" })?;
        let rotations = self.raised_rotations.iter().copied();
        let copies = raise(evaluator, c, raised.baby_special(), rotations)?;
        let mut z = raised.apply_to_copies(evaluator, copies, evaluator.set().prime(1))?;
        for group in lower {
            z = group.apply(evaluator, &z)?;
        }
        // The upper half of the coefficients holds integer parts alone; it is the imaginary part.
        let mut y = add(evaluator.context, &z, &evaluator.conjugate(&z)?)?;
        // The same number at the scale `scale / spread` is t + I, and at `scale` what the series
        // takes.
        let scale = self.parameters.scale(self.parameters.levels().chebyshev);
        check_scale("coefficients to slots", y.scale * spread(&self.parameters), scale)?;
        y.scale = scale;
        Ok(y)
    }

    /// `Re sum_k c_k E^k`: half of the complex polynomial plus its conjugate.
    fn real_polynomial(
        &self,
        evaluator: Evaluator<'_>,
        activation: &TrigPolynomial,
        e: &Ciphertext,
    ) -> Result<Ciphertext, EvalError> {
        let halves: Vec<Complex64> = activation
            .coefficients()
            .iter()
            .map(|[re, im]| Complex64::new(re / 2.0, im / 2.0))
            .collect();
        let scale = self.parameters.linear_scale();
        let half = polynomial::evaluate(evaluator, PolynomialBasis::Monomial, &halves, e, scale)?;
        check_level("an activation", half.level(), self.parameters.levels().linear)?;
        add(evaluator.context, &half, &evaluator.conjugate(&half)?)
    }
}

impl BootstrapParameters {
    /// The bytes that the matrices of a bootstrap occupy in memory.
    ///
    /// # Errors
    /// When the scheme has no keys of a shape that is needed.
    pub fn encoded_byte_len(&self) -> Result<usize, KeyError> {
        let plans = to_coefficients(self)?.into_iter().chain(to_slots(self)?);
        Ok(plans.map(|plan| plan.encoded_byte_len(self.set())).sum())
    }

    /// The key switches of a bootstrap.
    ///
    /// # Errors
    /// When the scheme has no keys of a shape that is needed.
    pub fn add_uses(&self, uses: &mut KeyUses) -> Result<(), KeyError> {
        let (levels, degree) = (self.levels(), self.set().degree());
        for plan in to_coefficients(self)? {
            plan.add_uses(uses);
        }
        uses.add(KeyKind::DenseToSparse, levels.base);
        for steps in raised_rotations(self) {
            let element = GaloisElement::rotation(steps, degree);
            uses.add(KeyKind::SparseToDense(element), levels.top);
        }
        for (index, plan) in to_slots(self)?.iter().enumerate() {
            // The baby steps of the first group come out of the raised modulus.
            if index == 0 { plan.add_giant_use(uses) } else { plan.add_uses(uses) }
        }
        let conjugation = KeyKind::Automorphism(GaloisElement::conjugation(degree));
        uses.add(conjugation, levels.chebyshev);
        uses.add_rare(conjugation, levels.linear);
        for level in levels.linear + 1..=levels.chebyshev {
            uses.add(KeyKind::Relinearisation, level);
        }
        Ok(())
    }
}

/// The rotations of the baby steps of the first group of coefficients-to-slots.
fn raised_rotations(parameters: &BootstrapParameters) -> impl Iterator<Item = i64> {
    let first = parameters.literal().coefficients_to_slots.first();
    let rotations = |group: &StepGroup| (0..group.babies as i64, group.step() as i64);
    let (babies, step) = first.map(rotations).unwrap_or_default();
    babies.map(move |baby| baby * step)
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

fn to_coefficients(parameters: &BootstrapParameters) -> Result<Vec<TransformPlan>, KeyError> {
    let (set, literal) = (parameters.set(), parameters.literal());
    let groups = &literal.slots_to_coefficients;
    // All groups together take the scale of linear layers to fill * q_1.
    let gain = literal.fill * set.prime(1) / parameters.linear_scale();
    let mut input_shift = parameters.slot_shift();
    let mut level = parameters.levels().slots_to_coefficients;
    let mut plans = Vec::with_capacity(groups.len());
    for (index, group) in groups.iter().enumerate() {
        let special = parameters.key_levels().at(level)?.special;
        let last = index + 1 == groups.len();
        let settings = GroupSettings {
            direction: Direction::ToCoefficients,
            level,
            input_shift,
            realign: last.then(|| parameters.realign()),
            weight_scale: set.prime(level) * gain.powf(1.0 / groups.len() as f64),
            baby_special: special,
            giant_special: special,
        };
        plans.push(dft::plan(set, *group, settings));
        input_shift += group.shift(set.slots());
        level -= 1;
    }
    Ok(plans)
}

fn to_slots(parameters: &BootstrapParameters) -> Result<Vec<TransformPlan>, KeyError> {
    let (set, literal) = (parameters.set(), parameters.literal());
    let (groups, levels) = (&literal.coefficients_to_slots, parameters.levels());
    let gain = parameters.scale(levels.chebyshev) / (set.prime(1) * spread(parameters));
    let mut input_shift = 0;
    let mut level = levels.top;
    let mut plans = Vec::with_capacity(groups.len());
    for (index, group) in groups.iter().enumerate() {
        let special = parameters.key_levels().at(level)?.special;
        let raised = if index == 0 { KeyLayout::raised(set)?.special } else { special };
        let settings = GroupSettings {
            direction: Direction::ToSlots,
            level,
            input_shift,
            realign: None,
            weight_scale: set.prime(level) * gain.powf(1.0 / groups.len() as f64),
            baby_special: raised,
            giant_special: special,
        };
        plans.push(dft::plan(set, *group, settings));
        input_shift += group.shift(set.slots());
        level -= 1;
    }
    Ok(plans)
}

/// What coefficients-to-slots divides the slots by: the real part is half of z plus its conjugate,
/// and the slots become `(t + I) / (K + 1/2)`.
fn spread(parameters: &BootstrapParameters) -> f64 {
    2.0 * (f64::from(parameters.literal().integer_bound) + 0.5)
}
