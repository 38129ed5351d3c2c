//! Programs on numbers in the clear, slot by slot, with the noise that ciphertexts would have.
//!
//! Dividing a ciphertext rounds both its halves, a key switch multiplies the errors of a key, and
//! weights are rounded when they are encoded ([`Noise`] has the sizes). All of it is nearly Gaussian
//! and independent from slot to slot, so a run with random numbers of these deviations says what
//! noise does to a result, whatever the slots hold that nobody reads.

use std::collections::HashMap;

use blindsight_ckks::encoding::Complex64;
use blindsight_ckks_eval::linear_transform::{Node, Term, TransformPlan};
use blindsight_contract::BoxData;
use blindsight_engine::{Operation, Program, Step};
use blindsight_model::tensor::Shape;
use blindsight_ring::GaloisElement;

use crate::contract::Formats;
use crate::noise::Gaussian;

/// Where noise enters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// The request, as it is encrypted.
    Request,
    /// A rotated copy in a transform: the first rotation of a ciphertext, or of a copy.
    Copy { first: bool },
    /// The weights of a transform that repeat with this period: relative to values of 1.
    Weights { period: usize },
    /// A sum in a transform that is rotated by a giant step.
    Giant,
    /// The result of the step.
    Result,
}

/// How large the noise of each source is: its deviation in a slot, for a step by its index. The
/// request has none.
pub(super) trait Deviation {
    fn of(&self, source: Source, step: Option<usize>) -> f64;
}

/// No noise at all.
pub(super) struct Exact;

impl Deviation for Exact {
    fn of(&self, _: Source, _: Option<usize>) -> f64 {
        0.0
    }
}

/// A program that is run in the clear.
pub(super) struct Simulation<'a> {
    program: &'a Program,
    formats: &'a Formats,
    slots: usize,
    /// By how much automorphisms rotate.
    rotations: HashMap<GaloisElement, i64>,
}

impl<'a> Simulation<'a> {
    pub(super) fn new(program: &'a Program, formats: &'a Formats, slots: usize) -> Self {
        let element = |steps| GaloisElement::rotation(steps, 2 * slots);
        let rotations = (0..slots as i64).map(|steps| (element(steps), steps)).collect();
        Self { program, formats, slots, rotations }
    }

    /// The scores of an input, in units of their bound.
    pub(super) fn scores(
        &self,
        input: &[f32],
        deviation: &impl Deviation,
        random: &mut Gaussian,
    ) -> Vec<f64> {
        let values = self.run(input, deviation, random);
        let result = &values[values.len() - 1];
        let period = self.formats.answer_period;
        // What an answer keeps: the mean over the slots of each class.
        let mean = |class: &u32| {
            let slots_of = result.iter().skip(*class as usize).step_by(period);
            slots_of.sum::<f64>() / (self.slots / period) as f64
        };
        self.formats.answer_slots.iter().map(mean).collect()
    }

    /// The mean magnitude of the slots of each value: no coefficient of its polynomial is larger
    /// than that times its scale. Of the sums that become the answer only the coefficients count
    /// that it keeps: what others wrap around to is dropped.
    pub(super) fn magnitudes(&self, input: &[f32]) -> Vec<f64> {
        let values = self.run(input, &Exact, &mut Gaussian::new(1));
        let last = self.program.layers().saturating_sub(1);
        let is_sum = |step: &Step| {
            step.layer == last && matches!(step.operation, Operation::Transform { .. })
        };
        let first_sum = self.program.steps.iter().position(is_sum).unwrap_or(usize::MAX);
        let mean = |(index, value): (usize, &Vec<f64>)| {
            let period = if index > first_sum { self.formats.answer_period } else { self.slots };
            let kept = (0..period).map(|slot| value.iter().skip(slot).step_by(period).sum::<f64>());
            kept.map(f64::abs).sum::<f64>() / self.slots as f64
        };
        values.iter().enumerate().map(mean).collect()
    }

    /// All values, the request first.
    fn run(
        &self,
        input: &[f32],
        deviation: &impl Deviation,
        random: &mut Gaussian,
    ) -> Vec<Vec<f64>> {
        let mut request = packed(&self.formats.boxes, self.formats.input, input, self.slots);
        spoil(&mut request, deviation.of(Source::Request, None), random);
        let mut values = vec![request];
        for (index, step) in self.program.steps.iter().enumerate() {
            let of = |source: Source| deviation.of(source, Some(index));
            let mut result = self.step(&step.operation, &values, of, random);
            spoil(&mut result, of(Source::Result), random);
            values.push(result);
        }
        values
    }

    fn step(
        &self,
        operation: &Operation,
        values: &[Vec<f64>],
        deviation: impl Fn(Source) -> f64,
        random: &mut Gaussian,
    ) -> Vec<f64> {
        let program = self.program;
        match operation {
            Operation::Transform { input, transform } => {
                let plan = &program.transforms[*transform];
                self.transformed(plan, &values[*input], deviation, random)
            }
            Operation::Rotate { input, steps } => rotated(&values[*input], *steps),
            Operation::Combine { terms } => {
                let mut sum = vec![0.0; self.slots];
                // Programs on real numbers have real factors.
                for ([factor, _], value) in terms {
                    let factor = f64::from(*factor);
                    sum.iter_mut().zip(&values[*value]).for_each(|(s, x)| *s += factor * x);
                }
                sum
            }
            Operation::AddPlaintext { input, plaintext } => {
                let added: &[Complex64] = &program.plaintexts[*plaintext].values;
                let pairs = values[*input].iter().zip(added.iter().cycle());
                pairs.map(|(x, y)| x + y.re).collect()
            }
            Operation::Square { input, .. } => values[*input].iter().map(|x| x * x).collect(),
            Operation::Polynomial { input, polynomial } => {
                let coefficients = &program.polynomials[*polynomial].coefficients;
                values[*input].iter().map(|u| chebyshev(coefficients, *u)).collect()
            }
            Operation::Bootstrap { input, activation } => {
                let fill = program.bootstrap.as_ref().map_or(1.0, |bootstrap| bootstrap.fill);
                let polynomial = &program.activations[*activation];
                values[*input].iter().map(|u| polynomial.eval(fill * u)).collect()
            }
            Operation::Rescale { input, .. } => values[*input].clone(),
        }
    }

    fn transformed(
        &self,
        plan: &TransformPlan,
        x: &[f64],
        deviation: impl Fn(Source) -> f64,
        random: &mut Gaussian,
    ) -> Vec<f64> {
        let mut copies: Vec<Vec<f64>> = Vec::with_capacity(plan.nodes.len());
        for node in &plan.nodes {
            copies.push(match *node {
                Node::Input { mask: None } => x.to_vec(),
                Node::Input { mask: Some(mask) } => {
                    x.iter().zip(&plan.masks[mask]).map(|(x, kept)| x * kept.re).collect()
                }
                Node::Step { from, element } => {
                    let first = matches!(plan.nodes[from], Node::Input { .. });
                    let mut copy = rotated(&copies[from], self.rotations[&element]);
                    spoil(&mut copy, deviation(Source::Copy { first }), random);
                    copy
                }
            });
        }
        let giant = plan.giant.map_or(0, |giant| self.rotations[&giant]);
        let mut result = vec![0.0; self.slots];
        for (index, sum) in plan.sums.iter().enumerate().rev() {
            if index + 1 < plan.sums.len() {
                result = rotated(&result, giant);
                spoil(&mut result, deviation(Source::Giant), random);
            }
            add_weighted(&mut result, sum, &copies, &deviation, random);
        }
        result
    }
}

/// Adds the weighted copies of one sum. What is wrong with the weights of all terms together is one
/// random number a slot.
fn add_weighted(
    result: &mut [f64],
    sum: &[Term],
    copies: &[Vec<f64>],
    deviation: &impl Fn(Source) -> f64,
    random: &mut Gaussian,
) {
    let mut variances = vec![0.0; result.len()];
    for term in sum {
        let variance = deviation(Source::Weights { period: term.weights.len() }).powi(2);
        let weights = term.weights.iter().cycle();
        let slots = result.iter_mut().zip(&mut variances);
        for (((y, v), x), w) in slots.zip(&copies[term.node]).zip(weights) {
            *y += x * w.re;
            *v += variance * x * x;
        }
    }
    for (y, variance) in result.iter_mut().zip(variances).filter(|(_, v)| *v > 0.0) {
        *y += variance.sqrt() * random.next();
    }
}

/// The slots of a request.
fn packed(boxes: &[BoxData], shape: Shape, input: &[f32], slots: usize) -> Vec<f64> {
    let mut packed = vec![0.0; slots];
    for part in boxes {
        for c in 0..part.extent[0] {
            for y in 0..part.extent[1] {
                for x in 0..part.extent[2] {
                    let slot =
                        part.slot + c * part.strides[0] + y * part.strides[1] + x * part.strides[2];
                    let at = (c + part.from[0]) as usize * shape.plane()
                        + (y + part.from[1]) as usize * shape.width()
                        + (x + part.from[2]) as usize;
                    packed[slot as usize % slots] = f64::from(input[at]);
                }
            }
        }
    }
    packed
}

fn rotated(x: &[f64], steps: i64) -> Vec<f64> {
    let mut y = x.to_vec();
    y.rotate_left(steps.rem_euclid(x.len() as i64) as usize);
    y
}

fn spoil(x: &mut [f64], deviation: f64, random: &mut Gaussian) {
    if deviation > 0.0 {
        x.iter_mut().for_each(|x| *x += deviation * random.next());
    }
}

/// The sum of Chebyshev polynomials with these factors.
fn chebyshev(coefficients: &[f64], u: f64) -> f64 {
    let (mut sum, mut last, mut next) = (0.0, 1.0, u);
    for c in coefficients {
        sum += c * last;
        (last, next) = (next, 2.0 * u * next - last);
    }
    sum
}
