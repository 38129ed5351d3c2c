//! Programs on numbers in the clear: what they compute, slot by slot, is what the network computes.

use std::collections::HashMap;

use blindsight_ckks::encoding::Complex64;
use blindsight_ckks_eval::linear_transform::{Node as Copy, TransformPlan};
use blindsight_contract::BoxData;
use blindsight_engine::{Operation, Program};
use blindsight_model::calibration::Calibration;
use blindsight_model::graph::{ActivationKind, Graph};
use blindsight_model::tensor::Tensor;
use blindsight_ring::GaloisElement;

use super::*;
use crate::cost::Machine;
use crate::testing::{
    Parts, calibration, channels, convolutional, deep, error_of_scores, gated, inputs, inverted,
    large, odd, perceptron, plain_scores, shallow, tabular,
};

/// The largest error of a polynomial that is accepted, in hundredths of its range.
const PERCENT: f64 = 1.0;

fn task<'a>(graph: &'a Graph, calibration: &'a Calibration) -> Task<'a> {
    Task { graph, calibration, samples: &[], machine: Machine::default() }
}

fn emit_leveled(task: Task<'_>) -> Result<Emitted, CompileError> {
    Leveled::new(task)?.emit(PERCENT)
}

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

/// By how much automorphisms rotate.
struct Rotations(HashMap<GaloisElement, i64>);

impl Rotations {
    fn new(slots: usize) -> Self {
        let element = |steps| GaloisElement::rotation(steps, 2 * slots);
        Self((0..slots as i64).map(|steps| (element(steps), steps)).collect())
    }
}

fn transformed(plan: &TransformPlan, x: &[f64], rotations: &Rotations) -> Vec<f64> {
    let mut copies: Vec<Vec<f64>> = Vec::new();
    for node in &plan.nodes {
        copies.push(match *node {
            Copy::Input { mask: None } => x.to_vec(),
            Copy::Input { mask: Some(mask) } => {
                x.iter().zip(&plan.masks[mask]).map(|(x, kept)| x * kept.re).collect()
            }
            Copy::Step { from, element } => rotated(&copies[from], rotations.0[&element]),
        });
    }
    let mut result = vec![0.0; x.len()];
    for sum in plan.sums.iter().rev() {
        if let Some(giant) = plan.giant {
            result = rotated(&result, rotations.0[&giant]);
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
    let rotations = Rotations::new(request.len());
    let mut values = vec![request];
    for step in &program.steps {
        values.push(match &step.operation {
            Operation::Transform { input, transform } => {
                transformed(&program.transforms[*transform], &values[*input], &rotations)
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
            Operation::Bootstrap { input, activation } => {
                let fill = program.bootstrap.as_ref().unwrap().fill;
                let polynomial = &program.activations[*activation];
                values[*input].iter().map(|u| polynomial.eval(fill * u)).collect()
            }
            Operation::Rescale { input, .. } => values[*input].clone(),
        });
    }
    values.pop().unwrap()
}

/// The largest difference of a program's scores from those expected, as a part of the largest.
fn error(graph: &Graph, emitted: &Emitted, expected: impl Fn(&Tensor) -> Vec<f64>) -> f64 {
    let Emitted { program, formats, checked, .. } = emitted;
    let slots = checked.circuit.set().slots();
    let found = |input: &Tensor, _| {
        let result = run(program, packed(&formats.boxes, input, slots));
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
    for (name, graph) in shallow() {
        let emitted = emit_leveled(task(&graph, &calibration(&graph))).unwrap();
        let error = error(&graph, &emitted, plain_scores(&graph));
        assert!(error < 1e-4, "{name}: {error:.1e}");
    }
}

/// The scores with the functions that are computed instead of activations.
fn approximate<'a>(network: &'a Network, forms: &'a Forms) -> impl Fn(&Tensor) -> Vec<f64> + 'a {
    |input| {
        let scores = network.run(input.values(), |site, _, u| forms.eval(site.activation, u));
        scores.iter().map(|score| score * network.bound).collect()
    }
}

#[test]
fn programs_with_bootstraps_do_too() {
    for (name, graph) in [
        ("tabular", tabular()),
        ("odd", odd()),
        ("deep", deep(6)),
        ("large", large([16, 64, 64])),
        ("large and odd", large([5, 40, 56])),
        ("channels", channels()),
        ("inverted", inverted()),
        ("gated", gated()),
    ] {
        let calibration = calibration(&graph);
        let emitted = emit_bootstrapped(task(&graph, &calibration)).unwrap();
        let network = Network::new(&graph, &calibration, Refreshes::Kept).unwrap();
        let forms = Forms::bootstrapped(&network, emitted.checked.circuit.bootstrap().unwrap());
        let error = error(&graph, &emitted, approximate(&network, &forms.unwrap()));
        let steps = |of: fn(&Operation) -> bool| {
            emitted.program.steps.iter().filter(|step| of(&step.operation)).count()
        };
        let bootstraps = steps(|operation| matches!(operation, Operation::Bootstrap { .. }));
        let transforms = steps(|operation| matches!(operation, Operation::Transform { .. }));
        let keys = emitted.checked.keys.specs().len();
        println!(
            "{name}: error {error:.1e}, {bootstraps} bootstraps, {transforms} transforms, {keys} \
             keys, {} MB, {:.2} s",
            emitted.program.encoded_byte_len(emitted.checked.circuit.set()) / 1_000_000,
            emitted.forecast.seconds
        );
        assert!(error < 1e-4, "{name}: {error:.1e}");
    }
}

#[test]
fn other_activations_are_polynomials() {
    for kind in ActivationKind::ALL {
        let graph = perceptron(kind);
        let calibration = calibration(&graph);
        let network = Network::new(&graph, &calibration, Refreshes::LeftOut).unwrap();
        let forms = Forms::leveled(&network, PERCENT / 100.0).unwrap();
        let scores = approximate(&network, &forms);
        let emitted = emit_leveled(task(&graph, &calibration)).unwrap();
        let error = error(&graph, &emitted, &scores);
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
    let deep = deep(9);
    // A level a matrix, and three an activation at least.
    assert_eq!(check_leveled(&deep), Err(GeneralError::Depth { needed: 37 }));
    let calibrated = calibration(&deep);
    let task_of_deep = task(&deep, &calibrated);
    // Whatever its polynomials, and with those that it gets.
    let network = Network::new(&deep, &calibrated, Refreshes::LeftOut).unwrap();
    let emitted = Leveled { task: task_of_deep, network }.emit(PERCENT);
    for refused in [Leveled::new(task_of_deep).map(drop), emitted.map(drop)] {
        let refused = refused.unwrap_err();
        let too_deep =
            matches!(refused, CompileError::General(GeneralError::Depth { needed: 37.. }));
        assert!(too_deep, "{refused}");
    }
    let mut parts = Parts::of_sides([3, 160, 160]);
    let sum = parts.linear(parts.input(), [2, 3 * 160 * 160]);
    let large = parts.finish(sum);
    for refused in [check_leveled(&large), check_bootstrapped(&large)] {
        assert!(matches!(refused, Err(GeneralError::Slots { slots: 16_384, .. })));
    }
    for emit in [emit_leveled, emit_bootstrapped] {
        let refused = emit(task(&large, &calibration(&large))).unwrap_err();
        let no_room =
            matches!(refused, CompileError::General(GeneralError::Slots { slots: 16_384, .. }));
        assert!(no_room, "{refused}");
        // A calibration of another network.
        let other = calibration(&perceptron(ActivationKind::Square));
        let refused = emit(task(&convolutional(), &other)).unwrap_err();
        assert!(matches!(refused, CompileError::General(GeneralError::Calibration)));
    }
}
