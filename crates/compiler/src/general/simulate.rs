//! Programs on numbers in the clear, slot by slot, with the noise that ciphertexts would have.
//!
//! Dividing a ciphertext rounds both its halves, a key switch multiplies the errors of a key, and
//! weights are rounded when they are encoded ([`Deviation`] has the sizes). All of it is nearly
//! Gaussian and independent from slot to slot, so a run with random numbers of these deviations says
//! what noise does to a result, whatever the slots hold that nobody reads. Slots are complex: the
//! imaginary part is noise alone, but squares bring it back to the real one.

mod noise;

use std::collections::HashMap;

use blindsight_ckks::encoding::Complex64;
use blindsight_ckks_eval::linear_transform::{Node, Term, TransformPlan};
use blindsight_contract::BoxData;
use blindsight_engine::{Operation, Program, Step};
use blindsight_model::tensor::Shape;
use blindsight_ring::GaloisElement;

use crate::contract::Formats;
use crate::noise::Gaussian;
pub(super) use noise::{ProgramNoise, RingNoise};

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

/// How large the noise of each source is: the deviations of the real and of the imaginary part of a
/// slot, for a step by its index. The request has none.
pub(super) trait Deviation {
    fn of(&self, source: Source, step: Option<usize>) -> [f64; 2];
}

/// No noise at all.
pub(super) struct Exact;

impl Deviation for Exact {
    fn of(&self, _: Source, _: Option<usize>) -> [f64; 2] {
        [0.0; 2]
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
            slots_of.map(|z| z.re).sum::<f64>() / (self.slots / period) as f64
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
            let of = |source: Source| deviation.of(source, Some(index));
            let mut result = self.step(&step.operation, &request, &values, of, random);
            spoil(&mut result, of(Source::Result), random);
            values.push(result);
        }
        values
    }

    fn step(
        &self,
        operation: &Operation,
        request: &[Complex64],
        values: &[Vec<Complex64>],
        deviation: impl Fn(Source) -> [f64; 2],
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
                pairs.map(|(x, y)| x + y).collect()
            }
            Operation::Square { input, .. } => values[*input].iter().map(|x| x * x).collect(),
            Operation::Polynomial { input, polynomial } => {
                let coefficients = &program.polynomials[*polynomial].coefficients;
                values[*input].iter().map(|u| chebyshev(coefficients, *u)).collect()
            }
            Operation::Bootstrap { input, activation } => {
                let fill = program.bootstrap.as_ref().map_or(1.0, |bootstrap| bootstrap.fill);
                let polynomial = &program.activations[*activation];
                let real = values[*input].iter().map(|u| polynomial.eval(fill * u.re));
                real.map(|y| Complex64::new(y, 0.0)).collect()
            }
            Operation::Rescale { input, .. } => values[*input].clone(),
        }
    }

    fn transformed(
        &self,
        plan: &TransformPlan,
        x: &[Complex64],
        deviation: impl Fn(Source) -> [f64; 2],
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
                    spoil(&mut copy, deviation(Source::Copy { first }), random);
                    copy
                }
            });
        }
        let giant = plan.giant.map_or(0, |giant| self.rotations[&giant]);
        let mut result = vec![Complex64::ZERO; self.slots];
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
    result: &mut [Complex64],
    sum: &[Term],
    copies: &[Vec<Complex64>],
    deviation: &impl Fn(Source) -> [f64; 2],
    random: &mut Gaussian,
) {
    // Weights of one transform are alike.
    let period = sum.first().map_or(1, |term| term.weights.len());
    let [re, im] = deviation(Source::Weights { period });
    let mut squares = vec![0.0; result.len()];
    for term in sum {
        let weights = term.weights.iter().cycle();
        let slots = result.iter_mut().zip(&mut squares);
        for (((y, square), x), w) in slots.zip(&copies[term.node]).zip(weights) {
            *y += x * w.re;
            *square += x.norm_sqr();
        }
    }
    if [re, im] != [0.0; 2] {
        for (y, square) in result.iter_mut().zip(squares) {
            *y += Complex64::new(re * random.next(), im * random.next()) * square.sqrt();
        }
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

fn spoil(x: &mut [Complex64], [re, im]: [f64; 2], random: &mut Gaussian) {
    if [re, im] != [0.0; 2] {
        x.iter_mut().for_each(|x| *x += Complex64::new(re * random.next(), im * random.next()));
    }
}

/// The sum of Chebyshev polynomials with these factors.
fn chebyshev(coefficients: &[f64], u: Complex64) -> Complex64 {
    let (mut sum, mut last, mut next) = (Complex64::ZERO, Complex64::ONE, u);
    for c in coefficients {
        sum += last * *c;
        (last, next) = (next, u * next * 2.0 - last);
    }
    sum
}
