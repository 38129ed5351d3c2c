//! Layers that are made of others, each compared with the other interpreter.

use blindsight_model::graph::ActivationKind;
use blindsight_model::plain::PlainNetwork;
use blindsight_model::tensor::Tensor;

use super::agreement::agree;
use super::encode::{Message, Model, float, int, ints, node, text};
use super::exporters::{conv, operations, picture};
use crate::{Imported, NoExternalData, import};

fn kinds(imported: &Imported) -> Vec<ActivationKind> {
    imported.graph.activations().map(|(_, kind)| kind).collect()
}

/// One operator after a convolution of three channels, and a ReLU.
fn after_relu(opset: i64, op: &str, attributes: &[Message]) -> Model {
    let mut model = picture(opset);
    let map = conv(&mut model, "x", [2, 3]);
    let map = model.add("Relu", &[&map], &[]);
    model.end(op, &[&map], attributes);
    model
}

#[test]
fn maxima_of_windows() {
    let kernel = |rows, columns| ints("kernel_shape", &[rows, columns]);
    let strides = |rows, columns| ints("strides", &[rows, columns]);
    let forms = [
        ("two by two", 2, vec![kernel(2, 2), strides(2, 2)]),
        ("overlapping", 4, vec![kernel(3, 3), strides(2, 2), ints("pads", &[1; 4])]),
        ("rows alone", 1, vec![kernel(2, 1), strides(2, 1)]),
        ("with something left over", 3, vec![kernel(2, 3), strides(3, 2)]),
        ("cut off at the end", 2, vec![kernel(2, 2), strides(4, 4), int("ceil_mode", 1)]),
        ("the whole", 10, vec![kernel(6, 6), strides(1, 1)]),
    ];
    for (what, relus, attributes) in forms {
        let imported = agree(what, &after_relu(13, "MaxPool", &attributes));
        assert_eq!(kinds(&imported).len(), 1 + relus, "{what}");
    }
    let imported = agree("of channels", &after_relu(13, "GlobalMaxPool", &[]));
    // Halves of six rows and six columns, three times each.
    assert_eq!(kinds(&imported).len(), 1 + 6);
    // What is a sum of products is refreshed first.
    let mut model = picture(13);
    let map = conv(&mut model, "x", [2, 3]);
    model.end("MaxPool", &[&map], &[kernel(2, 2), strides(2, 2)]);
    let imported = agree("of a convolution", &model);
    assert_eq!(kinds(&imported)[0], ActivationKind::Identity);
}

#[test]
fn averages_with_borders() {
    for (what, counted) in [("zeros that count", 1), ("zeros that do not", 0)] {
        let attributes = [
            ints("kernel_shape", &[3, 2]),
            ints("strides", &[2, 1]),
            ints("pads", &[1, 1, 1, 0]),
            int("count_include_pad", counted),
        ];
        agree(what, &after_relu(13, "AveragePool", &attributes));
    }
}

#[test]
fn activations_made_of_others() {
    let forms: [(&str, &str, &[Message], usize); 6] = [
        ("leaky", "LeakyRelu", &[float("alpha", 0.2)], 1),
        ("steep", "LeakyRelu", &[float("alpha", 1.5)], 2),
        ("elu", "Elu", &[float("alpha", 0.7)], 2),
        ("magnitude", "Abs", &[], 1),
        ("hard sigmoid", "HardSigmoid", &[float("alpha", 0.3), float("beta", 0.4)], 1),
        ("negative", "Neg", &[], 0),
    ];
    for (what, op, attributes, activations) in forms {
        let mut model = picture(14);
        let map = conv(&mut model, "x", [2, 3]);
        model.end(op, &[&map], attributes);
        assert_eq!(kinds(&agree(what, &model)).len(), activations, "{what}");
    }
    for (what, dims, slopes, activations) in [
        ("one slope", vec![1], vec![0.3], 1),
        ("three slopes", vec![3, 1, 1], vec![0.3, -0.1, 0.7], 2),
    ] {
        let mut model = picture(13);
        let map = conv(&mut model, "x", [2, 3]);
        let slopes = model.floats(&dims, &slopes);
        model.end("PRelu", &[&map, &slopes], &[]);
        assert_eq!(kinds(&agree(what, &model)).len(), activations, "{what}");
    }
    for (what, low, high, activations) in [
        ("both bounds", Some(-0.3), Some(0.4), 1),
        ("the lower bound", Some(0.1), None, 1),
        ("the upper bound", None, Some(0.2), 1),
    ] {
        let mut model = picture(13);
        let map = conv(&mut model, "x", [2, 3]);
        let low = low.map_or(String::new(), |low| model.floats(&[], &[low]));
        let high = high.map_or(String::new(), |high| model.floats(&[], &[high]));
        let inputs = [map.as_str(), &low, &high];
        model.end("Clip", &inputs[..if high.is_empty() { 2 } else { 3 }], &[]);
        assert_eq!(kinds(&agree(what, &model)).len(), activations, "{what}");
    }
}

/// The other interpreter has no Selu.
#[test]
fn selu_is_a_multiple_of_elu() {
    let mut model = picture(13);
    model.end("Selu", &["x"], &[]);
    let imported = import(&model.bytes(), &NoExternalData).unwrap();
    let shape = imported.graph.shape(imported.graph.input());
    let values: Vec<f32> = (0..shape.elements()).map(|i| i as f32 / 9.0 - 4.0).collect();
    let input = Tensor::new(shape, values.clone()).unwrap();
    let found = PlainNetwork::new(imported.graph).run(&input).unwrap();
    for (x, y) in values.iter().zip(found.values()) {
        let expected = 1.050_701 * if *x > 0.0 { *x } else { 1.673_263_2 * x.exp_m1() };
        assert!((y - expected).abs() < 1e-5, "{x}: {y} is not {expected}");
    }
}

/// As PaddlePaddle and older versions of PyTorch write them.
#[test]
fn hard_swish_in_pieces() {
    for form in ["product first", "quotient first", "quotient alone", "both read", "operator"] {
        let mut model = picture(13);
        let map = conv(&mut model, "x", [2, 3]);
        let [zero, three, six] = [0.0, 3.0, 6.0].map(|number| model.floats(&[], &[number]));
        let gate = match form {
            "operator" => {
                let sixth = [float("alpha", 1.0 / 6.0)];
                model.add("HardSigmoid", &[&map], &sixth)
            }
            _ => {
                let gate = model.add("Add", &[&map, &three], &[]);
                model.add("Clip", &[&gate, &zero, &six], &[])
            }
        };
        let expected = match form {
            "product first" => {
                let product = model.add("Mul", &[&map, &gate], &[]);
                model.end("Div", &[&product, &six], &[]);
                vec![ActivationKind::HardSwish]
            }
            "quotient first" => {
                let gate = model.add("Div", &[&gate, &six], &[]);
                model.end("Mul", &[&gate, &map], &[]);
                vec![ActivationKind::HardSwish]
            }
            "quotient alone" => {
                let gate = model.add("Div", &[&gate, &six], &[]);
                model.end("Sum", &[&gate, &map], &[]);
                vec![ActivationKind::HardSigmoid]
            }
            "operator" => {
                model.end("Mul", &[&gate, &map], &[]);
                vec![ActivationKind::HardSwish]
            }
            _ => {
                let product = model.add("Mul", &[&map, &gate], &[]);
                model.end("Sub", &[&product, &gate], &[]);
                vec![ActivationKind::HardSwish, ActivationKind::HardSigmoid]
            }
        };
        assert_eq!(kinds(&agree(form, &model)), expected, "{form}");
    }
}

/// Blocks that add to what all before them have added: the sums are not written out for ever.
#[test]
fn long_sums_are_refreshed() {
    let mut model = picture(13);
    let mut map = "x".to_owned();
    for _ in 0..5 {
        let inner = conv(&mut model, &map, [2, 3]);
        let inner = model.add("Relu", &[&inner], &[]);
        let inner = conv(&mut model, &inner, [3, 2]);
        map = model.add("Add", &[&map, &inner], &[]);
    }
    model.end("Relu", &[&map], &[]);
    let (relu, refresh) = (ActivationKind::Relu, ActivationKind::Identity);
    let expected = [relu, relu, relu, relu, refresh, relu, relu];
    assert_eq!(kinds(&agree("sums", &model)), expected);
}

/// Squeeze and excitation: channels times numbers that come from their means.
#[test]
fn products_with_gates() {
    let mut model = picture(13);
    let map = conv(&mut model, "x", [2, 3]);
    let mean = model.add("GlobalAveragePool", &[&map], &[]);
    let weights = model.weights(&[3, 3, 1, 1]);
    let gate = model.add("Conv", &[&mean, &weights], &[]);
    let gate = model.add("Sigmoid", &[&gate], &[]);
    model.end("Mul", &[&map, &gate], &[]);
    let (sigmoid, square) = (ActivationKind::Sigmoid, ActivationKind::Square);
    assert_eq!(kinds(&agree("gates", &model)), [sigmoid, square, square]);
    let mut model = picture(13);
    let (one, two) = (conv(&mut model, "x", [2, 3]), conv(&mut model, "x", [2, 3]));
    let product = model.add("Mul", &[&one, &two], &[]);
    let larger = model.add("Max", &[&product, &one], &[]);
    model.end("Sub", &[&larger, &two], &[]);
    agree("products, maxima and differences", &model);
}

#[test]
fn constants_for_channels() {
    let mut model = picture(13);
    let means = model.floats(&[1, 2, 1, 1], &[0.3, -0.4]);
    let deviations = model.floats(&[2, 1, 1], &[0.5, 2.0]);
    let centred = model.add("Sub", &["x", &means], &[]);
    let scaled = model.add("Div", &[&centred, &deviations], &[]);
    let map = conv(&mut model, &scaled, [2, 3]);
    let two = model.floats(&[], &[2.0]);
    let twice = model.add("Mul", &[&map, &two], &[]);
    let turned = model.add("Sub", &[&two, &twice], &[]);
    let shifted = model.add("Add", &[&turned, &two], &[]);
    let norm = model.norm(&shifted, 3);
    model.end("Sum", &[&norm, &shifted, &twice], &[]);
    agree("constants", &model);
}

#[test]
fn parts_and_joins() {
    let mut model = picture(13);
    let lists = [&[-1, 1, 0][..], &[-9, 5, 2], &[2, 3, 1], &[-2, 1, 1]].map(|v| model.ints(v));
    let [starts, ends, axes, steps] = &lists;
    let part = model.add("Slice", &["x", starts, ends, axes, steps], &[]);
    model.end("Relu", &[&part], &[]);
    assert_eq!(operations(&agree("a part", &model)), ["selection", "selection", "activation"]);
    for axis in [1, 2, 3] {
        let mut model = picture(13);
        let one = conv(&mut model, "x", [2, 2]);
        let two = model.add("Relu", &["x"], &[]);
        let joined = model.add("Concat", &[&one, &two, "x"], &[int("axis", axis)]);
        model.end("Relu", &[&joined], &[]);
        agree("a concatenation", &model);
    }
    let mut model = picture(13);
    let lengths = model.ints(&[4, 2]);
    let cut = node("Split", &["x", &lengths], "one", &[int("axis", 2)]).text(2, "two");
    model.nodes.push(cut);
    model.end("Concat", &["two", "one"], &[int("axis", -2)]);
    agree("pieces the other way round", &model);
    // Vectors are joined too.
    let mut model = picture(13);
    let mean = model.add("GlobalAveragePool", &["x"], &[]);
    let one = model.add("Flatten", &[&mean], &[]);
    let weights = model.weights(&[72, 3]);
    let flat = model.add("Flatten", &["x"], &[]);
    let two = model.add("MatMul", &[&flat, &weights], &[]);
    model.end("Concat", &[&one, &two], &[int("axis", 1)]);
    agree("vectors", &model);
}

#[test]
fn borders_of_all_kinds() {
    for mode in ["constant", "reflect", "edge"] {
        for pads in [[0, 0, 1, 2, 0, 0, 0, 1], [0, 0, 0, 0, 0, 0, 2, 2]] {
            let mut model = picture(13);
            let pads = model.ints(&pads);
            let map = model.add("Relu", &["x"], &[]);
            let padded = model.add("Pad", &[&map, &pads], &[text("mode", mode)]);
            let map = conv(&mut model, &padded, [2, 3]);
            model.end("Relu", &[&map], &[]);
            agree(mode, &model);
        }
    }
    let mut model = picture(13);
    let pads = model.ints(&[0, 1, 1, 0, 0, 2, 0, 1]);
    let padded = model.add("Pad", &["x", &pads], &[]);
    model.end("Relu", &[&padded], &[]);
    agree("channels and rows", &model);
}

#[test]
fn strides_that_differ() {
    let mut model = picture(13);
    let weights = model.weights(&[3, 2, 3, 3]);
    let attributes = [ints("strides", &[1, 2]), ints("pads", &[1; 4])];
    model.end("Conv", &["x", &weights], &attributes);
    agree("strides", &model);
}

#[test]
fn transposed_convolutions() {
    let forms: [(&str, [usize; 4], Vec<Message>); 4] = [
        ("bare", [2, 3, 3, 3], vec![ints("strides", &[1, 1]), ints("pads", &[0; 4])]),
        ("twice the size", [2, 3, 2, 2], vec![ints("strides", &[2, 2]), ints("pads", &[0; 4])]),
        ("with borders", [2, 3, 4, 3], vec![ints("strides", &[2, 3]), ints("pads", &[1, 0, 1, 1])]),
        (
            "in groups",
            [2, 2, 3, 3],
            vec![ints("strides", &[2, 2]), int("group", 2), ints("pads", &[0; 4])],
        ),
    ];
    for (what, dims, attributes) in forms {
        let mut model = picture(13);
        let weights = model.weights(&dims);
        model.end("ConvTranspose", &["x", &weights], &attributes);
        agree(what, &model);
    }
}
