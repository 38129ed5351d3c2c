//! Programs on numbers in the clear: what they compute, slot by slot, is what the network computes.

use blindsight_ckks::encoding::Complex64;
use blindsight_ckks_eval::linear_transform::{Node as Copy, TransformPlan};
use blindsight_contract::BoxData;
use blindsight_engine::{Operation, Program};
use blindsight_model::graph::{ActivationKind, Graph};
use blindsight_model::tensor::Tensor;
use blindsight_ring::GaloisElement;

use super::*;
use crate::testing::{
    calibration, convolutional, error_of_scores, inputs, odd, perceptron, plain_scores, tabular,
};

/// The slots of a request.
fn packed(boxes: &[BoxData], input: &Tensor, slots: usize) -> Vec<f64> {
    let shape = input.shape();
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
                    packed[slot as usize % slots] = f64::from(input.values()[at]);
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

/// By how much an automorphism rotates.
fn steps_of(element: GaloisElement, slots: usize) -> i64 {
    let steps = (0..slots as i64).find(|s| GaloisElement::rotation(*s, 2 * slots) == element);
    steps.unwrap()
}

fn transformed(plan: &TransformPlan, x: &[f64]) -> Vec<f64> {
    let slots = x.len();
    let mut copies: Vec<Vec<f64>> = Vec::new();
    for node in &plan.nodes {
        copies.push(match *node {
            Copy::Input { .. } => x.to_vec(),
            Copy::Step { from, element } => rotated(&copies[from], steps_of(element, slots)),
        });
    }
    let mut result = vec![0.0; slots];
    for sum in plan.sums.iter().rev() {
        if let Some(giant) = plan.giant {
            result = rotated(&result, steps_of(giant, slots));
        }
        for term in sum {
            let weights = term.weights.iter().cycle();
            for ((y, x), w) in result.iter_mut().zip(&copies[term.node]).zip(weights) {
                *y += x * w.re;
            }
        }
    }
    result
}

/// All values of a program.
fn run(program: &Program, request: Vec<f64>) -> Vec<f64> {
    let mut values = vec![request];
    for step in &program.steps {
        values.push(match &step.operation {
            Operation::Transform { input, transform } => {
                transformed(&program.transforms[*transform], &values[*input])
            }
            Operation::Rotate { input, steps } => rotated(&values[*input], *steps),
            Operation::Combine { terms } => {
                let mut sum = vec![0.0; values[0].len()];
                for ([re, im], value) in terms {
                    assert_eq!(*im, 0);
                    let factor = f64::from(*re);
                    sum.iter_mut().zip(&values[*value]).for_each(|(s, x)| *s += factor * x);
                }
                sum
            }
            Operation::AddPlaintext { input, plaintext } => {
                let added: &[Complex64] = &program.plaintexts[*plaintext].values;
                let pairs = values[*input].iter().zip(added.iter().cycle());
                pairs.map(|(x, y)| x + y.re).collect()
            }
            Operation::Square { input } => values[*input].iter().map(|x| x * x).collect(),
            Operation::Polynomial { input, polynomial } => {
                let polynomial = &program.polynomials[*polynomial].coefficients;
                let value = |u: &f64| {
                    let (mut sum, mut last, mut next) = (0.0, 1.0, *u);
                    for c in polynomial {
                        sum += c * last;
                        (last, next) = (next, 2.0 * u * next - last);
                    }
                    sum
                };
                values[*input].iter().map(value).collect()
            }
            Operation::Bootstrap { .. } | Operation::Rescale { .. } => panic!("{step:?}"),
        });
    }
    values.pop().unwrap()
}

/// The largest difference of a program's scores from those expected, as a part of the largest.
fn error(graph: &Graph, expected: impl Fn(&Tensor) -> Vec<f64>) -> f64 {
    let calibration = calibration(graph);
    let Emitted { program, formats, checked, .. } = emit(graph, &calibration, &[]).unwrap();
    let slots = checked.circuit.set().slots();
    let found = |input: &Tensor, _| {
        let result = run(&program, packed(&formats.boxes, input, slots));
        let period = formats.answer_period;
        // What an answer keeps: the mean over the slots of each class.
        let mean = |class: &u32| {
            let slots_of = result.iter().skip(*class as usize).step_by(period);
            slots_of.sum::<f64>() / (slots / period) as f64 * formats.answer_unit
        };
        formats.answer_slots.iter().map(mean).collect()
    };
    error_of_scores(graph, found, expected)
}

#[test]
fn programs_compute_what_networks_compute() {
    let square = ActivationKind::Square;
    for (name, graph) in [
        ("perceptron", perceptron(square)),
        ("tabular", tabular()),
        ("convolutional", convolutional()),
        ("odd", odd()),
    ] {
        let error = error(&graph, plain_scores(&graph));
        assert!(error < 1e-4, "{name}: {error:.1e}");
    }
}

#[test]
fn other_activations_are_polynomials() {
    for kind in ActivationKind::ALL {
        let graph = perceptron(kind);
        let network = Network::new(&graph, &calibration(&graph)).unwrap();
        let forms = activation::Forms::fit(&network).unwrap();
        let scores = |input: &Tensor| -> Vec<f64> {
            let scores = network.run(input.values(), |index, _, u| forms.eval(index, u));
            scores.iter().map(|score| score * network.bound).collect()
        };
        let error = error(&graph, scores);
        assert!(error < 1e-6, "{kind}: {error:.1e}");
        // And the polynomials are near the functions.
        for input in inputs(graph.shape(graph.input())) {
            let exact = network.run(input.values(), |_, activation, u| activation.eval(u));
            for (x, y) in exact.iter().zip(scores(&input)) {
                let error = (x - y / network.bound).abs();
                assert!(error < 0.1, "{kind}: {error}");
            }
        }
    }
}

#[test]
fn what_cannot_be_carried_says_why() {
    let mut parts = crate::testing::Parts::of_sides([1, 4, 4]);
    let mut last = parts.linear(parts.input(), [16, 16]);
    for _ in 0..9 {
        let next = parts.activation(last, ActivationKind::Tanh);
        last = parts.linear(next, [16, 16]);
    }
    let deep = parts.finish(last);
    // A level a matrix, and three an activation at least.
    assert_eq!(check(&deep), Err(LeveledError::Depth { needed: 37 }));
    let refused = emit(&deep, &calibration(&deep), &[]).unwrap_err();
    assert!(matches!(refused, CompileError::Leveled(LeveledError::Depth { needed: 37.. })));
    let mut parts = crate::testing::Parts::of_sides([3, 160, 160]);
    let sum = parts.linear(parts.input(), [2, 3 * 160 * 160]);
    let large = parts.finish(sum);
    assert!(matches!(check(&large), Err(LeveledError::Slots { slots: 16_384, .. })));
    let refused = emit(&large, &calibration(&large), &[]).unwrap_err();
    assert!(
        matches!(refused, CompileError::Leveled(LeveledError::Slots { slots: 16_384, .. })),
        "{refused}"
    );
    // A calibration of another network.
    let other = calibration(&perceptron(ActivationKind::Square));
    let refused = emit(&convolutional(), &other, &[]).unwrap_err();
    assert!(matches!(refused, CompileError::Leveled(LeveledError::Calibration)));
}
