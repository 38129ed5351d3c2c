//! Programs on numbers in the clear: what they compute, slot by slot, is what the network computes.

use blindsight_ckks_eval::linear_transform::{Term, TransformPlan};
use blindsight_engine::Operation;
use blindsight_model::calibration::Calibration;
use blindsight_model::graph::{ActivationKind, Graph, Polynomial};
use blindsight_model::tensor::Tensor;

use super::activation::Form;
use super::*;
use crate::agreement::Purpose;
use crate::cost::Machine;
use crate::simulate::Exact;
use crate::testing::{
    Parts, branches, calibration, channels, convolutional, deep, digits, error_of_scores, gated,
    growing, heads, inputs, inverted, large, odd, perceptron, plain_scores, shallow, tabular, tall,
    wide,
};

/// The largest error of a polynomial that is accepted, in hundredths of its range.
const PERCENT: f64 = 1.0;

const DEGREES: Degrees = Degrees::Within { percent: PERCENT };

fn task<'a>(graph: &'a Graph, calibration: &'a Calibration) -> Task<'a> {
    Task { graph, calibration, samples: &[], purpose: Purpose::Labels, machine: Machine::default() }
}

fn emit_leveled(task: Task<'_>) -> Result<Emitted, CompileError> {
    Leveled::new(task)?.emit(DEGREES)
}

/// The largest difference of a program's scores from those expected, as a part of the largest.
fn error(graph: &Graph, emitted: &Emitted, expected: impl Fn(&Tensor) -> Vec<f64>) -> f64 {
    let Emitted { program, formats, checked, .. } = emitted;
    let simulation = Simulation::new(program, formats, checked.circuit.set().slots());
    let found = |input: &Tensor, _| {
        let scores = simulation.scores(input.values(), &Exact, &mut Gaussian::new(1));
        scores.iter().map(|score| score * formats.answer_unit).collect()
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

/// A feature map that is larger than the slots lies in two ciphertexts, row by row in turn, and its
/// pool in one.
#[test]
fn rows_are_dealt_out_to_what_a_pool_adds_up() {
    let graph = digits();
    let emitted = emit_leveled(task(&graph, &calibration(&graph))).unwrap();
    assert_eq!(emitted.checked.circuit.set().slots(), 4096);
    let count = |of: fn(&Operation) -> bool| {
        emitted.program.steps.iter().filter(|step| of(&step.operation)).count()
    };
    assert_eq!(count(|operation| matches!(operation, Operation::Square { rescales: 0, .. })), 4);
    // Two for the first convolution, one for each layer after it.
    assert_eq!(count(|operation| matches!(operation, Operation::Transform { .. })), 5);
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
        ("wide", wide()),
        ("tall", tall()),
        ("channels", channels()),
        ("inverted", inverted()),
        ("gated", gated()),
        ("branches", branches()),
        ("heads", heads()),
        ("growing", growing()),
    ] {
        let calibration = calibration(&graph);
        let emitted = emit_bootstrapped(task(&graph, &calibration)).unwrap();
        let network = Network::new(&graph, &calibration, Refreshes::Kept).unwrap();
        // Those that share a bootstrap have one polynomial; which of both programs it is, is not said.
        let joined = network.joined(emitted.checked.circuit.set().slots());
        let errors = joined.into_iter().chain([network]).map(|network| {
            let forms = Forms::bootstrapped(&network, emitted.checked.circuit.bootstrap().unwrap());
            error(&graph, &emitted, approximate(&network, &forms.unwrap()))
        });
        let error = errors.fold(f64::INFINITY, f64::min);
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

/// Two giant steps are one sum where a bootstrap reads the result, and nowhere else: scores are read
/// as they are, and squares of complex numbers are none of their real parts.
#[test]
fn giant_steps_share_sums_where_a_bootstrap_follows() {
    let graph = perceptron(ActivationKind::Relu);
    let calibration = calibration(&graph);
    let task = task(&graph, &calibration);
    // For each transform, how many of its weighted copies have imaginary weights.
    let imaginary = |emitted: &Emitted| -> Vec<(usize, usize)> {
        let plans = emitted.program.transforms.iter();
        let shared = |plan: &TransformPlan| {
            let copies = || plan.sums.iter().flatten();
            let is_shared = |term: &&Term| term.weights.iter().any(|weight| weight.im != 0.0);
            (copies().filter(is_shared).count(), copies().count())
        };
        plans.map(shared).collect()
    };
    let bootstrapped = imaginary(&emit_bootstrapped(task).unwrap());
    let [hidden @ .., (0, _)] = &bootstrapped[..] else { panic!("{bootstrapped:?}") };
    assert!(hidden.iter().all(|(shared, all)| 10 * shared >= 8 * all), "{bootstrapped:?}");
    assert!(imaginary(&emit_leveled(task).unwrap()).iter().all(|(shared, _)| *shared == 0));
}

/// Fully connected layers of a feature map with gaps, and of a vector that is there all around, have
/// fewer diagonals than rows where what they read is spread first.
#[test]
fn what_is_read_is_spread_over_the_slots() {
    let graph = heads();
    let emitted = emit_bootstrapped(task(&graph, &calibration(&graph))).unwrap();
    let plans = &emitted.program.transforms;
    let copies = |plan: &TransformPlan| plan.sums.iter().map(Vec::len).sum::<usize>();
    // The first of two transforms drops one prime, and the second the other.
    let halves = plans.iter().filter(|plan| plan.rescales == 1);
    let halves: Vec<usize> = halves.map(copies).collect();
    assert!(halves.len() >= 4 && halves.iter().all(|copies| *copies <= 64), "{halves:?}");
}

/// A layer whose weights are all zero reads nothing, whatever layout it is given.
#[test]
fn layers_of_zeros_are_biases() {
    let mut parts = Parts::of_sides([4, 8, 8]);
    let map = parts.conv(parts.input(), [16, 4, 3, 3], 1);
    let map = parts.activation(map, ActivationKind::Relu);
    let hidden = parts.blind(map, [200, 16 * 8 * 8]);
    let hidden = parts.activation(hidden, ActivationKind::Relu);
    let scores = parts.linear(hidden, [7, 200]);
    let graph = parts.finish(scores);
    let calibration = calibration(&graph);
    let emitted = emit_bootstrapped(task(&graph, &calibration)).unwrap();
    let network = Network::new(&graph, &calibration, Refreshes::Kept).unwrap();
    let forms = Forms::bootstrapped(&network, emitted.checked.circuit.bootstrap().unwrap());
    let error = error(&graph, &emitted, approximate(&network, &forms.unwrap()));
    assert!(error < 1e-4, "{error:.1e}");
}

#[test]
fn other_activations_are_polynomials() {
    for kind in ActivationKind::CONTINUOUS {
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

/// What is a polynomial is computed exactly, whatever error would be borne.
#[test]
fn polynomials_stay_what_they_are() {
    // One is largest in the middle and zero at the bound, for some ranges.
    for coefficients in
        [&[0.2, -0.1, 0.5, 0.1][..], &[-0.05, 0.1, 0.3, 0.4, -0.2], &[-0.5, 0.0, 1.0]]
    {
        let polynomial = Polynomial::new(coefficients).unwrap();
        let graph = perceptron(ActivationKind::Polynomial(polynomial));
        let calibration = calibration(&graph);
        let network = Network::new(&graph, &calibration, Refreshes::LeftOut).unwrap();
        for degrees in [Degrees::Within { percent: 5.0 }, Degrees::Keeping { agreement: 0.5 }] {
            let forms = degrees.forms(&network, &[], Purpose::Labels).unwrap();
            for activation in 0..2 {
                let Form::Polynomial(fit) = forms.get(activation) else { panic!("no polynomial") };
                assert_eq!(fit.coefficients().len(), coefficients.len());
                assert!(fit.rms_error() < 1e-6, "{:e}", fit.rms_error());
            }
        }
        let emitted = emit_leveled(task(&graph, &calibration)).unwrap();
        let error = error(&graph, &emitted, plain_scores(&graph));
        assert!(error < 1e-4, "{coefficients:?}: {error:.1e}");
        assert!(emit_bootstrapped(task(&graph, &calibration)).is_ok(), "{coefficients:?}");
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
    let emitted = Leveled { task: task_of_deep, network }.emit(DEGREES);
    for refused in [Leveled::new(task_of_deep).map(drop), emitted.map(drop)] {
        let refused = refused.unwrap_err();
        let too_deep =
            matches!(refused, CompileError::General(GeneralError::Depth { needed: 37.. }));
        assert!(too_deep, "{refused}");
    }
    let mut parts = Parts::of_sides([3, 300, 300]);
    let sum = parts.linear(parts.input(), [2, 3 * 300 * 300]);
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
