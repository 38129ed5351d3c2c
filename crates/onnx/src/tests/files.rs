//! How a file may hold its nodes and weights: the network is the same.

use blindsight_model::graph::Node;

use super::agreement::agree;
use super::encode::{Message, floats_tensor, header, int};
use super::exporters::{conv, picture};

#[test]
fn nodes_in_any_order() {
    let mut model = picture(13);
    let source = conv(&mut model, "x", [2, 3]);
    let normed = model.norm(&source, 3);
    model.end("Relu", &[&normed], &[]);
    let sorted = agree("in order", &model).graph;
    model.nodes.reverse();
    let imported = crate::import(&model.bytes(), &crate::NoExternalData).unwrap();
    assert_eq!(imported.graph, sorted);
    assert_eq!(imported.nodes[0].op_type, "Relu");
}

/// Weights of other precisions and in other fields give the same network.
#[test]
fn weights_in_every_form() {
    let values = [0.5_f32, -1.25, 2.0, 0.0, 1.0, -0.5, 0.25, 3.0];
    let dims = [4, 2, 1, 1];
    let with = |weights: Message| {
        let mut model = picture(13);
        model.initializers.push(weights);
        model.end("Conv", &["x", "w"], &[]);
        crate::import(&model.bytes(), &crate::NoExternalData).unwrap().graph
    };
    let expected = with(floats_tensor("w", &dims, &values));
    let raw = |data_type, bytes: Vec<u8>| with(header("w", &dims, data_type).bytes(9, &bytes));
    let le = |value: f32| value.to_le_bytes().to_vec();
    let half = |value: f32| half::f16::from_f32(value).to_bits();
    let brain = |value: f32| half::bf16::from_f32(value).to_bits();
    let doubles: Vec<u8> = values.iter().flat_map(|&x| f64::from(x).to_le_bytes()).collect();
    assert_eq!(raw(11, doubles.clone()), expected);
    assert_eq!(raw(10, values.iter().flat_map(|&x| half(x).to_le_bytes()).collect()), expected);
    assert_eq!(raw(16, values.iter().flat_map(|&x| brain(x).to_le_bytes()).collect()), expected);
    let packed: Vec<u8> = values.iter().flat_map(|&x| le(x)).collect();
    assert_eq!(with(header("w", &dims, 1).bytes(4, &packed)), expected);
    assert_eq!(
        with(header("w", &dims, 1).bytes(4, &packed[..12]).bytes(4, &packed[12..])),
        expected
    );
    assert_eq!(with(header("w", &dims, 11).bytes(10, &doubles)), expected);
    let varints = |bits: &dyn Fn(f32) -> u16| {
        let written = |x: &f32| Message::default().int(1, i64::from(bits(*x))).0[1..].to_vec();
        values.iter().flat_map(written).collect::<Vec<u8>>()
    };
    assert_eq!(with(header("w", &dims, 10).bytes(5, &varints(&half))), expected);
    assert_eq!(with(header("w", &dims, 16).bytes(5, &varints(&brain))), expected);
    // Half-precision weights that the file itself turns into single precision.
    let mut model = picture(13);
    let halves: Vec<u8> = values.iter().flat_map(|&x| half(x).to_le_bytes()).collect();
    model.initializers.push(header("w", &dims, 10).bytes(9, &halves));
    let cast = model.add("Cast", &["w"], &[int("to", 1)]);
    model.end("Conv", &["x", &cast], &[]);
    let graph = crate::import(&model.bytes(), &crate::NoExternalData).unwrap().graph;
    assert_eq!(graph, expected);
}

#[test]
fn old_files_list_weights_among_the_inputs() {
    let mut model = picture(11);
    let source = conv(&mut model, "x", [2, 3]);
    model.end("Relu", &[&source], &[]);
    let dims = [3, 2, 3, 3].map(super::encode::Dim::Fixed);
    model.inputs.push(super::encode::value_info("w1", 1, &dims));
    let imported = crate::import(&model.bytes(), &crate::NoExternalData).unwrap();
    assert_eq!(imported.input_name, "x");
}

#[test]
fn weights_beside_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let values: Vec<f32> = (0..54).map(|i| (i as f32).sin()).collect();
    let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    std::fs::write(folder.path().join("model.data"), [&[0; 64][..], &raw].concat()).unwrap();
    let entry = |key: &str, value: &str| Message::default().text(1, key).text(2, value);
    let stored = |weights: Message| {
        let mut model = picture(13);
        model.initializers.push(weights);
        model.end("Conv", &["x", "w"], &[]);
        model.bytes()
    };
    let outside = header("w", &[3, 2, 3, 3], 1)
        .message(13, &entry("location", "model.data"))
        .message(13, &entry("offset", "64"))
        .message(13, &entry("length", "216"))
        .int(14, 1);
    let path = folder.path().join("model.onnx");
    std::fs::write(&path, stored(outside)).unwrap();
    let imported = crate::import_file(&path).unwrap();
    let inside = stored(floats_tensor("w", &[3, 2, 3, 3], &values));
    let expected = crate::import(&inside, &crate::NoExternalData).unwrap();
    assert_eq!(imported.graph, expected.graph);
    assert!(imported.graph.nodes().all(|(_, node)| matches!(node, Node::Conv2d { .. })));
}
