//! Trainings of small networks, from samples to files.

#![allow(clippy::unwrap_used, reason = "these are tests, helpers included")]

use blindsight_model::graph::ActivationKind;
use blindsight_model::plain::PlainNetwork;
use blindsight_model::sequential::{About, Activation, Quadratic, Sequential, TrainedNetwork};
use blindsight_model::tensor::{Shape, Tensor};
use blindsight_train::{
    Adam, Bits, Compile, CrossEntropy, Distillation, Fit, L0, Model, Range, Reconstruction,
    Samples, Shifts, Teacher, TrainError,
};

const SIDES: [usize; 3] = [1, 6, 6];

/// Pictures of a bright row or a bright column somewhere, on a background that varies.
fn bars(count: usize) -> Samples {
    let (mut inputs, mut labels) = (Vec::new(), Vec::new());
    for at in 0..count {
        let (label, place) = (at % 2, at / 2 % 6);
        for pixel in 0..36 {
            let line = if label == 0 { pixel / 6 } else { pixel % 6 };
            let noise = ((at * 36 + pixel) as f32 * 12.9898).sin() * 0.2;
            inputs.push(noise + if line == place { 1.0 } else { 0.0 });
        }
        labels.push(label);
    }
    Samples::new(SIDES, inputs, labels).unwrap()
}

fn layers() -> Sequential {
    Sequential::new(SIDES)
        .conv2d(4, 3)
        .padding(1)
        .batch_norm()
        .activation(Quadratic::learnable().by_channel())
        .avg_pool(2)
        .dense(8)
        .activation(ActivationKind::Square)
        .dense(2)
}

fn model(layers: Sequential) -> Model {
    let optimiser = Adam { rate: 5e-3, ..Adam::default() };
    layers.compile(optimiser, CrossEntropy::default()).unwrap()
}

fn fit() -> Fit<'static> {
    let range = Range { limit: 4.0, weight: 1.0 };
    Fit::epochs(12).batch(20).average(0.95).range(range).shifts(Shifts { most: 1, share: 0.5 })
}

#[test]
fn networks_learn_and_their_files_compute_the_same() {
    let (train, test) = bars(500).split(100, 1);
    let mut model = model(layers());
    let history = model.fit(&train, fit().held_out(&test)).unwrap();
    assert_eq!(history.len(), 12);
    assert!(history[11].loss < 0.7 * history[0].loss, "{history:?}");
    let found = model.evaluate(&test).unwrap();
    assert_eq!(history[11].held_out, Some(found));
    assert!(found.accuracy > 0.95, "{found:?}");

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/bars.safetensors");
    model.save(&path, &About::default()).unwrap();
    let file = TrainedNetwork::from_safetensors(&std::fs::read(path).unwrap()).unwrap();
    let plain = PlainNetwork::new(file.graph().clone());
    let one = Samples::new(SIDES, vec![0.5; 36], vec![0]).unwrap();
    let scores = model.predict(&one).unwrap();
    let input = Tensor::new(Shape::new(1, 6, 6).unwrap(), vec![0.5; 36]).unwrap();
    let expected = plain.run(&input).unwrap();
    assert_eq!(scores.len(), 1);
    for (found, expected) in scores[0].iter().zip(expected.values()) {
        assert!((found - expected).abs() < 1e-4 * (1.0 + expected.abs()), "{found} {expected}");
    }
}

#[test]
fn the_seed_makes_the_file() {
    let train = bars(100);
    let file = |seed| {
        let mut model = model(layers());
        model.fit(&train, fit().with_epochs(2).seed(seed)).unwrap();
        model.to_safetensors(&About::default()).unwrap()
    };
    let first = file(1);
    assert!(first == file(1), "the same seed gave other bytes");
    assert!(first != file(2), "another seed gave the same bytes");
}

#[test]
fn networks_learn_to_be_rounded() {
    let (train, test) = bars(500).split(100, 1);
    let bits = Bits::new(3).unwrap();
    let mut model = model(layers());
    model.fit(&train, fit()).unwrap();
    let cut = model.evaluate_rounded(&test, bits).unwrap();
    model.fit(&train, fit().rounding(bits)).unwrap();
    let learnt = model.evaluate_rounded(&test, bits).unwrap();
    assert!(learnt.loss < cut.loss, "{cut:?} {learnt:?}");
    // The weights are rounded already.
    let as_it_is = model.evaluate(&test).unwrap();
    assert!((as_it_is.loss - learnt.loss).abs() < 1e-4, "{as_it_is:?} {learnt:?}");
}

#[test]
fn a_loss_that_is_not_finite_stops_with_good_weights() {
    let good = bars(100);
    let mut model =
        model(Sequential::new(SIDES).dense(4).activation(ActivationKind::Square).dense(2));
    model.fit(&good, fit()).unwrap();
    let before = model.predict(&good).unwrap();
    let mut inputs = vec![0.0; 40 * 36];
    inputs[39 * 36] = 1e30;
    let bad = Samples::new(SIDES, inputs, vec![0; 40]).unwrap();
    let refused = model.fit(&bad, Fit::epochs(2).batch(20)).unwrap_err();
    assert!(matches!(refused, TrainError::NotFinite { epoch: 1, layer: Some(1), .. }), "{refused}");
    assert_eq!(model.predict(&good).unwrap(), before);
}

#[test]
fn what_does_not_fit_is_refused() {
    let good = bars(10);
    let mut model = model(layers());
    let refused = model.fit(&Samples::new([1, 1, 2], vec![0.0; 4], vec![0; 2]).unwrap(), 1);
    assert!(matches!(refused, Err(TrainError::Input { expected: 36, found: 2 })));
    let refused = model.fit(&Samples::new(SIDES, vec![0.0; 36], vec![2]).unwrap(), 1);
    assert!(matches!(refused, Err(TrainError::Label { found: 2, classes: 2 })));
    let (none, _) = good.clone().split(10, 1);
    assert!(matches!(model.fit(&none, 1), Err(TrainError::Samples { .. })));
    assert!(matches!(model.evaluate(&none), Err(TrainError::Samples { .. })));
    for wrong in [
        Fit::epochs(0),
        fit().batch(0),
        fit().average(1.0),
        fit().clip(0.0),
        fit().range(Range { limit: f32::NAN, weight: 1.0 }),
        fit().range(Range { limit: 1.0, weight: f32::INFINITY }),
        fit().shifts(Shifts { most: 1, share: 1.5 }),
        fit().shifts(Shifts { most: usize::MAX, share: 0.5 }),
    ] {
        let refused = model.fit(&good, wrong);
        assert!(matches!(refused, Err(TrainError::Setting { .. })), "{wrong:?}");
    }
    let smooth = CrossEntropy { smoothing: 1.0 };
    assert!(layers().compile(Adam::default(), smooth).is_err());
    assert!(Bits::new(1).is_err() && Bits::new(17).is_err());
    let gelu = Sequential::new(SIDES).activation(ActivationKind::Gelu).dense(2);
    let refused = gelu.compile(Adam::default(), CrossEntropy::default()).err().unwrap();
    assert!(refused.to_string().starts_with("layer 0: gelu cannot be trained"), "{refused}");
}

/// Eight numbers, of which the third and the sixth tell the class.
fn numbers(count: usize) -> Samples {
    // Without the last digits of the sines there would be no sum of two that is no multiple of others.
    let number = |i: usize| ((i as f32 * 12.9898).sin() * 43_758.547).fract();
    let inputs: Vec<f32> = (0..count * 8).map(number).collect();
    let labels = inputs.chunks_exact(8).map(|x| usize::from(x[2] + x[5] > 0.0)).collect();
    Samples::new([8, 1, 1], inputs, labels).unwrap()
}

#[test]
fn gates_leave_what_matters() {
    let (train, test) = numbers(600).split(100, 1);
    let mut model = model(Sequential::new([8, 1, 1]).dense(2));
    let fit = Fit::epochs(60).batch(20).average(0.95);
    model.fit(&train, fit.gates(L0 { most: 2, weight: 1.0 })).unwrap();
    for again in [false, true] {
        assert!(model.evaluate(&test).unwrap().accuracy > 0.9, "{again}");
        let read = |at: usize| {
            let mut inputs = vec![0.0; 16];
            inputs[8 + at] = 1.0;
            let pair = Samples::new([8, 1, 1], inputs, vec![0; 2]).unwrap();
            let scores = model.predict(&pair).unwrap();
            scores[0] != scores[1]
        };
        let read: Vec<bool> = (0..8).map(read).collect();
        assert_eq!(read, [false, false, true, false, false, true, false, false], "{again}");
        // What is closed stays closed.
        model.fit(&train, fit.without_gates().with_epochs(3)).unwrap();
    }
    for gates in [L0 { most: 0, weight: 1.0 }, L0 { most: 1, weight: f32::NAN }] {
        let refused = model.fit(&train, fit.gates(gates)).unwrap_err();
        assert!(matches!(refused, TrainError::Setting { .. }), "{refused}");
    }
}

#[test]
fn fitted_functions_are_what_the_file_computes() {
    let (train, test) = numbers(600).split(100, 1);
    let [relu, sigmoid, tanh] =
        [ActivationKind::Relu, ActivationKind::Sigmoid, ActivationKind::Tanh]
            .map(Activation::fitted);
    let others =
        [relu.cubic(), relu.quartic(), relu.quartic().by_slopes(), tanh.cubic().by_slopes()];
    for fitted in [relu, sigmoid, tanh].into_iter().chain(others) {
        let mut model = model(Sequential::new([8, 1, 1]).dense(6).activation(fitted).dense(2));
        let fit = Fit::epochs(40).batch(20).average(0.95);
        model.fit(&train, fit).unwrap();
        let refused = model.to_safetensors(&About::default()).unwrap_err();
        assert!(matches!(refused, TrainError::NotFitted { index: 1 }), "{refused}");
        model.fit_activations(&train).unwrap();
        model.fit(&train, fit).unwrap();
        assert!(model.evaluate(&test).unwrap().accuracy > 0.9, "{fitted:?}");
        let network = model.trained(&About::default()).unwrap();
        let plain = PlainNetwork::new(network.graph().clone());
        let scores = model.predict(&test).unwrap();
        for ((input, _), scores) in test.labelled().unwrap().iter().zip(scores) {
            for (x, y) in plain.run(input).unwrap().values().iter().zip(scores) {
                assert!((x - y).abs() < 1e-3 * (1.0 + y.abs()), "{fitted:?}: {x} {y}");
            }
        }
    }
}

/// What is learnt from wrong labels alone is wrong; a teacher that comes from a file mends it.
#[test]
fn teachers_are_learnt_from() {
    let (train, test) = bars(600).split(100, 1);
    let network = || Sequential::new(SIDES).dense(16).activation(ActivationKind::Square).dense(2);
    let fit = Fit::epochs(10).batch(20).average(0.95);
    let mut model = model(network());
    model.fit(&train, fit).unwrap();
    assert!(model.evaluate(&test).unwrap().accuracy > 0.95);
    let file = model.to_safetensors(&About::default()).unwrap();
    let read = || Model::from_safetensors(&file, Adam::default(), CrossEntropy::default());
    assert_eq!(read().unwrap().predict(&test).unwrap(), model.predict(&test).unwrap());
    assert!(Model::from_safetensors(&file[..99], Adam::default(), Reconstruction).is_err());
    let teacher = Teacher::new(read().unwrap());
    let inputs =
        train.labelled().unwrap().into_iter().flat_map(|(input, _)| input.values().to_vec());
    let wrong = train.labels().iter().map(|label| 1 - label).collect();
    let wrong = Samples::new(SIDES, inputs.collect(), wrong).unwrap();
    let accuracy = |share| {
        let mut student = self::model(network());
        let distillation = Distillation { teacher: &teacher, share, temperature: 2.0 };
        student.fit(&wrong, fit.distillation(distillation)).unwrap();
        student.evaluate(&test).unwrap().accuracy
    };
    assert!(accuracy(0.0) < 0.1 && accuracy(1.0) > 0.95);
    let elements = SIDES.iter().product();
    let coder = Sequential::new(SIDES).dense(elements).compile(Adam::default(), Reconstruction);
    let distillation = Distillation { teacher: &teacher, share: 0.5, temperature: 2.0 };
    let refused = coder.unwrap().fit(&train, fit.distillation(distillation)).unwrap_err();
    assert!(matches!(refused, TrainError::Setting { .. }), "{refused}");
}

/// Bars that are seen through a code of four numbers, and the encoder as a file.
#[test]
fn autoencoders_give_their_inputs_again() {
    let (train, test) = bars(600).split(100, 1);
    let elements = SIDES.iter().product();
    let network = Sequential::new(SIDES).dense(24).activation(ActivationKind::Square).latent(4);
    let network = network.dense(24).activation(ActivationKind::Relu).dense(elements);
    let mut model = network.compile(Adam::default(), Reconstruction).unwrap();
    let before = model.evaluate(&test).unwrap();
    let history =
        model.fit(&train, Fit::epochs(40).batch(20).average(0.95).held_out(&test)).unwrap();
    let after = model.evaluate(&test).unwrap();
    assert_eq!(history[39].held_out, Some(after));
    assert!(
        after.loss < 0.8 * before.loss && after.accuracy > before.accuracy,
        "{before:?} {after:?}"
    );
    let mut encoder = model.encoder().unwrap();
    assert_eq!(encoder.architecture().layers().len(), 5);
    let graph = encoder.trained(&About::default()).unwrap().graph().features().unwrap();
    assert_eq!(graph.shape(graph.output()).elements(), 4);
    // The features are the means of the code: what of the whole network the code's half is.
    let codes = model.first_layers(4).unwrap().predict(&test).unwrap();
    let plain = PlainNetwork::new(graph);
    for ((input, _), code) in test.labelled().unwrap().iter().zip(codes) {
        for (x, y) in plain.run(input).unwrap().values().iter().zip(code) {
            assert!((x - y).abs() < 1e-3 * (1.0 + y.abs()), "{x} {y}");
        }
    }
    let classes = Sequential::new(SIDES).dense(2).compile(Adam::default(), Reconstruction);
    let refused = TrainError::NoReconstruction { expected: elements, found: 2 };
    assert_eq!(classes.err().unwrap().to_string(), refused.to_string());
    assert!(model.first_layers(0).is_err());
    assert!(matches!(model.first_layers(2).unwrap().encoder(), Err(TrainError::NoCode)));
    // What it learnt from does not fit the encoder.
    for refused in [encoder.evaluate(&test).map(drop), encoder.fit(&train, 1).map(drop)] {
        assert!(matches!(refused, Err(TrainError::NoReconstruction { found: 24, .. })));
    }
}

#[test]
fn networks_of_signs_learn_with_few_bits() {
    let (train, test) = bars(500).split(100, 1);
    let network = Sequential::new(SIDES).batch_norm().dense(16).batch_norm();
    let mut model = model(network.activation(ActivationKind::Sign).dense(2));
    let bits = Bits::new(4).unwrap();
    model.fit(&train, fit().rounding(bits)).unwrap();
    let found = model.evaluate(&test).unwrap();
    assert!(found.accuracy > 0.9, "{found:?}");
    // What was learnt is rounded already.
    assert_eq!(model.evaluate_rounded(&test, bits).unwrap().accuracy, found.accuracy);
}
