//! Programs on numbers in the clear, slot by slot, with the noise that ciphertexts would have.
//!
//! Dividing a ciphertext rounds both its halves, a key switch multiplies the errors of a key, weights
//! are rounded when they are encoded, and a bootstrap has errors of its own ([`Deviation`] has the
//! sizes). All of it is nearly Gaussian and independent from slot to slot, so a run with random numbers
//! of these deviations says what noise does to a result, whatever the slots hold that nobody reads.
//! Slots are complex: where all weights are real the imaginary part is noise alone, but squares bring
//! it back to the real one.

mod noise;
mod polynomial;
mod score_error;

use std::collections::HashMap;

use blindsight_ckks::encoding::Complex64;
use blindsight_ckks_eval::bootstrap::BootstrapNoise;
use blindsight_ckks_eval::linear_transform::{Node, Term, TransformPlan};
use blindsight_contract::BoxData;
use blindsight_engine::{Operation, Program, Step};
use blindsight_model::tensor::Shape;
use blindsight_ring::GaloisElement;

use crate::contract::Formats;
use crate::noise::Gaussian;
pub(crate) use noise::{ProgramNoise, RingNoise};
pub(crate) use score_error::{mean_square, of_program as score_error, with_approximations};

/// Where noise enters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The request, as it is encrypted.
    Request,
    /// A rotated copy in a transform: the first rotation of a ciphertext, or of a copy.
    Copy { first: bool },
    /// The weights of a transform that repeat with this period: relative to values of 1.
    Weights { period: usize },
    /// A sum in a transform that is rotated by a giant step.
    Giant,
    /// A product within a polynomial, or its result.
    Product,
    /// The result of the step.
    Result,
}

/// How large the noise of each source is.
pub(crate) trait Deviation {
    /// The deviations of the real and of the imaginary part of a slot, for a step by its index. The
    /// request has none.
    fn of(&self, source: Source, step: Option<usize>) -> [f64; 2];

    /// What bootstraps add.
    fn of_bootstraps(&self) -> Option<BootstrapNoise> {
        None
    }

    /// The deviation of a score, as the answer is made small.
    fn of_answer(&self) -> f64 {
        0.0
    }
}

/// No noise at all.
pub(crate) struct Exact;

impl Deviation for Exact {
    fn of(&self, _: Source, _: Option<usize>) -> [f64; 2] {
        [0.0; 2]
    }
}

/// The noise of one step.
struct OfStep<'a, D> {
    deviation: &'a D,
    step: usize,
}

impl<D: Deviation> OfStep<'_, D> {
    fn of(&self, source: Source) -> [f64; 2] {
        self.deviation.of(source, Some(self.step))
    }
}

/// A program that is run in the clear.
pub(crate) struct Simulation<'a> {
    program: &'a Program,
    formats: &'a Formats,
    slots: usize,
    /// By how much automorphisms rotate.
    rotations: HashMap<GaloisElement, i64>,
}

impl<'a> Simulation<'a> {
    pub(crate) fn new(program: &'a Program, formats: &'a Formats, slots: usize) -> Self {
        let element = |steps| GaloisElement::rotation(steps, 2 * slots);
        let rotations = (0..slots as i64).map(|steps| (element(steps), steps)).collect();
        Self { program, formats, slots, rotations }
    }

    /// The scores of an input, in units of their bound.
    pub(crate) fn scores(
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
            slots_of.map(|z| z.re).sum::<f64>() / (self.slots / period) as f64
        };
        let classes = self.formats.answer_slots.iter();
        classes.map(|class| mean(class) + deviation.of_answer() * random.next()).collect()
    }

    /// The mean magnitude of the slots of each value: no coefficient of its polynomial is larger
    /// than that times its scale. Of the sums that become the answer only the coefficients count
    /// that it keeps: what others wrap around to is dropped.
    pub(crate) fn magnitudes(&self, input: &[f32]) -> Vec<f64> {
        let values = self.run(input, &Exact, &mut Gaussian::new(1));
        let last = self.program.layers().saturating_sub(1);
        let is_sum = |step: &Step| {
            step.layer == last && matches!(step.operation, Operation::Transform { .. })
        };
        let first_sum = self.program.steps.iter().position(is_sum).unwrap_or(usize::MAX);
        let mean = |(index, value): (usize, &Vec<Complex64>)| {
            let period = if index > first_sum { self.formats.answer_period } else { self.slots };
            let kept = (0..period).map(|slot| value.iter().skip(slot).step_by(period));
            kept.map(|slots| slots.sum::<Complex64>().norm()).sum::<f64>() / self.slots as f64
        };
        values.iter().enumerate().map(mean).collect()
    }

    /// All values, the request first.
    fn run(
        &self,
        input: &[f32],
        deviation: &impl Deviation,
        random: &mut Gaussian,
    ) -> Vec<Vec<Complex64>> {
        let all = self.formats.ciphertexts * self.slots;
        let mut request = packed(&self.formats.boxes, self.formats.input, input, all);
        spoil(&mut request, deviation.of(Source::Request, None), random);
        let mut values = vec![request[..self.slots].to_vec()];
        for (index, step) in self.program.steps.iter().enumerate() {
            let deviation = OfStep { deviation, step: index };
            let mut result = self.step(&step.operation, &request, &values, &deviation, random);
            spoil(&mut result, deviation.of(Source::Result), random);
            values.push(result);
        }
        values
    }

    fn step(
        &self,
        operation: &Operation,
        request: &[Complex64],
        values: &[Vec<Complex64>],
        deviation: &OfStep<'_, impl Deviation>,
        random: &mut Gaussian,
    ) -> Vec<Complex64> {
        let program = self.program;
        match operation {
            Operation::Request { ciphertext } => {
                request[ciphertext * self.slots..][..self.slots].to_vec()
            }
            Operation::Transform { input, transform } => {
                let plan = &program.transforms[*transform];
                self.transformed(plan, &values[*input], deviation, random)
            }
            Operation::Rotate { input, steps } => rotated(&values[*input], *steps),
            Operation::Combine { terms } => {
                let mut sum = vec![Complex64::ZERO; self.slots];
                for ([re, im], value) in terms {
                    let factor = Complex64::new(f64::from(*re), f64::from(*im));
                    sum.iter_mut().zip(&values[*value]).for_each(|(s, x)| *s += factor * x);
                }
                sum
            }
            Operation::AddPlaintext { input, plaintext } => {
                let added: &[Complex64] = &program.plaintexts[*plaintext].values;
                let pairs = values[*input].iter().zip(added.iter().cycle());
                pairs.map(|(x, y)| x + y).collect()
            }
            Operation::Square { input, .. } => values[*input].iter().map(|x| x * x).collect(),
            Operation::Polynomial { input, polynomial } => {
                let coefficients = &program.polynomials[*polynomial].coefficients;
                let mut product = || random.complex(deviation.of(Source::Product));
                let value = |u: &Complex64| polynomial::eval(coefficients, *u, &mut product);
                values[*input].iter().map(value).collect()
            }
            Operation::Bootstrap { input, activation } => {
                let fill = program.bootstrap.as_ref().map_or(1.0, |bootstrap| bootstrap.fill);
                let polynomial = &program.activations[*activation];
                let noise = deviation.deviation.of_bootstraps();
                let value = |u: &Complex64| {
                    let (t, exact) = (fill * u.re, polynomial.eval(fill * u.re));
                    let off = noise.map_or(0.0, |noise| noise.of(polynomial, t) * random.next());
                    Complex64::new(exact + off, 0.0)
                };
                values[*input].iter().map(value).collect()
            }
            Operation::Rescale { input, .. } => values[*input].clone(),
        }
    }

    fn transformed(
        &self,
        plan: &TransformPlan,
        x: &[Complex64],
        deviation: &OfStep<'_, impl Deviation>,
        random: &mut Gaussian,
    ) -> Vec<Complex64> {
        let mut copies: Vec<Vec<Complex64>> = Vec::with_capacity(plan.nodes.len());
        for node in &plan.nodes {
            copies.push(match *node {
                Node::Input { mask: None } => x.to_vec(),
                Node::Input { mask: Some(mask) } => {
                    x.iter().zip(&plan.masks[mask]).map(|(x, kept)| x * kept.re).collect()
                }
                Node::Step { from, element } => {
                    let first = matches!(plan.nodes[from], Node::Input { .. });
                    let mut copy = rotated(&copies[from], self.rotations[&element]);
                    spoil(&mut copy, deviation.of(Source::Copy { first }), random);
                    copy
                }
            });
        }
        let giant = plan.giant.map_or(0, |giant| self.rotations[&giant]);
        let mut result = vec![Complex64::ZERO; self.slots];
        for (index, sum) in plan.sums.iter().enumerate().rev() {
            if index + 1 < plan.sums.len() {
                result = rotated(&result, giant);
                spoil(&mut result, deviation.of(Source::Giant), random);
            }
            let period = sum.first().map_or(1, |term| term.weights.len());
            let weights = deviation.of(Source::Weights { period });
            add_weighted(&mut result, sum, &copies, weights, random);
        }
        result
    }
}

/// Adds the weighted copies of one sum. What is wrong with the weights of all terms together is one
/// random number a slot, of this deviation where copies are 1.
fn add_weighted(
    result: &mut [Complex64],
    sum: &[Term],
    copies: &[Vec<Complex64>],
    deviation: [f64; 2],
    random: &mut Gaussian,
) {
    for term in sum {
        let weights = term.weights.iter().cycle();
        let slots = result.iter_mut().zip(&copies[term.node]);
        slots.zip(weights).for_each(|((y, x), w)| *y += x * w);
    }
    if deviation == [0.0; 2] {
        return;
    }
    let mut squares = vec![0.0; result.len()];
    for term in sum {
        let slots = squares.iter_mut().zip(&copies[term.node]);
        slots.for_each(|(square, x)| *square += x.norm_sqr());
    }
    for (y, square) in result.iter_mut().zip(squares) {
        *y += random.complex(deviation) * square.sqrt();
    }
}

/// The slots of a request.
fn packed(boxes: &[BoxData], shape: Shape, input: &[f32], slots: usize) -> Vec<Complex64> {
    let mut packed = vec![Complex64::ZERO; slots];
    for part in boxes {
        for c in 0..part.extent[0] {
            for y in 0..part.extent[1] {
                for x in 0..part.extent[2] {
                    let slot =
                        part.slot + c * part.strides[0] + y * part.strides[1] + x * part.strides[2];
                    let at = (c + part.from[0]) as usize * shape.plane()
                        + (y + part.from[1]) as usize * shape.width()
                        + (x + part.from[2]) as usize;
                    packed[slot as usize % slots] = Complex64::new(f64::from(input[at]), 0.0);
                }
            }
        }
    }
    packed
}

fn rotated(x: &[Complex64], steps: i64) -> Vec<Complex64> {
    let mut y = x.to_vec();
    y.rotate_left(steps.rem_euclid(x.len() as i64) as usize);
    y
}

fn spoil(x: &mut [Complex64], deviation: [f64; 2], random: &mut Gaussian) {
    if deviation != [0.0; 2] {
        x.iter_mut().for_each(|x| *x += random.complex(deviation));
    }
}
