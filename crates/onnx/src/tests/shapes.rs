//! Tensors of other shapes than pictures, and elements in another order, each compared with the other
//! interpreter.

use super::agreement::agree;
use super::encode::{Message, Model, float, int, ints, text};
use super::exporters::{conv, operations, picture};
use crate::InputOrder;

/// Three channels of twelve numbers.
fn sequence() -> Model {
    Model::new(13, &[3, 12])
}

/// A convolution of a single length.
fn conv1d(model: &mut Model, source: &str, dims: [usize; 3], attributes: &[Message]) -> String {
    let weights = model.weights(&dims);
    let bias = model.weights(&[dims[0]]);
    let defaults = [ints("strides", &[1]), ints("dilations", &[1]), ints("pads", &[0, 0])];
    let given = |wanted: &&Message| {
        // Field, length and letters of the name.
        attributes.iter().all(|attribute| attribute.0[..6] != wanted.0[..6])
    };
    let defaults: Vec<Message> = defaults.iter().filter(given).cloned().collect();
    let all = [attributes, &defaults].concat();
    let output = format!("c{}", model.nodes.len());
    model.nodes.push(super::encode::bare_node("Conv", &[source, &weights, &bias], &output, &all));
    output
}

#[test]
fn sequences() {
    for attributes in [
        vec![],
        vec![ints("strides", &[2]), ints("pads", &[1, 1])],
        vec![ints("dilations", &[2]), ints("pads", &[2, 0]), ints("kernel_shape", &[3])],
    ] {
        let mut model = sequence();
        let map = conv1d(&mut model, "x", [4, 3, 3], &attributes);
        let map = model.add("Relu", &[&map], &[]);
        let map = model.norm(&map, 4);
        let two = [ints("kernel_shape", &[2]), ints("strides", &[2])];
        let one = model.add("MaxPool", &[&map], &two);
        let two = model.add("AveragePool", &[&map], &two);
        let map = model.add("Add", &[&one, &two], &[]);
        let map = conv1d(&mut model, &map, [5, 4, 1], &[]);
        let mean = model.add("GlobalAveragePool", &[&map], &[]);
        let flat = model.add("Flatten", &[&mean], &[]);
        let weights = model.weights(&[3, 5]);
        model.end("Gemm", &[&flat, &weights], &[int("transB", 1)]);
        let imported = agree("a sequence", &model);
        assert_eq!(imported.input_order, InputOrder::Sequence);
    }
    // With channels last, and a concatenation along the sequence.
    let mut model = Model::new(13, &[12, 3]);
    let turned = model.add("Transpose", &["x"], &[ints("perm", &[0, 2, 1])]);
    let map = conv1d(&mut model, &turned, [2, 3, 5], &[]);
    let joined = model.add("Concat", &[&map, &map], &[int("axis", 2)]);
    model.end("Relu", &[&joined], &[]);
    agree("channels last", &model);
}

#[test]
fn pictures_without_a_dimension_for_channels() {
    let mut model = Model::new(11, &[6, 5]);
    let map = model.add("Unsqueeze", &["x"], &[ints("axes", &[1])]);
    let map = conv(&mut model, &map, [1, 3]);
    let flat = model.add("Flatten", &[&map], &[]);
    let weights = model.weights(&[90, 4]);
    model.end("MatMul", &[&flat, &weights], &[]);
    let imported = agree("grey", &model);
    assert_eq!(operations(&imported), ["convolution", "fully connected layer"]);
    let input = imported.graph.shape(imported.graph.input());
    assert_eq!((input.channels(), input.height(), input.width()), (1, 6, 5));
}

#[test]
fn channels_are_shuffled() {
    let mut model = Model::new(13, &[6, 4, 3]);
    let [cut, whole] = [&[1, 2, 3, 4, 3][..], &[-1, 6, 4, 3]].map(|dims| model.ints(dims));
    let map = model.add("Relu", &["x"], &[]);
    let map = model.add("Reshape", &[&map, &cut], &[]);
    let map = model.add("Transpose", &[&map], &[ints("perm", &[0, 2, 1, 3, 4])]);
    let map = model.add("Reshape", &[&map, &whole], &[]);
    let map = conv(&mut model, &map, [6, 2]);
    model.end("Relu", &[&map], &[]);
    let names = ["activation", "rearrangement", "convolution", "activation"];
    assert_eq!(operations(&agree("a shuffle", &model)), names);
}

#[test]
fn sides_are_cut_and_turned() {
    for (dims, order) in [
        (vec![1, 4, 3, 6], vec![0, 2, 1, 3]),
        (vec![1, 3, 24], vec![0, 2, 1]),
        (vec![1, 2, 2, 18], vec![0, 3, 1, 2]),
    ] {
        let mut model = picture(13);
        let shape = model.ints(&dims);
        let map = model.add("Reshape", &["x", &shape], &[]);
        let map = model.add("Transpose", &[&map], &[ints("perm", &order)]);
        let map = model.add("Relu", &[&map], &[]);
        let flat = model.add("Flatten", &[&map], &[]);
        let weights = model.weights(&[72, 4]);
        model.end("MatMul", &[&flat, &weights], &[]);
        agree("cut and turned", &model);
    }
    // A sum with itself turned, and a convolution of what was turned.
    let mut model = picture(13);
    let turned = model.add("Transpose", &["x"], &[ints("perm", &[0, 1, 3, 2])]);
    let sum = model.add("Add", &["x", &turned], &[]);
    let turned = model.add("Transpose", &[&sum], &[ints("perm", &[0, 3, 1, 2])]);
    let map = conv(&mut model, &turned, [6, 2]);
    model.end("Relu", &[&map], &[]);
    agree("turned", &model);
}

#[test]
fn flattened_feature_maps_are_joined() {
    let mut model = picture(13);
    let map = conv(&mut model, "x", [2, 3]);
    let one = model.add("Flatten", &[&map], &[]);
    let last = model.add("Transpose", &["x"], &[ints("perm", &[0, 2, 3, 1])]);
    let two = model.add("Flatten", &[&last], &[]);
    let joined = model.add("Concat", &[&one, &two], &[int("axis", 1)]);
    let weights = model.weights(&[180, 4]);
    model.end("MatMul", &[&joined, &weights], &[]);
    agree("flattened", &model);
}

#[test]
fn pixels_become_channels_and_back() {
    let mut model = picture(13);
    let map = model.add("SpaceToDepth", &["x"], &[int("blocksize", 2)]);
    let map = conv(&mut model, &map, [8, 8]);
    model.end("DepthToSpace", &[&map], &[int("blocksize", 2), text("mode", "CRD")]);
    // The other interpreter has no SpaceToDepth: what it would do is written out.
    let imported = crate::import(&model.bytes(), &crate::NoExternalData).unwrap();
    assert_eq!(operations(&imported), ["rearrangement", "convolution", "rearrangement"]);
    for mode in ["DCR", "CRD"] {
        let mut model = Model::new(13, &[8, 3, 2]);
        let map = model.add("DepthToSpace", &["x"], &[int("blocksize", 2), text("mode", mode)]);
        model.end("Relu", &[&map], &[]);
        agree(mode, &model);
    }
    let mut model = picture(13);
    let [cut, whole] = [&[1, 2, 3, 2, 3, 2][..], &[1, 8, 3, 3]].map(|dims| model.ints(dims));
    let map = model.add("Reshape", &["x", &cut], &[]);
    let map = model.add("Transpose", &[&map], &[ints("perm", &[0, 3, 5, 1, 2, 4])]);
    model.end("Reshape", &[&map, &whole], &[]);
    let written_out = agree("written out", &model);
    let mut model = picture(13);
    model.end("SpaceToDepth", &["x"], &[int("blocksize", 2)]);
    let graph = crate::import(&model.bytes(), &crate::NoExternalData).unwrap().graph;
    assert_eq!(graph, written_out.graph);
}

#[test]
fn dense_layers_on_every_place() {
    let mut model = picture(13);
    let (weights, bias) = (model.weights(&[6, 4]), model.weights(&[4]));
    let map = model.add("MatMul", &["x", &weights], &[]);
    let map = model.add("Add", &[&map, &bias], &[]);
    model.end("Relu", &[&map], &[]);
    agree("rows of a picture", &model);
    let mut model = Model::new(13, &[5, 3]);
    let (first, second) = (model.weights(&[3, 4]), model.weights(&[20, 2]));
    let map = model.add("MatMul", &["x", &first], &[]);
    let map = model.add("Relu", &[&map], &[]);
    let flat = model.add("Flatten", &[&map], &[]);
    model.end("MatMul", &[&flat, &second], &[]);
    agree("steps of a sequence", &model);
}

#[test]
fn places_that_are_known_are_gathered() {
    for axis in [1, 2, 3] {
        let mut model = picture(13);
        let indices = model.ints(&[1, -2, 0, 1]);
        let map = model.add("Gather", &["x", &indices], &[int("axis", axis)]);
        model.end("Relu", &[&map], &[]);
        agree("several", &model);
        let mut model = picture(13);
        let index = model.int(1);
        let map = model.add("Gather", &["x", &index], &[int("axis", axis)]);
        let flat = model.add("Flatten", &[&map], &[]);
        model.end("Relu", &[&flat], &[]);
        agree("one", &model);
    }
}

#[test]
fn pictures_become_larger_and_smaller() {
    let modes = ["half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"];
    for mode in ["nearest", "linear"] {
        for place in modes {
            for (what, scales) in [("twice", [2.0, 2.0]), ("uneven", [3.0, 0.5])] {
                let mut model = picture(13);
                let scales = model.floats(&[4], &[1.0, 1.0, scales[0], scales[1]]);
                let attributes = [
                    text("mode", mode),
                    text("coordinate_transformation_mode", place),
                    text("nearest_mode", "floor"),
                ];
                let map = model.add("Relu", &["x"], &[]);
                let map = model.add("Resize", &[&map, "", &scales], &attributes);
                model.end("Relu", &[&map], &[]);
                agree(&format!("{what}, {mode}, {place}"), &model);
            }
        }
    }
    for nearest in ["round_prefer_floor", "round_prefer_ceil", "ceil"] {
        let mut model = picture(13);
        let sizes = model.ints(&[1, 2, 9, 12]);
        let attributes = [text("mode", "nearest"), text("nearest_mode", nearest)];
        let map = model.add("Resize", &["x", "", "", &sizes], &attributes);
        model.end("Relu", &[&map], &[]);
        agree(nearest, &model);
    }
}

#[test]
fn reductions() {
    for (op, axes, keep) in [
        ("ReduceMean", vec![2], 1),
        ("ReduceMean", vec![1], 1),
        ("ReduceMean", vec![1, 2, 3], 0),
        ("ReduceMean", vec![3], 0),
        ("ReduceMax", vec![2, 3], 0),
        ("ReduceMax", vec![-1, -2], 1),
    ] {
        let mut model = picture(11);
        let map = model.add("Relu", &["x"], &[]);
        let map = model.add(op, &[&map], &[ints("axes", &axes), int("keepdims", keep)]);
        model.end("Relu", &[&map], &[]);
        agree(&format!("{op} {axes:?}"), &model);
    }
    for axes in [&[2, 3][..], &[1]] {
        let mut model = picture(13);
        let axes = model.ints(axes);
        let map = model.add("ReduceSum", &["x", &axes], &[int("keepdims", 0)]);
        model.end("Relu", &[&map], &[]);
        agree("sums", &model);
    }
}

#[test]
fn smaller_of_two() {
    let mut model = picture(13);
    let map = conv(&mut model, "x", [2, 2]);
    model.end("Min", &["x", &map], &[]);
    agree("the smaller", &model);
}

/// The other interpreter has no Celu.
#[test]
fn celu_is_elu_in_another_unit() {
    let mut model = picture(13);
    model.end("Celu", &["x"], &[float("alpha", 0.5)]);
    let graph = crate::import(&model.bytes(), &crate::NoExternalData).unwrap().graph;
    let mut model = picture(13);
    let (half, two) = (model.floats(&[], &[0.5]), model.floats(&[], &[2.0]));
    let map = model.add("Mul", &["x", &two], &[]);
    let map = model.add("Elu", &[&map], &[]);
    model.end("Mul", &[&map, &half], &[]);
    assert_eq!(graph, agree("written out", &model).graph);
}
