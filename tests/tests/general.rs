//! Networks of all kinds, encrypted: from numbers to scores.

#![expect(clippy::unwrap_used, reason = "what cannot be compiled or read has failed")]

use std::fs;

use blindsight_ckks_client::ClientSeed;
use blindsight_compiler::testing::{
    calibration, deep, error_of_first, error_of_scores, gated, heads, inputs, inverted, large,
    perceptron, plain_scores, shallow, tall, wide,
};
use blindsight_compiler::{Description, Form, InputRule, Wishes, check, compile};
use blindsight_contract::{AcceptedContract, Meaning};
use blindsight_engine::label::Entropy;
use blindsight_engine::{Bundle, BundleLimits, Engine, KeySet, Model};
use blindsight_model::graph::{ActivationKind, Graph, Polynomial};
use blindsight_model::plain::PlainNetwork;
use blindsight_model::tensor::Tensor;
use blindsight_session::Session;
use blindsight_tests::client::{bundle_of, exact_key, input, rng};
use blindsight_tests::repository;

/// A model with the keys of one client.
struct Visit {
    model: Model,
    session: Session,
    keys: KeySet,
}

impl Visit {
    fn new(bundle: &Bundle) -> Self {
        let model = Engine::default().load(bundle).unwrap();
        let contract = model.contract();
        let session = Session::new(contract, &ClientSeed::from_bytes(&[3; 32]));
        let mut keys = KeySet::default();
        for spec in contract.keys().specs() {
            let bytes = session.evaluation_key(spec).unwrap();
            keys.insert(Model::read_key(contract, spec, &bytes).unwrap());
        }
        Self { model, session, keys }
    }

    fn contract(&self) -> &AcceptedContract {
        self.model.contract()
    }

    /// The scores of an input, through ciphertexts.
    fn scores(&self, input: &[f32], seed: u8) -> Vec<f64> {
        let request = self.session.encrypt(self.contract(), input, &mut rng(seed)).unwrap();
        let answer = self.model.evaluate(&self.keys, &request, &mut ()).unwrap();
        self.session.decrypt(self.contract(), &answer).unwrap().to_vec()
    }
}

fn compiled(graph: &Graph, form: Form) -> Bundle {
    let classes = graph.shape(graph.output()).elements();
    compiled_with(graph, form, (0..classes).map(|class| class.to_string()).collect())
}

/// Without classes it is an encoder.
fn compiled_with(graph: &Graph, form: Form, classes: Vec<String>) -> Bundle {
    assert_eq!(check(graph).unwrap(), form);
    let description = Description {
        id: "sample".to_owned(),
        title: "Sample".to_owned(),
        classes,
        input: InputRule::Tensor,
    };
    let samples = inputs(graph.shape(graph.input()));
    let wishes = Wishes::default();
    let compiled = compile(graph, &calibration(graph), &description, &samples, wishes).unwrap();
    let forecast = compiled.contract.forecast;
    assert!(forecast.score_error > 0.0 && forecast.score_error.is_finite());
    Bundle::parse(&compiled.to_bytes().unwrap(), &BundleLimits::default()).unwrap()
}

/// The largest error of an encrypted score, as a part of the largest score.
fn error(graph: &Graph, form: Form) -> f64 {
    error_of(graph, &Visit::new(&compiled(graph, form)))
}

fn error_of(graph: &Graph, visit: &Visit) -> f64 {
    let found = |input: &Tensor, number: usize| visit.scores(input.values(), number as u8);
    error_of_scores(graph, found, plain_scores(graph))
}

/// The error of an encrypted score, root mean square over the inputs.
fn rms_error(graph: &Graph, visit: &Visit) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    let expected = plain_scores(graph);
    for (number, input) in inputs(graph.shape(graph.input())).iter().enumerate() {
        for (x, y) in visit.scores(input.values(), number as u8).iter().zip(expected(input)) {
            sum += (x - y).powi(2);
            count += 1.0;
        }
    }
    (sum / f64::max(count, 1.0)).sqrt()
}

#[test]
fn encrypted_networks_compute_what_plain_ones_compute() {
    for (name, graph) in shallow() {
        let visit = Visit::new(&compiled(&graph, Form::Leveled));
        let error = error_of(&graph, &visit);
        // Scales are as small as the forecast allows: it must be true.
        let forecast = visit.contract().forecast().score_error;
        let ratio = rms_error(&graph, &visit) / forecast;
        println!("{name}: {error:.1e}, {ratio:.2} times the forecast of {forecast:.1e}");
        assert!(error < 0.04, "{name}: {error:.1e}");
        assert!((0.4..2.5).contains(&ratio), "{name}: {ratio:.2} times the forecast");
    }
}

/// The label alone of networks whose last matrix takes the answer to the lowest level.
#[test]
fn shallow_networks_answer_with_labels() {
    let mut clear = 0;
    for (name, graph) in shallow() {
        let bundle = compiled(&graph, Form::Leveled);
        let label = bundle.label_contract(None).unwrap().accepted;
        let Visit { model, session, keys } = Visit::new(&bundle);
        let exact = exact_key(&session, &label);
        let labels = model.labels(&label).unwrap();
        for (number, input) in inputs(graph.shape(graph.input())).iter().take(3).enumerate() {
            let contract = model.contract();
            let request = session.encrypt(contract, input.values(), &mut rng(number as u8));
            let (request, both) = (request.unwrap(), (&keys, &exact));
            let undecided = model.unfinished_scores(&labels, both, &request, &mut ()).unwrap();
            // The rest of the program is what it would have been.
            let scores = model.score_answer(both, &undecided).unwrap();
            let answer = model.evaluate(&keys, &request, &mut ()).unwrap();
            assert_eq!(scores, answer, "{name}");
            let scores = session.decrypt(contract, &scores).unwrap();
            let mut entropy = Entropy::from_key([number as u8; 32]);
            let answer = model.label_answer(&labels, &exact, &undecided, &mut entropy).unwrap();
            let found = session.decrypt_label(&label, &answer).unwrap().unwrap();
            let lead = |class: usize| {
                let others = scores.iter().enumerate().filter(|(other, _)| *other != class);
                scores[class] - others.map(|(_, score)| *score).fold(f64::MIN, f64::max)
            };
            // Weights are rounded once more, and comparisons have noise of their own.
            let near = 12.0 * contract.forecast().score_error + 0.05 * contract.answer().bound();
            println!("{name}: lead {:.3}, near {near:.3}", lead(found));
            assert!(lead(found) > -near, "{name}: {found} of {scores:?}");
            clear += usize::from(lead(found) > near);
        }
    }
    assert!(clear >= 5, "{clear}");
}

#[test]
fn encoders_give_what_the_last_layer_would_read() {
    let mut encoders = 0;
    for (name, graph) in shallow() {
        let Ok(encoder) = graph.features() else { continue };
        encoders += 1;
        let visit = Visit::new(&compiled_with(&encoder, Form::Leveled, Vec::new()));
        assert_eq!(visit.contract().meaning(), &Meaning::Features, "{name}");
        let forecast = visit.contract().forecast().score_error;
        let ratio = rms_error(&encoder, &visit) / forecast;
        println!("{name}: {ratio:.2} times the forecast of {forecast:.1e}");
        assert!((0.4..2.5).contains(&ratio), "{name}: {ratio:.2} times the forecast");
        let plain = plain_scores(&encoder);
        let inputs = inputs(encoder.shape(encoder.input()));
        let exact: Vec<Vec<f64>> = inputs.iter().map(plain).collect();
        for (number, input) in inputs.iter().enumerate() {
            let found = visit.scores(input.values(), number as u8);
            let away = |features: &Vec<f64>| -> f64 {
                features.iter().zip(&found).map(|(x, y)| (x - y).powi(2)).sum()
            };
            // Nobody takes what was encrypted for another input.
            let others = (0..inputs.len()).filter(|&other| other != number);
            let nearest = others.map(|other| away(&exact[other])).fold(f64::INFINITY, f64::min);
            assert!(4.0 * away(&exact[number]) < nearest, "{name}, input {number}");
        }
    }
    assert!(encoders >= 2, "{encoders}");
}

/// Their polynomials are what is off.
#[test]
fn other_activations_are_near() {
    let quartic = Polynomial::new(&[-0.05, 0.1, 0.3, 0.4, -0.2]).map(ActivationKind::Polynomial);
    for (kind, most) in [
        (ActivationKind::Relu, 0.1),
        (ActivationKind::Tanh, 0.1),
        (ActivationKind::Silu, 0.1),
        // Nothing stands for it but itself.
        (quartic.unwrap(), 0.03),
    ] {
        let error = error(&perceptron(kind), Form::Leveled);
        println!("{kind}: {error:.1e}");
        assert!(error < most, "{kind}: {error:.1e}");
    }
}

/// Too deep for any chain; feature maps of four ciphertexts, depthwise, with gates and maxima; channels
/// in bands; large matrices.
#[test]
fn bootstraps_carry_what_is_deep_or_large() {
    for (name, graph) in [
        ("deep", deep(9)),
        ("inverted", inverted()),
        ("gated", gated()),
        ("large", large([16, 64, 64])),
        ("wide", wide()),
        ("tall", tall()),
        ("heads", heads()),
    ] {
        let visit = Visit::new(&compiled(&graph, Form::Bootstrapped));
        let found = |input: &Tensor, number: usize| visit.scores(input.values(), number as u8);
        let error = error_of_first(&graph, 1, found, plain_scores(&graph));
        println!("{name}: {error:.1e}");
        assert!(error < 0.05, "{name}: {error:.1e}");
    }
}

/// The served networks for digits give each of ten digits the label and the plain network's scores.
#[test]
fn digits_are_recognised() {
    for model in ["shallow-mlp", "shallow-lenet5"] {
        let visit = Visit::new(&bundle_of(model));
        let network = fs::read(repository().join("models").join(format!("{model}.onnx"))).unwrap();
        let imported = blindsight_onnx::import(&network, &blindsight_onnx::NoExternalData);
        let plain = PlainNetwork::new(imported.unwrap().graph);
        for digit in 0..10 {
            let sample = format!("../samples-digits/{digit:02}-{digit}-0.png");
            let input = input(visit.contract(), &sample);
            let found = visit.scores(input.values(), digit);
            let best = (0..10).max_by(|&x, &y| found[x].total_cmp(&found[y]));
            assert_eq!(best, Some(usize::from(digit)), "{model}");
            // Five deviations: of a hundred scores none is further off.
            let most = 5.0 * visit.contract().forecast().score_error;
            for (x, y) in found.iter().zip(plain.run(&input).unwrap().values()) {
                assert!((x - f64::from(*y)).abs() < most, "{model}, {digit}: {x} is not {y}");
            }
        }
    }
}
