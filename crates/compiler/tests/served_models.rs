//! The models of the repository: lowered, they compute what their networks compute.

#![expect(clippy::unwrap_used, reason = "a test that cannot read its files has failed")]

use std::fs;
use std::path::{Path, PathBuf};

use blindsight_compiler::residual::lowering::Lowered;
use blindsight_model::calibration::Calibration;
use blindsight_model::graph::Graph;
use blindsight_model::model::Model;
use blindsight_model::picture::Preparation;
use blindsight_model::plain::PlainNetwork;
use blindsight_model::tensor::{Shape, Tensor};

const SAMPLES: [&str; 4] =
    ["00-airplane-1.png", "06-frog-3.png", "08-ship-2.png", "09-truck-0.png"];

#[test]
fn the_lowered_network_computes_the_same() {
    let model = Model::from_safetensors(&read("models/resnet20.safetensors")).unwrap();
    let calibration = read("models/resnet20.calibration.json");
    let calibration = Calibration::from_json(&calibration).unwrap();
    calibration.check_model(&model).unwrap();
    let normalisation = model.metadata().normalisation;
    compare(model.graph(), &calibration, &normalisation.mean(), &normalisation.deviation());
}

fn compare(graph: &Graph, calibration: &Calibration, mean: &[f32], deviation: &[f32]) {
    let lowered = Lowered::new(graph, calibration).unwrap();
    assert_eq!(lowered.blocks.len(), graph.activations().count());
    let preparation = Preparation::new(Shape::PICTURE, mean, deviation).unwrap();
    let network = PlainNetwork::new(graph.clone());
    for name in SAMPLES {
        let input = preparation.decode(&read(&format!("samples/{name}"))).unwrap();
        let expected = network.run(&input).unwrap();
        let observe = |block: usize, before: &Tensor, after: &Tensor| {
            for values in [before, after] {
                assert!(values.values().iter().all(|x| x.abs() <= 1.0), "{name}, block {block}");
            }
        };
        let found = lowered.run_observed(&input, lowered.exact(), observe).unwrap();
        let largest = expected.values().iter().fold(0.0_f32, |max, x| max.max(x.abs()));
        for (x, y) in found.iter().zip(expected.values()) {
            let x = x * lowered.head.bound;
            assert!((x - y).abs() < 1e-4 * largest, "{name}: {x} is not {y}");
        }
    }
}

/// A file of the repository.
fn read(path: &str) -> Vec<u8> {
    let root: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs::read(root.join(path)).unwrap()
}
