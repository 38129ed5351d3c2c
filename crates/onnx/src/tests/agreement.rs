//! Runs a file as imported and with rten, an interpreter that shares no code with this crate
//! beyond the file, and compares the results.

use std::path::{Path, PathBuf};

use blindsight_model::plain::PlainNetwork;
use blindsight_model::tensor::Tensor;
use rten::ModelOptions;
use rten_tensor::NdTensor;
use rten_tensor::prelude::*;

use super::encode::Model;
use crate::{Imported, InputOrder, NoExternalData, import};

/// Largest difference accepted, as a part of the largest score.
const TOLERANCE: f32 = 1e-4;

/// What the model's softmax, which we leave out, makes of the scores.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Ending {
    Scores,
    Softmax,
    LogSoftmax,
}

/// Imports the model and compares it on three random inputs.
pub(super) fn agree(what: &str, model: &Model) -> Imported {
    agree_bytes(what, &model.bytes(), Ending::Scores)
}

/// The same, with a softmax at the end of the model.
pub(super) fn agree_bytes(what: &str, bytes: &[u8], ending: Ending) -> Imported {
    let imported = import(bytes, &NoExternalData).unwrap_or_else(|error| panic!("{what}: {error}"));
    let network = PlainNetwork::new(imported.graph.clone());
    let other = ModelOptions::with_all_ops()
        .load(bytes.to_vec())
        .unwrap_or_else(|error| panic!("{what}: {error}"));
    let shape = imported.graph.shape(imported.graph.input());
    let mut random = Model::new(13, &[]);
    for _ in 0..3 {
        let input = Tensor::new(shape, random.random(shape.elements(), -2.0, 2.0)).unwrap();
        let mut ours = network.run(&input).unwrap().values().to_vec();
        if ending != Ending::Scores {
            let most = ours.iter().copied().fold(f32::MIN, f32::max);
            let sum: f32 = ours.iter().map(|score| (score - most).exp()).sum();
            for score in &mut ours {
                *score -= most + sum.ln();
                if ending == Ending::Softmax {
                    *score = score.exp();
                }
            }
        }
        let theirs = other_scores(&other, &imported, &input);
        assert_eq!(ours.len(), theirs.len(), "{what}");
        let largest = theirs.iter().map(|score| score.abs()).fold(0.0, f32::max);
        assert!(largest > 1e-3, "{what}: nothing to compare");
        for (ours, theirs) in ours.iter().zip(&theirs) {
            let difference = (ours - theirs).abs() / largest;
            assert!(difference < TOLERANCE, "{what}: {ours} is not {theirs}");
        }
    }
    imported
}

fn other_scores(other: &rten::Model, imported: &Imported, input: &Tensor) -> Vec<f32> {
    let shape = input.shape();
    let [c, h, w] = [shape.channels(), shape.height(), shape.width()];
    let values = input.values().to_vec();
    let input: rten_tensor::Tensor<f32> = match imported.input_order {
        InputOrder::ChannelsFirst => NdTensor::from_data([1, c, h, w], values).into(),
        InputOrder::ChannelsLast => {
            let first = NdTensor::from_data([1, c, h, w], values);
            first.permuted([0, 2, 3, 1]).to_tensor().into()
        }
        InputOrder::Sequence => NdTensor::from_data([1, c, w], values).into(),
        InputOrder::Plane => NdTensor::from_data([1, h, w], values).into(),
        InputOrder::Vector => NdTensor::from_data([1, c], values).into(),
    };
    let result = other.run_one(input.into(), None).unwrap();
    let result: rten_tensor::Tensor<f32> = result.try_into().unwrap();
    result.to_vec()
}

/// The folder of shared files, where there is one.
fn shared() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let folder = std::env::var_os("BLINDSIGHT_SHARED").map_or(beside, PathBuf::from);
    folder.is_dir().then_some(folder)
}

#[test]
fn published_resnets_compute_the_same() {
    let Some(folder) = shared() else { return };
    for (name, activations) in [("resnet20", 19), ("resnet32", 31), ("resnet56", 55)] {
        let path = folder.join("models").join(name).with_extension("onnx");
        let Ok(bytes) = std::fs::read(&path) else { continue };
        let imported = agree_bytes(name, &bytes, Ending::Scores);
        assert_eq!(imported.graph.activations().count(), activations);
        assert_eq!((imported.opset, imported.input_name.as_str()), (13, "input"));
    }
}
