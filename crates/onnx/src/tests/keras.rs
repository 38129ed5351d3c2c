//! The forms that Keras models take on their way to ONNX, each compared with the other interpreter.

use blindsight_model::graph::{Node, Padding};
use blindsight_model::tensor::Shape;

use super::agreement::{Ending, agree, agree_bytes};
use super::encode::{Model, int, ints, text};
use super::exporters::{conv, picture};
use crate::InputOrder;

/// What tf2onnx makes of a Keras model: channels last outside, first inside.
#[test]
fn channels_last() {
    let first = || ints("perm", &[0, 3, 1, 2]);
    let last = || ints("perm", &[0, 2, 3, 1]);
    for end in ["reduce", "pool and squeeze", "flatten everything"] {
        let mut model = Model::new(13, &[6, 5, 2]);
        let source = model.add("Transpose", &["x"], &[first()]);
        let source = conv(&mut model, &source, [2, 3]);
        let source = model.add("Transpose", &[&source], &[last()]);
        let bias = model.weights(&[3]);
        let source = model.add("Add", &[&source, &bias], &[]);
        let source = model.add("Relu", &[&source], &[]);
        let source = model.add("Transpose", &[&source], &[first()]);
        let branch = conv(&mut model, &source, [3, 3]);
        let sum = model.add("Add", &[&branch, &source], &[]);
        let (flat, inputs) = match end {
            "reduce" => {
                let turned = model.add("Transpose", &[&sum], &[last()]);
                let axes = [ints("axes", &[1, 2]), int("keepdims", 0)];
                (model.add("ReduceMean", &[&turned], &axes), 3)
            }
            "pool and squeeze" => {
                let pooled = model.add("GlobalAveragePool", &[&sum], &[]);
                let turned = model.add("Transpose", &[&pooled], &[last()]);
                let shape = model.ints(&[-1, 3]);
                (model.add("Reshape", &[&turned, &shape], &[]), 3)
            }
            _ => {
                let turned = model.add("Transpose", &[&sum], &[last()]);
                let shape = model.ints(&[-1, 90]);
                (model.add("Reshape", &[&turned, &shape], &[]), 90)
            }
        };
        let weights = model.weights(&[inputs, 4]);
        let product = model.add("MatMul", &[&flat, &weights], &[]);
        let bias = model.weights(&[4]);
        let scores = model.add("Add", &[&product, &bias], &[]);
        model.end("Softmax", &[&scores], &[]);
        let imported = agree_bytes(end, &model.bytes(), Ending::Softmax);
        assert_eq!(imported.input_order, InputOrder::ChannelsLast);
        let input = imported.graph.shape(imported.graph.input());
        assert_eq!(input, Shape::new(2, 6, 5).unwrap());
    }
}

/// Zeros of a Pad in front of a convolution, in either order of dimensions, and what it adds to.
#[test]
fn zeros_before_convolutions() {
    /// The zeros of the Pad, those of the convolution, its strides; what they come to.
    type Case = (&'static str, [i64; 4], [i64; 4], [i64; 2], Padding);
    let cases: [Case; 4] = [
        ("on all sides", [1; 4], [0; 4], [2, 2], Padding::even(1)),
        ("at the end", [0, 0, 1, 1], [0; 4], [2, 2], Padding::uneven(0, 1)),
        ("beside the convolution's own", [1, 0, 0, 1], [0, 1, 1, 0], [1, 1], Padding::even(1)),
        ("reached in part", [0, 0, 2, 2], [0; 4], [2, 2], Padding::uneven(0, 1)),
    ];
    for (what, [top, left, bottom, right], pads, strides, expected) in cases {
        for channels_last in [false, true] {
            let mut model = picture(13);
            let source = model.add("Relu", &["x"], &[]);
            let padded = if channels_last {
                let turned = model.add("Transpose", &[&source], &[ints("perm", &[0, 2, 3, 1])]);
                let added = model.ints(&[0, top, left, 0, 0, bottom, right, 0]);
                let padded = model.add("Pad", &[&turned, &added], &[]);
                model.add("Transpose", &[&padded], &[ints("perm", &[0, 3, 1, 2])])
            } else {
                let added = model.ints(&[0, 0, top, left, 0, 0, bottom, right]);
                model.add("Pad", &[&source, &added], &[])
            };
            // Two convolutions may read the same zeros.
            let attributes = [ints("pads", &pads), ints("strides", &strides)];
            let terms = [0, 1].map(|_| {
                let weights = model.weights(&[3, 2, 3, 3]);
                model.add("Conv", &[&padded, &weights], &attributes)
            });
            model.end("Add", &[&terms[0], &terms[1]], &[]);
            let imported = agree(what, &model);
            let found: Vec<_> =
                imported.graph.nodes().filter_map(|(_, node)| padding(node)).collect();
            assert_eq!(found, [expected; 2], "{what}");
        }
    }
}

fn padding(node: &Node) -> Option<Padding> {
    match node {
        Node::Conv2d { conv, .. } => Some(conv.padding()),
        _ => None,
    }
}

/// A residual network as Keras builds it: convolutions with padding "same" between transposes,
/// batch normalisations, a ZeroPadding2D in front of the second transition.
#[test]
fn residual_networks_of_keras() {
    let mut model = Model::new(13, &[16, 16, 3]);
    let source = model.add("Transpose", &["x"], &[ints("perm", &[0, 3, 1, 2])]);
    let source = same(&mut model, &source, [3, 4, 3], 1);
    let source = model.add("Relu", &[&source], &[]);
    let source = keras_block(&mut model, &source, [4, 4], false);
    let source = keras_block(&mut model, &source, [4, 8], false);
    let source = keras_block(&mut model, &source, [8, 6], true);
    let turned = model.add("Transpose", &[&source], &[ints("perm", &[0, 2, 3, 1])]);
    let axes = [ints("axes", &[1, 2]), int("keepdims", 0)];
    let pooled = model.add("ReduceMean", &[&turned], &axes);
    let weights = model.weights(&[6, 10]);
    let product = model.add("MatMul", &[&pooled, &weights], &[]);
    let bias = model.weights(&[10]);
    let scores = model.add("Add", &[&product, &bias], &[]);
    model.end("Softmax", &[&scores], &[]);
    let imported = agree_bytes("a residual network", &model.bytes(), Ending::Softmax);
    let found: Vec<_> = imported.graph.nodes().filter_map(|(_, node)| padding(node)).collect();
    let (even, none, after) = (Padding::even(1), Padding::even(0), Padding::uneven(0, 1));
    assert_eq!(found, [even, even, even, after, even, none, even, even, none]);
}

/// Two convolutions and a shortcut; where channels differ, the side is halved.
fn keras_block(
    model: &mut Model,
    source: &str,
    channels: [usize; 2],
    zero_padding: bool,
) -> String {
    let [from, to] = channels;
    let stride = if from == to { 1 } else { 2 };
    let branch = if zero_padding {
        let turned = model.add("Transpose", &[source], &[ints("perm", &[0, 2, 3, 1])]);
        let pads = model.ints(&[0, 1, 1, 0, 0, 1, 1, 0]);
        let padded = model.add("Pad", &[&turned, &pads], &[text("mode", "constant")]);
        let padded = model.add("Transpose", &[&padded], &[ints("perm", &[0, 3, 1, 2])]);
        let weights = model.weights(&[to, from, 3, 3]);
        // The other interpreter wants to be told that nothing is added.
        let attributes =
            [text("auto_pad", "VALID"), ints("pads", &[0; 4]), ints("strides", &[stride, stride])];
        let conv = model.add("Conv", &[&padded, &weights], &attributes);
        model.norm(&conv, to)
    } else {
        same(model, source, [from, to, 3], stride)
    };
    let branch = model.add("Relu", &[&branch], &[]);
    let branch = same(model, &branch, [to, to, 3], 1);
    let shortcut =
        if from == to { source.to_owned() } else { same(model, source, [from, to, 1], stride) };
    let sum = model.add("Add", &[&branch, &shortcut], &[]);
    model.add("Relu", &[&sum], &[])
}

/// A convolution with padding "same" and its normalisation, between transposes.
fn same(model: &mut Model, source: &str, [from, to, kernel]: [usize; 3], stride: i64) -> String {
    let weights = model.weights(&[to, from, kernel, kernel]);
    let attributes = [text("auto_pad", "SAME_UPPER"), ints("strides", &[stride, stride])];
    let conv = model.add("Conv", &[source, &weights], &attributes);
    let normed = model.norm(&conv, to);
    let turned = model.add("Transpose", &[&normed], &[ints("perm", &[0, 2, 3, 1])]);
    model.add("Transpose", &[&turned], &[ints("perm", &[0, 3, 1, 2])])
}
