//! Runs a file as imported and with rten, an interpreter that shares no code with ours.

use std::error::Error;

use blindsight_model::plain::PlainNetwork;
use blindsight_model::tensor::Tensor;
use blindsight_onnx::{Imported, InputOrder};
use rten::{Model, ModelOptions};
use rten_tensor::NdTensor;
use rten_tensor::prelude::*;

/// Random inputs that are compared.
const INPUTS: u64 = 8;

/// The largest difference between outputs, on random inputs between -2 and 2.
pub(super) fn largest_difference(
    imported: &Imported,
    bytes: Vec<u8>,
) -> Result<f32, Box<dyn Error>> {
    let other = ModelOptions::with_all_ops().load(bytes)?;
    let network = PlainNetwork::new(imported.graph.clone());
    let shape = imported.graph.shape(imported.graph.input());
    let mut largest = 0.0_f32;
    for seed in 0..INPUTS {
        let input = Tensor::new(shape, random(shape.elements(), seed))?;
        let ours = finished(imported, network.run(&input)?.values().to_vec());
        let theirs = run(&other, imported, &input)?;
        if ours.len() != theirs.len() {
            let (ours, theirs) = (ours.len(), theirs.len());
            return Err(format!("there are {ours} outputs, but {theirs} of the other").into());
        }
        for (x, y) in ours.iter().zip(&theirs) {
            let difference = (x - y).abs();
            if !difference.is_finite() {
                return Err("an output is not finite".into());
            }
            largest = largest.max(difference);
        }
    }
    Ok(largest)
}

/// Our scores after the softmax that the file has and the import leaves to the client.
fn finished(imported: &Imported, mut scores: Vec<f32>) -> Vec<f32> {
    let left_out = |node: &&blindsight_onnx::NodeReport| node.how.starts_with("left to the client");
    let Some(softmax) = imported.nodes.iter().find(left_out) else { return scores };
    let most = scores.iter().copied().fold(f32::MIN, f32::max);
    let sum: f32 = scores.iter().map(|score| (score - most).exp()).sum();
    for score in &mut scores {
        *score -= most + sum.ln();
        if softmax.op_type == "Softmax" {
            *score = score.exp();
        }
    }
    scores
}

fn run(other: &Model, imported: &Imported, input: &Tensor) -> Result<Vec<f32>, Box<dyn Error>> {
    let values = input.values().to_vec();
    let [c, h, w] = [input.shape().channels(), input.shape().height(), input.shape().width()];
    let input: rten_tensor::Tensor<f32> = match imported.input_order {
        InputOrder::ChannelsFirst => NdTensor::from_data([1, c, h, w], values).into(),
        InputOrder::ChannelsLast => {
            NdTensor::from_data([1, c, h, w], values).permuted([0, 2, 3, 1]).to_tensor().into()
        }
        InputOrder::Sequence => NdTensor::from_data([1, c, w], values).into(),
        InputOrder::Plane => NdTensor::from_data([1, h, w], values).into(),
        InputOrder::Vector => NdTensor::from_data([1, c], values).into(),
        other => return Err(format!("inputs in the order {other:?} are not known here").into()),
    };
    let result = other.run_one(input.into(), None)?;
    let result: rten_tensor::Tensor<f32> = result.try_into()?;
    Ok(result.to_vec())
}

/// Numbers between -2 and 2: SplitMix64 (Steele, Lea and Flood 2014).
fn random(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0xD129_0D3B_7F4A_7C15);
    let next = |()| {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = state;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ mixed >> 31) >> 40) as f32 / (1_u32 << 22) as f32 - 2.0
    };
    std::iter::repeat_n((), count).map(next).collect()
}
