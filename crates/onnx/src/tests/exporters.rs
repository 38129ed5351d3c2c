//! The forms that exporters write, each compared with the other interpreter.

use blindsight_model::graph::{ActivationKind, Node};
use blindsight_model::tensor::Shape;

use super::agreement::{Ending, agree, agree_bytes};
use super::encode::{
    INT64, Message, Model, bare_node, float, int, ints, ints_tensor, node, tensor_attribute, text,
};
use crate::{Imported, InputOrder};

/// A picture of two channels.
pub(super) fn picture(opset: i64) -> Model {
    Model::new(opset, &[2, 6, 6])
}

/// A convolution of 3x3 that keeps the size.
pub(super) fn conv(model: &mut Model, source: &str, dims: [usize; 2]) -> String {
    let weights = model.weights(&[dims[1], dims[0], 3, 3]);
    model.add("Conv", &[source, &weights], &[ints("pads", &[1; 4])])
}

pub(super) fn operations(imported: &Imported) -> Vec<&'static str> {
    imported.graph.nodes().map(|(_, node)| node.name()).collect()
}

fn only_activation(imported: &Imported) -> ActivationKind {
    let kinds: Vec<_> = imported.graph.activations().map(|(_, kind)| kind).collect();
    assert_eq!(kinds.len(), 1);
    kinds[0]
}

#[test]
fn convolutions() {
    let forms: [(&str, [usize; 4], Vec<Message>); 15] = [
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
        ("a channel each", [2, 1, 3, 3], vec![int("group", 2), ints("pads", &[1; 4])]),
        ("two of a channel each", [4, 1, 3, 3], vec![int("group", 2)]),
        ("dilated", [3, 2, 3, 2], vec![ints("dilations", &[2, 3]), ints("pads", &[2, 1, 2, 2])]),
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
fn pools_of_windows() {
    let forms = [
        ("side by side", vec![ints("kernel_shape", &[2, 2]), ints("strides", &[2, 2])]),
        (
            "overlapping",
            vec![
                ints("kernel_shape", &[3, 2]),
                ints("strides", &[1, 1]),
                int("count_include_pad", 1),
            ],
        ),
        ("with something left over", vec![ints("kernel_shape", &[4, 5]), ints("strides", &[2, 3])]),
    ];
    for (what, attributes) in forms {
        let mut model = picture(13);
        model.end("AveragePool", &["x"], &attributes);
        assert_eq!(operations(&agree(what, &model)), ["average pool of windows"]);
    }
}

#[test]
fn activations_in_pieces() {
    let sixth = float("alpha", 1.0 / 6.0);
    let forms: [(ActivationKind, &str, Vec<Message>); 4] = [
        (ActivationKind::HardSwish, "HardSwish", vec![]),
        (ActivationKind::HardSigmoid, "HardSigmoid", vec![sixth]),
        (ActivationKind::Softplus, "Softplus", vec![]),
        (ActivationKind::Elu, "Elu", vec![]),
    ];
    for (kind, operator, attributes) in forms {
        let mut model = picture(14);
        let conv = conv(&mut model, "x", [2, 3]);
        model.end(operator, &[&conv], &attributes);
        assert_eq!(only_activation(&agree(operator, &model)), kind);
    }
    for (kind, high) in [(ActivationKind::Relu6, Some(6.0)), (ActivationKind::Relu, None)] {
        let mut model = picture(13);
        let conv = conv(&mut model, "x", [2, 3]);
        let low = model.floats(&[], &[0.0]);
        let high = high.map_or(String::new(), |high| model.floats(&[], &[high]));
        let inputs = [conv.as_str(), &low, &high];
        model.end("Clip", &inputs[..if high.is_empty() { 2 } else { 3 }], &[]);
        assert_eq!(only_activation(&agree("clip", &model)), kind);
    }
}

#[test]
fn squares() {
    let mut model = picture(13);
    let squared = model.add("Mul", &["x", "x"], &[]);
    let conv = conv(&mut model, &squared, [2, 3]);
    let two = model.floats(&[], &[2.0]);
    model.end("Pow", &[&conv, &two], &[]);
    let imported = agree("squares", &model);
    assert_eq!(operations(&imported), ["activation", "convolution", "activation"]);
    let kinds: Vec<_> = imported.graph.activations().map(|(_, kind)| kind).collect();
    assert_eq!(kinds, [ActivationKind::Square; 2]);
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
