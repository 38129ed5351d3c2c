//! Against the interpreter of graphs, and what is refused.

use std::sync::LazyLock;

use blindsight_ckks::parameters::{Literal as SchemeLiteral, Parameters};
use blindsight_engine::{Bundle, BundleLimits};
use blindsight_exact::Literal;
use blindsight_model::graph::{GraphBuilder, Linear, NodeId};
use blindsight_model::plain::PlainNetwork;
use blindsight_model::sequential::{About, Sequential, TrainedNetwork};
use blindsight_model::tensor::{Shape, Tensor};

use super::*;
use crate::testing::calibration;
use crate::{Code, CompileError, Description, Form, InputRule, Wishes, compile};

fn set() -> &'static ExactParameters {
    static SET: LazyLock<ExactParameters> = LazyLock::new(|| {
        let scheme = Parameters::new(SchemeLiteral::bootstrapped_2_15()).unwrap();
        ExactParameters::new(Literal::degree_2048(), &scheme).unwrap()
    });
    &SET
}

fn numbers(count: usize, seed: usize) -> impl Iterator<Item = f32> {
    (0..count).map(move |i| ((i * 13 + seed * 7) as f32 * 0.71).sin())
}

/// A network with such weights that read signs.
fn graph(layers: Sequential, weight: impl Fn(f32) -> f32) -> Graph {
    let architecture = layers.build().unwrap();
    let tensors: Vec<Vec<f32>> = architecture
        .parameters()
        .iter()
        .enumerate()
        .map(|(seed, p)| {
            let drawn = numbers(p.count(), seed);
            // Variances are positive, and gains alike.
            match p.dims.len() {
                1 => drawn.map(|x| 0.15 + 0.02 * x).collect(),
                _ => drawn.map(&weight).collect(),
            }
        })
        .collect();
    let file = TrainedNetwork::to_safetensors(&architecture, &About::default(), &tensors);
    TrainedNetwork::from_safetensors(&file.unwrap()).unwrap().graph().clone()
}

fn signs() -> Sequential {
    Sequential::new([1, 8, 8]).activation(ActivationKind::Sign)
}

fn quarters(x: f32) -> f32 {
    (x * 3.0).round() * 0.0625
}

/// Signs and scores are those of the graph's own interpreter.
#[test]
fn sums_are_those_of_the_graph() {
    let network = signs()
        .batch_norm()
        .conv2d(4, 3)
        .activation(ActivationKind::Sign)
        .avg_pool(2)
        .dense(9)
        .batch_norm()
        .activation(ActivationKind::Sign)
        .dense(5);
    let graph = graph(network, quarters);
    let lowered = sign_network(set(), &graph).unwrap().network;
    assert_eq!((lowered.pixels(), lowered.signs(), lowered.scores()), (64, 4 * 36 + 9, 5));
    let shape = graph.shape(graph.input());
    let plain = PlainNetwork::new(graph);
    for seed in 0..20 {
        let input: Vec<f32> = numbers(64, 50 + seed).collect();
        let pixels: Vec<bool> = input.iter().map(|x| *x > 0.0).collect();
        let expected = plain.run(&Tensor::new(shape, input).unwrap()).unwrap();
        let found = lowered.plain(&pixels);
        // In one unit.
        let unit = found.scores()[0] / f64::from(expected.values()[0]);
        for (x, y) in found.scores().iter().zip(expected.values()) {
            assert!((x / unit - f64::from(*y)).abs() < 1e-5, "{seed}: {x} {y} {unit}");
        }
    }
}

#[test]
fn weights_that_are_not_whole_are_refused() {
    let network = || signs().dense(6).activation(ActivationKind::Sign).dense(4);
    let refused = sign_network(set(), &graph(network(), |x| x)).unwrap_err();
    assert_eq!(refused, SignsError::Weights { layer: 1 });
    // Those that read pixels may be anything.
    assert!(sign_network(set(), &graph(network(), quarters)).is_ok());
}

#[test]
fn too_much_noise_is_refused() {
    // Weights up to 127 where signs are read, and many of them.
    let wide = signs().dense(2000).activation(ActivationKind::Sign).dense(4);
    let wide = wide.activation(ActivationKind::Sign).dense(4);
    let fine = |x: f32| (x * 127.0).round() / 1024.0;
    let refused = sign_network(set(), &graph(wide, fine)).unwrap_err();
    assert!(matches!(refused, SignsError::Noise { layer: 1, .. }), "{refused}");
}

#[test]
fn other_networks_are_refused() {
    let refused = |network| sign_network(set(), &graph(network, quarters)).unwrap_err();
    let plain = Sequential::new([1, 8, 8]).dense(4).activation(ActivationKind::Sign).dense(3);
    assert_eq!(refused(plain), SignsError::NoPixels);
    let square = signs().dense(4).activation(ActivationKind::Square).dense(3);
    assert_eq!(refused(square), SignsError::Other { kind: ActivationKind::Square });
    let twice = signs().activation(ActivationKind::Sign).dense(3);
    assert_eq!(refused(twice), SignsError::NoSums { node: 1 });
    let end = signs().dense(4).activation(ActivationKind::Sign);
    assert_eq!(refused(end), SignsError::NoSums { node: 3 });
    assert_eq!(refused(signs().dense(4)), NetworkError::Layers { layers: 1 }.into());
    let large = Sequential::new([1, 50, 50]).activation(ActivationKind::Sign).dense(2);
    let large = refused(large.activation(ActivationKind::Sign).dense(2));
    assert_eq!(large, NetworkError::Pixels { pixels: 2500, most: 2048 }.into());
}

#[test]
fn branches_are_refused() {
    let shape = Shape::new(1, 2, 2).unwrap();
    let mut builder = GraphBuilder::new(shape);
    let sign = |source: NodeId| Node::Activation { source, kind: ActivationKind::Sign };
    let pixels = builder.add(sign(builder.input())).unwrap();
    let linear = || Linear::new([3, 4], vec![0.25; 12], vec![0.0; 3]).unwrap();
    let one = builder.add(Node::Linear { source: pixels, linear: linear() }).unwrap();
    let other = builder.add(Node::Linear { source: pixels, linear: linear() }).unwrap();
    let sum = builder.add(Node::Add { left: one, right: other }).unwrap();
    let graph = builder.finish(sum).unwrap();
    let refused = sign_network(set(), &graph).unwrap_err();
    assert_eq!(refused, SignsError::NoChain { node: 2 });
}

/// Some inputs.
fn samples(shape: Shape) -> Vec<Tensor> {
    let sample = |seed| Tensor::new(shape, numbers(shape.elements(), seed).collect()).unwrap();
    (0..24).map(sample).collect()
}

#[test]
fn networks_of_signs_are_planned_with_their_noise() {
    let graph = graph(signs().dense(12).activation(ActivationKind::Sign).dense(3), quarters);
    let shape = graph.shape(graph.input());
    let description = Description {
        id: "signs".to_owned(),
        title: "Signs".to_owned(),
        classes: (0..3).map(|class| class.to_string()).collect(),
        input: InputRule::Tensor,
    };
    let (samples, calibration) = (samples(shape), calibration(&graph));
    let planned = |wishes| compile(&graph, &calibration, &description, &samples, wishes);
    let compiled = planned(Wishes::default()).unwrap();
    let Code::Signs(network) = &compiled.code else { panic!("{:?}", compiled.code) };
    assert_eq!((network.signs(), network.scores()), (12, 3));
    let costs = compiled.candidates[0].costs.unwrap();
    assert!((0.5..=1.0).contains(&costs.agreement), "{costs:?}");
    assert!(costs.score_error > 0.0 && costs.key_bytes > 22_000_000, "{costs:?}");
    let bytes = compiled.to_bytes().unwrap();
    let bundle = Bundle::parse(&bytes, &BundleLimits::default()).unwrap();
    assert_eq!(bundle.contract().request().byte_len(bundle.contract().set()), costs.request_bytes);
    assert_eq!(crate::check(&graph).unwrap(), Form::Signs);
    let memory = planned(Wishes { memory: Some(1_000_000), ..Wishes::default() }).unwrap_err();
    assert!(matches!(memory, CompileError::Memory { most: 1_000_000, .. }), "{memory}");
    let agreement = planned(Wishes { agreement: Some(1.1), ..Wishes::default() }).unwrap_err();
    assert!(matches!(agreement, CompileError::Agreement { .. }), "{agreement}");
}
