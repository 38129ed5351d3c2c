//! Nodes that cannot be run: what is refused, and that all of it is said at once.

use super::encode::{
    FLOAT, INT64, Message, Model, float, floats_tensor, int, ints, node, tensor_attribute, text,
};
use crate::{ImportError, NoExternalData, Reason as R, Refusal, TensorError, import};

fn refusals(what: &str, model: &Model) -> Vec<Refusal> {
    match import(&model.bytes(), &NoExternalData) {
        Err(ImportError::Unsupported(refusals)) if !refusals.is_empty() => refusals,
        other => panic!("{what}: {other:?}"),
    }
}

/// The reason for the only refused node.
fn only(what: &str, build: impl FnOnce(&mut Model)) -> R {
    let mut model = Model::new(13, &[2, 6, 6]);
    build(&mut model);
    let mut refusals = refusals(what, &model);
    assert_eq!(refusals.len(), 1, "{what}: {refusals:?}");
    assert!(!refusals[0].name.is_empty());
    refusals.remove(0).reason
}

#[test]
fn operators_that_cannot_run() {
    for op in ["RoiAlign", "LRN", "InstanceNormalization", "ArgMax", "Loop", "", "relu"] {
        let reason = only(op, |model| model.end(op, &["x"], &[]));
        assert_eq!(reason, R::Operator, "{op}");
    }
    let foreign = only("another domain", |model| {
        model.nodes.push(node("Relu", &["x"], "y", &[]).text(7, "com.microsoft"));
    });
    assert!(matches!(foreign, R::Domain(_)));
    let graph =
        Message::default().text(1, "then_branch").message(6, &Message::default()).int(20, 5);
    assert_eq!(only("a branch", |model| model.end("If", &["x"], &[graph])), R::Subgraph);
}

#[test]
fn attributes() {
    fn conv(attributes: Vec<Message>) -> impl FnOnce(&mut Model) {
        move |model| {
            let weights = model.weights(&[3, 2, 3, 3]);
            model.nodes.push(super::encode::bare_node("Conv", &["x", &weights], "y", &attributes));
        }
    }
    for (what, attributes) in [
        ("three channels in two groups", vec![int("group", 2)]),
        ("fewer than no groups", vec![int("group", -1)]),
        ("no groups", vec![int("group", 0)]),
        ("dilations beyond all", vec![ints("dilations", &[1 << 20, 1 << 20])]),
        ("strides of nothing", vec![ints("strides", &[0, 0])]),
        ("negative strides", vec![ints("strides", &[-1, -1])]),
        ("endless strides", vec![ints("strides", &[i64::MAX, i64::MAX])]),
        ("one stride", vec![ints("strides", &[1])]),
        ("another kernel", vec![ints("kernel_shape", &[5, 5])]),
        ("pads beside auto_pad", vec![ints("pads", &[1; 4]), text("auto_pad", "SAME_UPPER")]),
        ("unknown auto_pad", vec![text("auto_pad", "SOMEHOW")]),
        ("strides that are text", vec![text("strides", "1,1")]),
        ("a group of another type", vec![Message::default().text(1, "group").int(3, 1).int(20, 1)]),
    ] {
        let reason = only(what, conv(attributes));
        assert!(matches!(reason, R::Attribute { .. }), "{what}: {reason:?}");
    }
    let reason = only("an attribute of the future", conv(vec![int("sparsity", 1)]));
    assert!(matches!(reason, R::UnknownAttribute(name) if name.contains("sparsity")));
    let reason = only("an attribute twice", conv(vec![int("group", 1), int("group", 1)]));
    assert!(matches!(reason, R::DuplicateAttribute(_)));
    let reason = only("endless pads", conv(vec![ints("pads", &[2000; 4])]));
    assert!(matches!(reason, R::Parameters(_)));
    for (op, attribute) in [
        ("Gelu", text("approximate", "somehow")),
        ("Swish", float("alpha", 0.0)),
        ("Swish", float("alpha", f32::NAN)),
        ("MaxPool", ints("pads", &[0; 4])),
        ("ReduceMean", int("noop_with_empty_axes", 1)),
        ("Transpose", ints("perm", &[0, -1, 1, 2])),
        ("Cast", int("to", INT64)),
        ("Softmax", int("axis", 4)),
    ] {
        let reason = only(op, |model| model.end(op, &["x"], &[attribute]));
        assert!(matches!(reason, R::Attribute { .. }), "{op}: {reason:?}");
    }
}

#[test]
fn weights() {
    fn conv(tensor: Message) -> impl FnOnce(&mut Model) {
        move |model| {
            model.initializers.push(tensor);
            model.end("Conv", &["x", "w"], &[]);
        }
    }
    let finite = floats_tensor("w", &[3, 2, 1, 1], &[1.0, 2.0, 3.0, 4.0, f32::INFINITY, 0.0]);
    let reason = only("infinite", conv(finite));
    assert!(matches!(reason, R::Tensor { reason: TensorError::NotFinite, .. }));
    let large: Vec<u8> = [1e300_f64; 6].iter().flat_map(|x| x.to_le_bytes()).collect();
    let double = super::encode::header("w", &[3, 2, 1, 1], 11).bytes(9, &large);
    let reason = only("too large for float32", conv(double));
    assert!(matches!(reason, R::Tensor { reason: TensorError::NotFinite, .. }));
    for (what, data_type, bytes) in
        [("integers", INT64, 48), ("bytes", 2, 6), ("text", 8, 6), ("nothing", 77, 0)]
    {
        let tensor = super::encode::header("w", &[3, 2, 1, 1], data_type).bytes(9, &vec![0; bytes]);
        let reason = only(what, conv(tensor));
        assert!(matches!(reason, R::Type { .. }), "{what}: {reason:?}");
    }
    let reason = only("two dimensions", conv(floats_tensor("w", &[3, 2], &[0.5; 6])));
    assert!(matches!(reason, R::Dimensions { .. }));
    let reason = only("one direction", conv(floats_tensor("w", &[3, 2, 1], &[0.5; 6])));
    assert!(matches!(reason, R::Attribute { .. }));
    let reason = only("other channels", conv(floats_tensor("w", &[1, 3, 1, 1], &[0.5; 3])));
    assert!(matches!(reason, R::Fit(_)));
    let reason = only(
        "a kernel larger than the picture",
        conv(floats_tensor("w", &[1, 2, 7, 7], &[0.5; 98])),
    );
    assert!(matches!(reason, R::Fit(_)));
    let reason = only("an empty kernel", conv(floats_tensor("w", &[1, 2, 0, 0], &[])));
    assert!(matches!(reason, R::Parameters(_)), "{reason:?}");
    let reason = only("computed weights", |model| model.end("Conv", &["x", "x"], &[]));
    assert!(matches!(reason, R::NotConstant(_)));
    let reason = only("a constant picture", |model| {
        let weights = model.weights(&[3, 2, 1, 1]);
        let relu = model.add("Relu", &["x"], &[]);
        let conv = model.add("Conv", &[&weights, &weights], &[]);
        model.end("Add", &[&relu, &conv], &[]);
    });
    assert!(matches!(reason, R::Constant(_)));
    let reason = only("nothing, but a lot of it", |model| {
        let tensor = super::encode::header("w", &[0, 1 << 40, 1 << 40], FLOAT).bytes(9, &[]);
        model.initializers.push(tensor);
        let turned = model.add("Transpose", &["w"], &[]);
        model.end("Conv", &["x", &turned], &[]);
    });
    assert!(matches!(reason, R::Tensor { .. }), "{reason:?}");
    let reason = only("a negative variance", |model| {
        let ones = model.floats(&[2], &[1.0; 2]);
        let negative = model.floats(&[2], &[1.0, -1.0]);
        model.end("BatchNormalization", &["x", &ones, &ones, &ones, &negative], &[]);
    });
    assert!(matches!(reason, R::Parameters(_)));
}

#[test]
fn weights_that_are_used_again_and_again() {
    // A small file must not become large networks: 64 MiB, a hundred times.
    let mut model = Model::new(13, &[1 << 12]);
    let side = 1 << 12;
    model
        .initializers
        .push(super::encode::header("w", &[side, side], 10).bytes(9, &vec![0; 2 * side * side]));
    let mut last = "x".to_owned();
    for _ in 0..10 {
        last = model.add("MatMul", &[&last, "w"], &[]);
    }
    model.end("Relu", &[&last], &[]);
    let refusals = refusals("one weight ten times", &model);
    assert!(matches!(refusals[0].reason, R::TooManyWeights { .. }), "{refusals:?}");
    assert_eq!(refusals[0].index, 8);
}

type Build = fn(&mut Model);

#[test]
fn computations_and_layouts() {
    let layouts: [(&str, Build); 14] = [
        ("a pool beyond the edge", |m| {
            m.end("AveragePool", &["x"], &[ints("kernel_shape", &[2, 7])]);
        }),
        ("a mean of everything", |m| m.end("ReduceMean", &["x"], &[])),
        ("a mean of a batch", |m| m.end("ReduceMean", &["x"], &[ints("axes", &[0, 2, 3])])),
        ("dimensions beyond a picture's", |m| {
            let shape = m.ints(&[1, 2, 2, 3, 6]);
            let cut = m.add("Reshape", &["x", &shape], &[]);
            m.end("Relu", &[&cut], &[]);
        }),
        ("parts of rows together with others", |m| {
            let turned = m.add("Transpose", &["x"], &[ints("perm", &[0, 2, 1, 3])]);
            let shape = m.ints(&[1, 8, 9]);
            m.end("Reshape", &[&turned, &shape], &[]);
        }),
        ("another number of values", |m| {
            let shape = m.ints(&[1, 71]);
            m.end("Reshape", &["x", &shape], &[]);
        }),
        ("a convolution of what is not a picture", |m| {
            let flat = m.add("Flatten", &["x"], &[]);
            let weights = m.weights(&[3, 72, 1, 1]);
            m.end("Conv", &[&flat, &weights], &[]);
        }),
        ("a product row by row, of another length", |m| {
            let weights = m.weights(&[5, 4]);
            m.end("MatMul", &["x", &weights], &[]);
        }),
        ("sums of different sizes", |m| {
            let [starts, ends, axes] = [&[0][..], &[4], &[2]].map(|values| m.ints(values));
            let part = m.add("Slice", &["x", &starts, &ends, &axes], &[]);
            m.end("Add", &["x", &part], &[]);
        }),
        ("nothing of the rows", |m| {
            let [starts, ends, axes] = [&[4][..], &[2], &[2]].map(|values| m.ints(values));
            m.end("Slice", &["x", &starts, &ends, &axes], &[]);
        }),
        ("a border that cuts off everything", |m| {
            let pads = m.ints(&[0, 0, -3, 0, 0, 0, -3, 0]);
            m.end("Pad", &["x", &pads], &[]);
        }),
        ("maxima beyond the edge", |m| {
            m.end("MaxPool", &["x"], &[ints("kernel_shape", &[2, 7])]);
        }),
        ("a concatenation of pictures of different sizes", |m| {
            let pooled = m.add("GlobalAveragePool", &["x"], &[]);
            m.end("Concat", &["x", &pooled], &[int("axis", 1)]);
        }),
        ("an endless border", |m| {
            let pads = m.ints(&[0, 0, i64::MAX, 0, 0, 0, i64::MAX, 0]);
            m.end("Pad", &["x", &pads], &[]);
        }),
    ];
    for (what, build) in layouts {
        let reason = only(what, build);
        assert!(matches!(reason, R::Layout(_)), "{what}: {reason:?}");
    }
    let computations: [(&str, Build); 10] = [
        ("a division by a picture", |m| {
            let one = m.floats(&[], &[1.0]);
            m.end("Div", &[&one, "x"], &[]);
        }),
        ("bounds that leave nothing", |m| {
            let [low, high] = [1.0, -1.0].map(|end| m.floats(&[], &[end]));
            m.end("Clip", &["x", &low, &high], &[]);
        }),
        ("a cube", |m| {
            let three = m.floats(&[], &[3.0]);
            m.end("Pow", &["x", &three], &[]);
        }),
        ("powers of two", |m| {
            let two = m.floats(&[], &[2.0]);
            m.end("Pow", &[&two, "x"], &[]);
        }),
        ("half a GELU", |m| m.end("Erf", &["x"], &[])),
        ("another GELU", |m| {
            let erf = m.add("Erf", &["x"], &[]);
            let one = m.floats(&[], &[1.0]);
            let sum = m.add("Add", &[&erf, &one], &[]);
            m.end("Mul", &["x", &sum], &[]);
        }),
        ("ones around", |m| {
            let pads = m.ints(&[0, 0, 1, 1, 0, 0, 1, 1]);
            let one = m.floats(&[], &[1.0]);
            m.end("Pad", &["x", &pads, &one], &[]);
        }),
        ("training", |m| {
            let ones = m.floats(&[2], &[1.0; 2]);
            let inputs = ["x", &*ones, &*ones, &*ones, &*ones];
            m.end("BatchNormalization", &inputs, &[int("training_mode", 1)]);
        }),
        ("constants that do not fit", |m| {
            let (a, b) = (m.ints(&[1, 2]), m.ints(&[1, 2, 3]));
            let sum = m.add("Add", &[&a, &b], &[]);
            m.end("Reshape", &["x", &sum], &[]);
        }),
        ("a million constants", |m| {
            let count = m.ints(&[1 << 20]);
            let ones = m.add("ConstantOfShape", &[&count], &[]);
            m.end("Reshape", &["x", &ones], &[]);
        }),
    ];
    for (what, build) in computations {
        let reason = only(what, build);
        assert!(matches!(reason, R::Computation(_)), "{what}: {reason:?}");
    }
}

#[test]
fn operands() {
    let cases: [(&str, Build); 8] = [
        ("no input", |m| {
            m.nodes.push(node("Relu", &[], "y", &[]));
        }),
        ("too many inputs", |m| m.end("Relu", &["x", "x"], &[])),
        ("an input left out", |m| m.end("Relu", &[""], &[])),
        ("a convolution without weights", |m| m.end("Conv", &["x", ""], &[])),
        ("lists of different lengths", |m| {
            let [starts, ends] = [&[0, 0][..], &[6]].map(|values| m.ints(values));
            m.end("Slice", &["x", &starts, &ends], &[]);
        }),
        ("an axis twice", |m| {
            let lists = [&[0, 0][..], &[6, 6], &[2, -2], &[2, 2]].map(|values| m.ints(values));
            let [starts, ends, axes, steps] = &lists;
            m.end("Slice", &["x", starts, ends, axes, steps], &[]);
        }),
        ("too few paddings", |m| {
            let pads = m.ints(&[0, 1, 0, 1]);
            m.end("Pad", &["x", &pads], &[]);
        }),
        ("a second output", |m| {
            m.nodes.push(node("Dropout", &["x"], "dropped", &[]).text(2, "mask"));
            m.end("Add", &["dropped", "mask"], &[]);
        }),
    ];
    for (what, build) in cases {
        let reason = only(what, build);
        assert!(matches!(reason, R::Operands(_)), "{what}: {reason:?}");
    }
    let reason = only("axes that are real numbers", |model| {
        let axes = model.floats(&[1], &[2.0]);
        model.end("Slice", &["x", &axes, &axes], &[]);
    });
    assert!(matches!(reason, R::Type { .. }));
    let reason = only("a layer after the softmax", |model| {
        let flat = model.add("Flatten", &["x"], &[]);
        let scores = model.add("Softmax", &[&flat], &[]);
        model.end("Relu", &[&scores], &[]);
    });
    assert_eq!(reason, R::AfterSoftmax);
    let reason = only("values of which only the shape is used", |model| {
        let relu = model.add("Relu", &["x"], &[]);
        let shape = model.add("Shape", &[&relu], &[]);
        let same = model.add("Reshape", &["x", &shape], &[]);
        model.end("Tanh", &[&same], &[]);
    });
    assert_eq!(reason, R::OnlyShape);
    let reason = only("a constant of text", |model| {
        let tensor = super::encode::header("", &[1], FLOAT).bytes(9, &[0; 3]);
        let shape = model.add("Constant", &[], &[tensor_attribute("value", &tensor)]);
        model.end("Reshape", &["x", &shape], &[]);
    });
    assert!(matches!(reason, R::Tensor { .. }));
}

#[test]
fn everything_wrong_is_said_at_once() {
    let mut model = Model::new(13, &[2, 6, 6]);
    let pooled = model.add("MaxPool", &["x"], &[]);
    let weights = model.weights(&[2, 1, 3, 3]);
    let conv = model.add("Conv", &[&pooled, &weights], &[int("group", 3)]);
    let clipped = model.add("Relu", &[&conv], &[]);
    let found = model.add("TopK", &[&clipped], &[]);
    model.end("Relu", &[&found], &[int("fast", 1)]);
    let refusals = refusals("many", &model);
    let found: Vec<_> = refusals.iter().map(|r| (r.index, r.op_type.as_str())).collect();
    assert_eq!(found, [(0, "MaxPool"), (1, "Conv"), (3, "TopK"), (4, "Relu")]);
    let text = ImportError::Unsupported(refusals).to_string();
    assert_eq!(
        text,
        "4 nodes are not supported:\
         \n  MaxPool \"the_v1\" (node 0): its attribute \"kernel_shape\" is missing\
         \n  Conv \"the_v3\" (node 1): its attribute \"group\" is 3, with dilations \
         [1, 1]: no kernel that is possible\
         \n  TopK \"the_v5\" (node 3): this operator is not supported\
         \n  Relu \"the_y\" (node 4): its attribute \"fast\" is not supported"
    );
}
