//! The served model, its calibration and the sample pictures, as they lie in the repository.

#![expect(clippy::unwrap_used, reason = "a test that cannot read its files has failed")]

use std::fs;
use std::path::{Path, PathBuf};

use blindsight_model::calibration::Calibration;
use blindsight_model::classes::{ClassIndex, Scores};
use blindsight_model::graph::{ActivationKind, Graph};
use blindsight_model::model::Model;
use blindsight_model::picture::Picture32;
use blindsight_model::plain::PlainNetwork;
use blindsight_model::resnet20::{Shortcut, resnet20, shortcut};
use blindsight_model::tensor::Tensor;
use blindsight_model::weights::Weights;

const MODEL: &str = "models/resnet20.safetensors";
const CALIBRATION: &str = "models/resnet20.calibration.json";
const SAMPLES: [&str; 4] =
    ["00-airplane-1.png", "06-frog-3.png", "08-ship-2.png", "09-truck-0.png"];

#[test]
fn the_model_is_the_one_described() {
    let model = model();
    let classes: Vec<_> = model.metadata().classes.iter().collect();
    assert_eq!(classes[..4], ["airplane", "automobile", "bird", "cat"]);
    assert_eq!(model.metadata().activation, ActivationKind::Relu);
    assert_eq!(shortcut(model.graph()), Shortcut::SubsamplePad);
    assert!(model.metadata().source.as_ref().is_some_and(|source| source.contains("MIT")));
}

#[test]
fn scores_agree_with_an_independent_computation() {
    // Computed in double precision from the definition of the network, batch normalisations
    // apart, by a separate program in another language.
    let expected = [
        -3.319_005_536,
        -1.687_028_271,
        -0.457_916_659,
        15.390_202_788,
        -4.699_664_196,
        3.719_298_680,
        -0.813_024_202,
        -2.276_183_282,
        0.021_760_531,
        -5.878_899_927,
    ];
    let scores = scores(&model(), &sample("03-cat-0.png"));
    for (found, expected) in scores.values().iter().zip(expected) {
        assert!((found - expected).abs() < 1e-4, "{found} is not {expected}");
    }
}

#[test]
fn every_sample_is_classified_as_labelled() {
    let model = model();
    let mut right = 0;
    for class in ClassIndex::all() {
        for number in 0..4 {
            let name = format!("{:02}-{}-{number}.png", class.index(), class_name(&model, class));
            right += usize::from(scores(&model, &sample(&name)).best() == class);
        }
    }
    assert_eq!(right, 40);
}

/// AutoFHE's network with a quadratic function for every channel, too.
#[test]
fn the_network_of_squares_knows_most_samples() {
    let model =
        Model::from_safetensors(&read("models/train/resnet20-quadratic.safetensors")).unwrap();
    assert_eq!(model.metadata().activation, ActivationKind::Square);
    let knows = |class: &ClassIndex| {
        let name = format!("{:02}-{}-0.png", class.index(), class_name(&model, *class));
        scores(&model, &sample(&name)).best() == *class
    };
    assert!(ClassIndex::all().filter(knows).count() >= 9);
}

#[test]
fn folding_changes_no_value_noticeably() {
    let weights = Weights::parse(&read(MODEL)).unwrap();
    let apart = resnet20(weights, ActivationKind::Relu).unwrap();
    let model = model();
    assert_eq!(apart.nodes().len(), model.graph().nodes().len() + 19);
    let input = sample("05-dog-2.png").normalise(&model.metadata().normalisation);
    let before = every_value(&apart, &input);
    let after = every_value(model.graph(), &input);
    assert_eq!(before.len(), 20);
    for (place, (before, after)) in before.iter().zip(&after).enumerate() {
        assert_eq!(before.shape(), after.shape());
        for (x, y) in before.values().iter().zip(after.values()) {
            assert!((x - y).abs() < 1e-4, "at place {place}, {x} became {y}");
        }
    }
}

#[test]
fn the_calibration_covers_the_samples() {
    let model = model();
    let calibration = calibration();
    calibration.check_model(&model).unwrap();
    assert!(calibration.pictures() >= 3000);
    for name in SAMPLES {
        let input = sample(name).normalise(&model.metadata().normalisation);
        let mut values = every_value(model.graph(), &input);
        let scores = values.pop().unwrap();
        let largest = |values: &[f32]| values.iter().fold(0.0_f32, |max, x| max.max(x.abs()));
        for (place, (range, values)) in calibration.activations().iter().zip(&values).enumerate() {
            let bounds = range.bounds();
            assert_eq!(bounds.len(), values.shape().channels());
            let shares =
                bounds.iter().zip(values.planes()).map(|(bound, plane)| largest(plane) / bound);
            let shares: Vec<f32> = shares.collect();
            assert!(largest(&shares) < 1.0, "{name} exceeds a bound at place {place}");
            // Bounds far above what occurs would waste precision: units must be right.
            assert!(largest(&shares) > 0.2, "{name} is tiny at place {place}");
        }
        let share = largest(scores.values()) / calibration.scores().bound();
        assert!((0.05..1.0).contains(&share), "{name}: {share}");
    }
}

/// The inputs of all activations, then the scores.
fn every_value(graph: &Graph, input: &Tensor) -> Vec<Tensor> {
    let mut values = Vec::new();
    let network = PlainNetwork::new(graph.clone());
    let scores = network.run_observed(input, |_, tensor| values.push(tensor.clone())).unwrap();
    values.push(scores);
    values
}

fn scores(model: &Model, picture: &Picture32) -> Scores {
    let network = PlainNetwork::new(model.graph().clone());
    let input = picture.normalise(&model.metadata().normalisation);
    Scores::from_tensor(&network.run(&input).unwrap()).unwrap()
}

fn class_name(model: &Model, class: ClassIndex) -> &str {
    model.metadata().classes.name(class)
}

fn calibration() -> Calibration {
    Calibration::from_json(&read(CALIBRATION)).unwrap()
}

fn model() -> Model {
    Model::from_safetensors(&read(MODEL)).unwrap()
}

fn sample(name: &str) -> Picture32 {
    Picture32::decode(&read(&format!("samples/{name}"))).unwrap()
}

/// A file of the repository.
fn read(path: &str) -> Vec<u8> {
    let root: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs::read(root.join(path)).unwrap()
}
