use blindsight_engine::{Bundle, BundleLimits, Engine, KeySet};
use blindsight_model::graph::{ActivationKind, Graph};
use blindsight_model::plain::PlainNetwork;

use super::*;
use crate::compile::{InputRule, compile};
use crate::planner::{Goal, Wishes};
use crate::testing::{calibration, deep, inputs, odd, perceptron, striding};

fn description(graph: &Graph) -> Description {
    let classes = graph.shape(graph.output()).elements();
    Description {
        id: "batch".to_owned(),
        title: "A test".to_owned(),
        classes: (0..classes).map(|class| class.to_string()).collect(),
        input: InputRule::Tensor,
    }
}

fn compiled(graph: &Graph) -> Result<Compiled, CompileError> {
    let wishes = Wishes { goal: Goal::Throughput, agreement: Some(0.6), ..Wishes::default() };
    let samples = inputs(graph.shape(graph.input()));
    compile(graph, &calibration(graph), &description(graph), &samples, wishes)
}

/// Through the file, with a client: every input of a batch gets the plain network's scores, as far off
/// as was forecast.
fn runs_as_forecast(graph: &Graph) {
    let compiled = compiled(graph).unwrap();
    assert!(matches!(compiled.code, Code::Batch(_)), "{:?}", compiled.candidates);
    let bundle = Bundle::parse(&compiled.to_bytes().unwrap(), &BundleLimits::default()).unwrap();
    let model = Engine::default().load(&bundle).unwrap();
    assert_eq!(model.byte_len() as u64, bundle.loaded_bytes());
    let contract = model.contract();
    assert!(contract.keys().is_empty());
    let mut rng = blindsight_ckks_client::SecretRng::from_key(&[3; 32]);
    let seed = blindsight_ckks_client::ClientSeed::generate(&mut rng);
    let session = blindsight_session::Session::new(contract, &seed);
    let samples = inputs(graph.shape(graph.input()));
    let values: Vec<f32> = samples.iter().flat_map(Tensor::values).copied().collect();
    let request = session.encrypt(contract, &values, &mut rng).unwrap();
    assert_eq!(request.len() as u64, contract.request().byte_len(contract.set()));
    let answer = model.evaluate(&KeySet::default(), &request, &mut ()).unwrap();
    assert_eq!(answer.len() as u64, contract.answer().byte_len(contract.set()));
    let scores = session.decrypt(contract, &answer).unwrap();
    let classes = contract.answer().values();
    assert_eq!(scores.len(), classes * contract.request().inputs());
    let plain = PlainNetwork::new(graph.clone());
    let mut squares = 0.0;
    for (sample, found) in samples.iter().zip(scores.chunks(classes)) {
        let expected = plain.run(sample).unwrap();
        let errors = found.iter().zip(expected.values()).map(|(x, y)| x - f64::from(*y));
        squares += errors.map(|error| error * error).sum::<f64>();
    }
    let error = (squares / (samples.len() * classes) as f64).sqrt();
    let forecast = compiled.contract.forecast.score_error;
    assert!((0.5..2.0).contains(&(error / forecast)), "{error}, forecast {forecast}");
    let cut = model.evaluate(&KeySet::default(), &request[..request.len() - 1], &mut ());
    assert!(cut.is_err());
    let mut longer = request.clone();
    longer.push(0);
    assert!(model.evaluate(&KeySet::default(), &longer, &mut ()).is_err());
    assert!(session.decrypt(contract, &answer[1..]).is_err());
}

#[test]
fn dense_layers_run_on_batches() {
    runs_as_forecast(&perceptron(ActivationKind::Square));
}

#[test]
fn convolutions_and_pools_run_on_batches() {
    runs_as_forecast(&striding());
}

/// Of activations that are no squares the nearest quadratic functions are taken, and the forecast says
/// how far off these are.
#[test]
fn activations_become_quadratic_functions() {
    let graph = perceptron(ActivationKind::Relu);
    let chain = Network::new(&graph, &calibration(&graph), Refreshes::LeftOut).unwrap();
    let chain = Chain::new(&chain).unwrap();
    let plain = PlainNetwork::new(graph.clone());
    let (mut error, mut size) = (0.0, 0.0);
    for sample in inputs(graph.shape(graph.input())) {
        let expected = plain.run(&sample).unwrap();
        for (found, expected) in chain.run(sample.values()).iter().zip(expected.values()) {
            error += (found * chain.unit - f64::from(*expected)).powi(2);
            size += f64::from(*expected).powi(2);
        }
    }
    assert!(error < 0.1 * size, "{error} of {size}");
}

#[test]
fn what_cannot_run_on_batches_runs_otherwise_and_says_why() {
    let compiled = compiled(&odd()).unwrap();
    assert!(matches!(compiled.code, Code::Steps(_)));
    assert!(compiled.candidates[0].verdict.contains("no chain"), "{:?}", compiled.candidates);
    let graph = deep(9);
    let chain = Network::new(&graph, &calibration(&graph), Refreshes::LeftOut).unwrap();
    let refused = Chain::new(&chain).map(|chain| chain.layers.len());
    assert!(matches!(refused, Err(BatchRefusal::Linear { .. }) | Ok(10)), "{refused:?}");
}
