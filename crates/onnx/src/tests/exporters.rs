//! The forms that exporters write, each compared with the other interpreter.

use blindsight_model::graph::{ActivationKind, Node, Padding};
use blindsight_model::tensor::Shape;

use super::agreement::{Ending, agree, agree_bytes};
use super::encode::{
    INT64, Message, Model, bare_node, float, floats_tensor, header, int, ints, ints_tensor, node,
    tensor_attribute, text,
};
use crate::{Imported, InputOrder};

/// A picture of two channels.
fn picture(opset: i64) -> Model {
    Model::new(opset, &[2, 6, 6])
}

/// A convolution of 3x3 that keeps the size.
fn conv(model: &mut Model, source: &str, dims: [usize; 2]) -> String {
    let weights = model.weights(&[dims[1], dims[0], 3, 3]);
    model.add("Conv", &[source, &weights], &[ints("pads", &[1; 4])])
}

fn operations(imported: &Imported) -> Vec<&'static str> {
    imported.graph.nodes().map(|(_, node)| node.name()).collect()
}

fn only_activation(imported: &Imported) -> ActivationKind {
    let kinds: Vec<_> = imported.graph.activations().map(|(_, kind)| kind).collect();
    assert_eq!(kinds.len(), 1);
    kinds[0]
}

#[test]
fn convolutions() {
    let forms: [(&str, [usize; 4], Vec<Message>); 12] = [
        ("bare", [3, 2, 3, 3], vec![]),
        ("stride", [3, 2, 3, 3], vec![ints("pads", &[1; 4]), ints("strides", &[2, 2])]),
        ("1x1", [4, 2, 1, 1], vec![ints("strides", &[2, 2]), ints("kernel_shape", &[1, 1])]),
        ("uneven kernel", [3, 2, 5, 1], vec![ints("dilations", &[1, 1]), int("group", 1)]),
        ("valid", [3, 2, 3, 3], vec![text("auto_pad", "VALID"), ints("pads", &[0; 4])]),
        ("same", [3, 2, 3, 3], vec![text("auto_pad", "SAME_UPPER")]),
        ("same lower", [3, 2, 5, 5], vec![text("auto_pad", "SAME_LOWER")]),
        (
            "zeros that no window reaches",
            [3, 2, 3, 3],
            vec![ints("pads", &[1, 1, 0, 0]), ints("strides", &[2, 2])],
        ),
        ("uneven pads", [3, 2, 3, 3], vec![ints("pads", &[0, 0, 1, 1]), ints("strides", &[2, 2])]),
        ("four different pads", [3, 2, 3, 3], vec![ints("pads", &[2, 0, 1, 3])]),
        ("pads of one direction", [3, 2, 3, 3], vec![ints("pads", &[1, 0, 1, 0])]),
        (
            "an odd number of zeros",
            [3, 2, 3, 3],
            vec![text("auto_pad", "SAME_UPPER"), ints("strides", &[2, 2])],
        ),
    ];
    for (what, dims, attributes) in forms {
        for with_bias in [false, true] {
            let mut model = picture(13);
            let weights = model.weights(&dims);
            let bias = model.weights(&[dims[0]]);
            let inputs = ["x", &weights, if with_bias { &bias } else { "" }];
            model.end("Conv", &inputs[..if with_bias { 3 } else { 2 }], &attributes);
            assert_eq!(operations(&agree(what, &model)), ["convolution"]);
        }
    }
}

#[test]
fn what_a_convolution_does_not_say_is_the_default() {
    let graph = |bare: bool| {
        let mut model = picture(13);
        let weights = model.weights(&[3, 2, 3, 3]);
        let written = if bare { bare_node } else { node };
        model.nodes.push(written("Conv", &["x", &weights], "y", &[]));
        crate::import(&model.bytes(), &crate::NoExternalData).unwrap().graph
    };
    assert_eq!(graph(true), graph(false));
}

/// The other interpreter takes SAME_LOWER for SAME_UPPER, so this compares two ways to say it.
#[test]
fn an_odd_zero_comes_first_in_same_lower() {
    let graph = |padding: Message| {
        let mut model = picture(13);
        let weights = model.weights(&[3, 2, 3, 3]);
        model.end("Conv", &["x", &weights], &[padding, ints("strides", &[2, 2])]);
        crate::import(&model.bytes(), &crate::NoExternalData).unwrap().graph
    };
    assert_eq!(graph(text("auto_pad", "SAME_LOWER")), graph(ints("pads", &[1, 1, 0, 0])));
}

#[test]
fn normalisations_stay_apart() {
    let mut model = picture(15);
    let source = conv(&mut model, "x", [2, 3]);
    let normed = model.norm(&source, 3);
    model.end("Relu", &[&normed], &[]);
    let imported = agree("normalisation", &model);
    let names = ["convolution", "batch normalisation", "activation"];
    assert_eq!(operations(&imported), names);
    let folded = blindsight_model::fold::fold_batch_norm(&imported.graph).unwrap();
    assert_eq!(folded.nodes().len(), 2);
}

#[test]
fn simple_activations() {
    for (op, opset, kind) in [
        ("Relu", 11, ActivationKind::Relu),
        ("Sigmoid", 13, ActivationKind::Sigmoid),
        ("Tanh", 13, ActivationKind::Tanh),
        ("Gelu", 20, ActivationKind::Gelu),
    ] {
        let mut model = picture(opset);
        let source = conv(&mut model, "x", [2, 3]);
        model.end(op, &[&source], &[]);
        assert_eq!(only_activation(&agree(op, &model)), kind);
    }
}

#[test]
fn silu_in_both_orders() {
    for swapped in [false, true] {
        let mut model = picture(17);
        let source = conv(&mut model, "x", [2, 3]);
        let gate = model.add("Sigmoid", &[&source], &[]);
        let factors = if swapped { [&*gate, &*source] } else { [&*source, &*gate] };
        model.end("Mul", &factors, &[]);
        assert_eq!(only_activation(&agree("silu", &model)), ActivationKind::Silu);
    }
}

#[test]
fn a_sigmoid_that_is_also_read_alone_is_computed_alone() {
    let mut model = picture(17);
    let source = conv(&mut model, "x", [2, 3]);
    let gate = model.add("Sigmoid", &[&source], &[]);
    let silu = model.add("Mul", &[&source, &gate], &[]);
    model.end("Add", &[&silu, &gate], &[]);
    assert_eq!(agree("silu and sigmoid", &model).graph.activations().count(), 2);
}

#[test]
fn gelu_in_the_forms_of_exporters() {
    let root = std::f32::consts::SQRT_2;
    type Form = fn(&mut Model, &str, &str, &str, &str, &str);
    // x, 1/sqrt 2, sqrt 2, 1, 1/2
    let forms: [(&str, Form); 4] = [
        ("x/sqrt 2, erf, +1, x*, *0.5", |m, x, _, r, one, half| {
            let erf = m.add("Div", &[x, r], &[]);
            let erf = m.add("Erf", &[&erf], &[]);
            let sum = m.add("Add", &[&erf, one], &[]);
            let product = m.add("Mul", &[x, &sum], &[]);
            m.end("Mul", &[&product, half], &[]);
        }),
        ("(x*0.5) * (erf(x*0.7071)+1)", |m, x, i, _, one, half| {
            let erf = m.add("Mul", &[x, i], &[]);
            let erf = m.add("Erf", &[&erf], &[]);
            let sum = m.add("Add", &[one, &erf], &[]);
            let left = m.add("Mul", &[x, half], &[]);
            m.end("Mul", &[&left, &sum], &[]);
        }),
        ("x * (0.5*(erf+1))", |m, x, i, _, one, half| {
            let erf = m.add("Mul", &[i, x], &[]);
            let erf = m.add("Erf", &[&erf], &[]);
            let sum = m.add("Add", &[&erf, one], &[]);
            let gate = m.add("Mul", &[half, &sum], &[]);
            m.end("Mul", &[&gate, x], &[]);
        }),
        ("x * (0.5*erf + 0.5)", |m, x, _, r, _, half| {
            let erf = m.add("Div", &[x, r], &[]);
            let erf = m.add("Erf", &[&erf], &[]);
            let gate = m.add("Mul", &[&erf, half], &[]);
            let gate = m.add("Add", &[&gate, half], &[]);
            m.end("Mul", &[x, &gate], &[]);
        }),
    ];
    for (what, form) in forms {
        let mut model = picture(14);
        let inverse = model.floats(&[], &[root.recip()]);
        let root = model.floats(&[1], &[root]);
        let one = model.floats(&[], &[1.0]);
        let half = model.floats(&[1, 1], &[0.5]);
        let source = conv(&mut model, "x", [2, 3]);
        form(&mut model, &source, &inverse, &root, &one, &half);
        assert_eq!(only_activation(&agree(what, &model)), ActivationKind::Gelu, "{what}");
    }
}

#[test]
fn residual_blocks_of_both_kinds() {
    for kind in ["identity", "convolution"] {
        let mut model = picture(13);
        let start = conv(&mut model, "x", [2, 4]);
        let start = model.add("Relu", &[&start], &[]);
        let weights = model.weights(&[4, 4, 3, 3]);
        let strides = if kind == "identity" { [1, 1] } else { [2, 2] };
        let attributes = [ints("pads", &[1; 4]), ints("strides", &strides)];
        let branch = model.add("Conv", &[&start, &weights], &attributes);
        let branch = model.norm(&branch, 4);
        let shortcut = if kind == "identity" {
            start
        } else {
            let weights = model.weights(&[4, 4, 1, 1]);
            let thin = model.add("Conv", &[&start, &weights], &[ints("strides", &[2, 2])]);
            model.norm(&thin, 4)
        };
        let sum = model.add("Add", &[&branch, &shortcut], &[]);
        model.end("Relu", &[&sum], &[]);
        agree(kind, &model);
    }
}

/// x[:, :, ::2, ::2] as the parts of a model.
fn thinned(model: &mut Model, form: &str) -> String {
    let most = i64::MAX;
    match form {
        "one slice" => {
            let operands = [&[0, 0][..], &[most, most], &[2, 3], &[2, 2]].map(|v| model.ints(v));
            let [starts, ends, axes, steps] = &operands;
            model.add("Slice", &["x", starts, ends, axes, steps], &[])
        }
        "all dimensions" => {
            let lists: [&[i64]; 4] = [&[0; 4], &[1, 2, 6, 5], &[0, 1, 2, -1], &[1, 1, 2, 2]];
            let [starts, ends, axes, steps] = lists.map(|values| model.ints(values));
            model.add("Slice", &["x", &starts, &ends, &axes, &steps], &[])
        }
        _ => {
            // TorchScript writes one slice a dimension, with Constant nodes.
            let mut source = "x".to_owned();
            for (axis, step) in [(0, 1), (1, 1), (2, 2), (3, 2)] {
                let operands = [0, most, axis, step].map(|value| {
                    let tensor = ints_tensor("", &[1], &[value]);
                    model.add("Constant", &[], &[tensor_attribute("value", &tensor)])
                });
                let [starts, ends, axes, steps] = &operands;
                source = model.add("Slice", &[&source, starts, ends, axes, steps], &[]);
            }
            source
        }
    }
}

#[test]
fn shortcuts_without_parameters() {
    for form in ["one slice", "all dimensions", "a slice for every dimension"] {
        let mut model = picture(13);
        let source = thinned(&mut model, form);
        let pads = model.ints(&[0, 3, 0, 0, 0, 3, 0, 0]);
        let zero = model.floats(&[], &[0.0]);
        model.end("Pad", &[&source, &pads, &zero], &[text("mode", "constant")]);
        let imported = agree(form, &model);
        assert_eq!(operations(&imported), ["subsampling shortcut"]);
        assert_eq!(imported.graph.shape(imported.graph.output()), Shape::new(8, 3, 3).unwrap());
    }
    // Without added channels, and with paddings for one axis alone.
    let mut model = picture(18);
    let source = thinned(&mut model, "one slice");
    model.end("Relu", &[&source], &[]);
    agree("thinned only", &model);
    let mut model = picture(18);
    let source = thinned(&mut model, "one slice");
    let (pads, axes) = (model.ints(&[1, 1]), model.ints(&[1]));
    model.end("Pad", &[&source, &pads, "", &axes], &[]);
    // The other interpreter does not know this form.
    let graph = crate::import(&model.bytes(), &crate::NoExternalData).unwrap().graph;
    let source = graph.input();
    let shortcut = Node::SubsamplePad { source, channels: 4 };
    assert_eq!(graph.node(graph.output()), Some(&shortcut));
    // A picture of one channel.
    let mut model = Model::new(13, &[1, 5, 5]);
    let source = thinned(&mut model, "one slice");
    let pads = model.ints(&[0, 1, 0, 0, 0, 1, 0, 0]);
    let padded = model.add("Pad", &[&source, &pads], &[]);
    let source = conv(&mut model, &padded, [3, 2]);
    model.end("Relu", &[&source], &[]);
    agree("one channel", &model);
}

#[test]
fn paddings_computed_in_the_file() {
    // What TorchScript leaves of F.pad: the list is filled up, turned round and flattened.
    let mut model = picture(13);
    let source = thinned(&mut model, "one slice");
    let given = model.ints(&[0, 0, 0, 0, 1, 1]);
    let missing = model.ints(&[2]);
    let zero = tensor_attribute("value", &ints_tensor("", &[1], &[0]));
    let zeros = model.add("ConstantOfShape", &[&missing], &[zero]);
    let joined = model.add("Concat", &[&given, &zeros], &[int("axis", 0)]);
    let shape = model.ints(&[-1, 2]);
    let pairs = model.add("Reshape", &[&joined, &shape], &[]);
    let operands = [&[0][..], &[-1], &[i64::MIN + 1], &[-1]].map(|values| model.ints(values));
    let [axes, starts, ends, steps] = &operands;
    let turned = model.add("Slice", &[&pairs, starts, ends, axes, steps], &[]);
    let transposed = model.add("Transpose", &[&turned], &[ints("perm", &[1, 0])]);
    let flat = model.ints(&[-1]);
    let flat = model.add("Reshape", &[&transposed, &flat], &[]);
    let pads = model.add("Cast", &[&flat], &[int("to", INT64)]);
    model.end("Pad", &[&source, &pads], &[]);
    let imported = agree("computed paddings", &model);
    assert_eq!(imported.graph.shape(imported.graph.output()).channels(), 4);
}

/// Every way to write a global average, and the flattening after it.
#[test]
fn averages_and_heads() {
    let pools: [(&str, i64); 6] = [
        ("GlobalAveragePool", 13),
        ("AveragePool", 13),
        ("ReduceMean attribute", 13),
        ("ReduceMean input", 18),
        ("ReduceMean negative", 13),
        ("ReduceMean dropping", 13),
    ];
    for (pool, opset) in pools {
        for head in ["Flatten", "Reshape", "Squeeze attribute", "Squeeze input", "computed"] {
            let dropping = pool.ends_with("dropping");
            let squeeze_as_input = head.ends_with("input");
            let squeezes = head.starts_with("Squeeze");
            if squeezes && (dropping || squeeze_as_input != (opset >= 13)) {
                continue;
            }
            let mut model = picture(opset);
            let source = conv(&mut model, "x", [2, 3]);
            let pooled = match pool {
                "AveragePool" => {
                    let window = [ints("kernel_shape", &[6, 6]), ints("strides", &[6, 6])];
                    model.add("AveragePool", &[&source], &window)
                }
                "ReduceMean attribute" => {
                    model.add("ReduceMean", &[&source], &[ints("axes", &[2, 3])])
                }
                "ReduceMean negative" => {
                    let axes = [ints("axes", &[-1, -2]), int("keepdims", 1)];
                    model.add("ReduceMean", &[&source], &axes)
                }
                "ReduceMean dropping" => {
                    let axes = [ints("axes", &[2, 3]), int("keepdims", 0)];
                    model.add("ReduceMean", &[&source], &axes)
                }
                "ReduceMean input" => {
                    let axes = model.ints(&[2, 3]);
                    model.add("ReduceMean", &[&source, &axes], &[])
                }
                other => model.add(other, &[&source], &[]),
            };
            let flat = match head {
                "Flatten" => model.add("Flatten", &[&pooled], &[int("axis", 1)]),
                "Reshape" => {
                    let shape = model.ints(&[-1, 3]);
                    model.add("Reshape", &[&pooled, &shape], &[])
                }
                "Squeeze attribute" => model.add("Squeeze", &[&pooled], &[ints("axes", &[2, 3])]),
                "Squeeze input" => {
                    let axes = model.ints(&[-2, -1]);
                    model.add("Squeeze", &[&pooled, &axes], &[])
                }
                _ => viewed(&mut model, &pooled),
            };
            let weights = model.weights(&[10, 3]);
            let bias = model.weights(&[10]);
            model.end("Gemm", &[&flat, &weights, &bias], &[int("transB", 1)]);
            let imported = agree(&format!("{pool}, {head}"), &model);
            assert_eq!(
                operations(&imported),
                ["convolution", "average pool", "fully connected layer"]
            );
        }
    }
}

/// x.view(x.size(0), -1) as TorchScript writes it.
fn viewed(model: &mut Model, source: &str) -> String {
    let shape = model.add("Shape", &[source], &[]);
    let zero = model.int(0);
    let batch = model.add("Gather", &[&shape, &zero], &[int("axis", 0)]);
    let axes = model.ints(&[0]);
    let batch = model.add("Unsqueeze", &[&batch, &axes], &[]);
    let rest = model.ints(&[-1]);
    let target = model.add("Concat", &[&batch, &rest], &[int("axis", 0)]);
    model.add("Reshape", &[source, &target], &[])
}

#[test]
fn fully_connected_layers() {
    for (what, trans, alpha, beta) in [("B", 0, 1.0, 1.0), ("B turned", 1, 0.5, 2.0)] {
        for bias in [&[5_usize][..], &[1, 5], &[], &[1]] {
            let mut model = picture(13);
            let flat = model.add("Flatten", &["x"], &[]);
            let dims = if trans == 1 { [5, 72] } else { [72, 5] };
            let weights = model.weights(&dims);
            let bias = model.weights(bias);
            let attributes = [int("transB", trans), float("alpha", alpha), float("beta", beta)];
            model.end("Gemm", &[&flat, &weights, &bias], &attributes);
            agree(what, &model);
        }
    }
    for bias_first in [false, true] {
        let mut model = Model::new(13, &[12]);
        let weights = model.weights(&[12, 4]);
        let bias = model.weights(&[4]);
        let product = model.add("MatMul", &["x", &weights], &[]);
        let terms = if bias_first { [&*bias, &*product] } else { [&*product, &*bias] };
        let sum = model.add("Add", &terms, &[]);
        model.end("Relu", &[&sum], &[]);
        let imported = agree("product and bias", &model);
        assert_eq!(operations(&imported), ["fully connected layer", "activation"]);
        assert_eq!(imported.input_order, InputOrder::Vector);
    }
    let mut model = picture(13);
    let flat = model.add("Flatten", &["x"], &[]);
    let weights = model.weights(&[5, 72]);
    let turned = model.add("Transpose", &[&weights], &[ints("perm", &[1, 0])]);
    model.end("MatMul", &[&flat, &turned], &[]);
    agree("weights turned in the file", &model);
}

#[test]
fn biases_added_to_convolutions() {
    for dims in [&[1, 3, 1, 1][..], &[3, 1, 1], &[]] {
        let mut model = picture(13);
        let source = conv(&mut model, "x", [2, 3]);
        let bias = model.weights(dims);
        let sum = model.add("Add", &[&source, &bias], &[]);
        model.end("Relu", &[&sum], &[]);
        assert_eq!(operations(&agree("bias", &model)), ["convolution", "activation"]);
    }
}

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

#[test]
fn softmax_is_left_to_the_client() {
    for (op, ending) in [("Softmax", Ending::Softmax), ("LogSoftmax", Ending::LogSoftmax)] {
        for (opset, axis) in [(11, None), (11, Some(1)), (13, None), (13, Some(-1)), (13, Some(1))]
        {
            let mut model = Model::new(opset, &[7]);
            let weights = model.weights(&[7, 4]);
            let scores = model.add("MatMul", &["x", &weights], &[]);
            let axis: Vec<Message> = axis.map(|axis| int("axis", axis)).into_iter().collect();
            let result = model.add(op, &[&scores], &axis);
            model.end("Identity", &[&result], &[]);
            agree_bytes(op, &model.bytes(), ending);
        }
    }
}

#[test]
fn what_does_nothing_is_passed() {
    let mut model = picture(13);
    let source = model.add("Identity", &["x"], &[]);
    let source = conv(&mut model, &source, [2, 3]);
    let source = model.add("Cast", &[&source], &[int("to", 1)]);
    let ratio = model.floats(&[], &[0.5]);
    let source = model.add("Dropout", &[&source, &ratio], &[int("seed", 3)]);
    let bias = model.weights(&[3, 1, 1]);
    let sum = model.add("Add", &[&source, &bias], &[]);
    let axes = model.ints(&[0]);
    let more = model.add("Unsqueeze", &[&sum, &axes], &[]);
    let less = model.add("Squeeze", &[&more, &axes], &[]);
    model.end("Relu", &[&less], &[]);
    assert_eq!(operations(&agree("nothing", &model)), ["convolution", "activation"]);
}

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
