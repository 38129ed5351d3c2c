//! What is said of every node of a file.

use super::encode::{Model, floats_tensor, ints, node};
use crate::{NoExternalData, import, node_count};

#[test]
fn every_node_is_accounted_for() {
    let mut model = Model::new(13, &[2, 6, 6]);
    let weights = model.weights(&[2, 2, 1, 1]);
    let conv = model.add("Conv", &["x", &weights], &[]);
    let normed = model.norm(&conv, 2);
    let gate = model.add("Sigmoid", &[&normed], &[]);
    let silu = model.add("Mul", &[&normed, &gate], &[]);
    let lists = [&[0, 0][..], &[6, 6], &[2, 3], &[2, 2]].map(|values| model.ints(values));
    let [starts, ends, axes, steps] = &lists;
    let thin = model.add("Slice", &[&silu, starts, ends, axes, steps], &[]);
    let pads = model.ints(&[0, 1, 0, 0, 0, 1, 0, 0]);
    let padded = model.add("Pad", &[&thin, &pads], &[]);
    let dropped = model.add("Dropout", &[&padded], &[]);
    let pooled = model.add("GlobalAveragePool", &[&dropped], &[]);
    let flat = model.add("Flatten", &[&pooled], &[]);
    let weights = model.weights(&[4, 3]);
    let product = model.add("MatMul", &[&flat, &weights], &[]);
    let bias = model.weights(&[3]);
    let scores = model.add("Add", &[&product, &bias], &[]);
    model.end("Softmax", &[&scores], &[]);
    model.nodes.push(node("TopK", &["y"], "unused", &[]));
    let imported = import(&model.bytes(), &NoExternalData).unwrap();
    let said: Vec<_> =
        imported.nodes.iter().map(|node| (node.op_type.as_str(), node.how.as_str())).collect();
    assert_eq!(
        said,
        [
            ("Conv", "convolution"),
            ("BatchNormalization", "folded into the convolution before it"),
            ("Sigmoid", "part of the activation silu"),
            ("Mul", "activation silu"),
            ("Slice", "part of the shortcut without parameters"),
            ("Pad", "shortcut without parameters"),
            ("Dropout", "does nothing at inference"),
            ("GlobalAveragePool", "average of each channel"),
            ("Flatten", "only renames dimensions"),
            ("MatMul", "fully connected layer"),
            ("Add", "bias of the layer before it"),
            ("Softmax", "left to the client: it does not change the order of the scores"),
            ("TopK", "left out: nothing uses its result"),
        ]
    );
    assert_eq!(node_count(&model.bytes()).unwrap(), said.len());
    assert_eq!(imported.nodes[0].name, "the_v2");
    assert_eq!((imported.opset, imported.producer.as_str()), (13, "blindsight"));
    assert_eq!((imported.input_name.as_str(), imported.output_name.as_str()), ("x", "y"));
}

#[test]
fn a_normalisation_that_cannot_be_folded_is_reported_so() {
    let mut model = Model::new(13, &[2, 6, 6]);
    let normed = model.norm("x", 2);
    model.initializers.push(floats_tensor("w", &[2, 2, 1, 1], &[0.5; 4]));
    model.end("Conv", &[&normed, "w"], &[ints("strides", &[1, 1])]);
    let imported = import(&model.bytes(), &NoExternalData).unwrap();
    assert_eq!(imported.nodes[0].how, "batch normalisation on its own");
}
