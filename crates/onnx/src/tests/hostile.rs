//! Damaged and malicious files: each is refused with an error that says what is wrong, and no
//! bytes make the reader panic.

use super::encode::{
    Dim, FLOAT, INT64, Message, Model, floats_tensor, header, ints, ints_tensor, node, value_info,
};
use crate::{ExternalError, ImportError as E, ModelPart, NoExternalData, TensorError as T, import};

/// What is wrong, the damage, and the errors that say it.
type Case<D, F> = (&'static str, D, fn(&F) -> bool);

/// A convolution and a ReLU.
fn good() -> Model {
    let mut model = Model::new(13, &[2, 4, 4]);
    model.initializers.push(floats_tensor("w", &[3, 2, 1, 1], &[0.5; 6]));
    let source = model.add("Conv", &["x", "w"], &[]);
    model.end("Relu", &[&source], &[]);
    model
}

fn refused(what: &str, model: &Model) -> E {
    refused_bytes(what, &model.bytes())
}

fn refused_bytes(what: &str, bytes: &[u8]) -> E {
    match import(bytes, &NoExternalData) {
        Ok(_) => panic!("{what} was accepted"),
        Err(error) => {
            // A sentence, with nothing in it that could upset a terminal.
            let text = error.to_string();
            assert!(text.len() > 10 && !text.contains('\x1B'), "{what}: {text}");
            error
        }
    }
}

/// The good model after a change.
fn changed(change: impl FnOnce(&mut Model)) -> Model {
    let mut model = good();
    change(&mut model);
    model
}

fn entry(key: &str, value: &str) -> Message {
    Message::default().text(1, key).text(2, value)
}

#[test]
fn the_good_model_is_good() {
    assert_eq!(import(&good().bytes(), &NoExternalData).unwrap().nodes.len(), 2);
}

#[test]
fn bytes_that_are_no_model() {
    let bytes = good().bytes();
    for (what, damaged) in [
        ("cut off", &bytes[..bytes.len() - 1]),
        ("cut in the middle", &bytes[..bytes.len() / 2]),
        ("noise", &[0xFF; 100]),
        ("a string longer than the file", &[0x12, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20]),
        (
            "a length without end",
            &[0x3A, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF],
        ),
        ("a group", &[0x3B, 0x3C]),
        ("a picture", b"\x89PNG\r\n\x1A\n"),
        ("text that is not UTF-8", &[0x12, 0x01, 0xFF]),
        ("a graph that is a number", &[0x38, 0x05]),
    ] {
        let error = refused_bytes(what, damaged);
        assert!(matches!(error, E::Malformed(_)), "{what}: {error:?}");
    }
    for (what, empty) in [("nothing", &[] as &[u8]), ("no graph", &[0x08, 0x08])] {
        assert!(matches!(refused_bytes(what, empty), E::NotOnnx), "{what}");
    }
}

#[test]
fn files_that_grow_in_memory() {
    let many = |message: &[u8]| Message(message.repeat(600_000));
    for (what, model) in [
        ("nodes", changed(|m| m.graph_extra = many(&[0x0A, 0x00]))),
        ("initializers", changed(|m| m.graph_extra = many(&[0x2A, 0x00]))),
        ("versions", changed(|m| m.model_extra = many(&[0x42, 0x00]))),
        ("attributes", changed(|m| m.nodes.push(many(&[0x2A, 0x00])))),
        ("names", changed(|m| m.nodes.push(many(&[0x0A, 0x00])))),
        ("dimensions", changed(|m| m.initializers.push(many(&[0x08, 0x00])))),
    ] {
        let error = refused(what, &model);
        assert!(matches!(error, E::TooManyRecords { .. }), "{what}: {error:?}");
    }
    let nested = (0..50_000).fold(Message::default(), |inner, _| {
        // A graph in an attribute of a node of a graph; lengths stay short enough for the test.
        if inner.0.len() > 100_000 {
            inner
        } else {
            let attribute = Message::default().text(1, "body").message(6, &inner).int(20, 5);
            Message::default().message(1, &Message::default().text(4, "If").message(5, &attribute))
        }
    });
    let error = refused_bytes("nested graphs", &Message::default().message(7, &nested).0);
    assert!(matches!(error, E::Opset { .. }), "{error:?}");
}

#[test]
fn parts_that_would_be_left_out() {
    let part = |field: u64| Message::default().message(field, &Message::default().text(1, "a"));
    for (expected, model) in [
        (ModelPart::TrainingInfo, changed(|m| m.model_extra = part(20))),
        (ModelPart::Functions, changed(|m| m.model_extra = part(25))),
        (ModelPart::QuantizationAnnotation, changed(|m| m.graph_extra = part(14))),
        (ModelPart::SparseInitializer, changed(|m| m.graph_extra = part(15))),
    ] {
        let error = refused("a part", &model);
        assert!(matches!(error, E::Part(found) if found == expected), "{error:?}");
    }
}

#[test]
fn versions() {
    let more = |domain: &str, version| {
        Message::default().message(8, &Message::default().text(1, domain).int(2, version))
    };
    for (what, model) in [
        ("too old", changed(|m| m.opset = 10)),
        ("too new", changed(|m| m.opset = 22)),
        ("negative", changed(|m| m.opset = -13)),
        ("two", changed(|m| m.model_extra = more("ai.onnx", 13))),
    ] {
        assert!(matches!(refused(what, &model), E::Opset { .. }), "{what}");
    }
    let none = Message::default().int(1, 8).message(7, &good().graph());
    assert!(matches!(refused_bytes("none", &none.0), E::Opset { .. }));
    // Operators of others may be announced as long as none is used.
    let announced = changed(|m| m.model_extra = more("ai.onnx.ml", 2));
    assert!(import(&announced.bytes(), &NoExternalData).is_ok());
}

#[test]
fn inputs_and_outputs() {
    use Dim::{Fixed, Symbol};
    let input = |kind: i64, dims: &[Dim]| {
        let input = value_info("x", kind, dims);
        changed(|model| model.inputs = vec![input])
    };
    let one = Fixed(1);
    let whole = [one, Fixed(2), Fixed(4), Fixed(4)];
    let cases: [Case<Model, E>; 23] = [
        ("no input", changed(|m| m.inputs.clear()), |e| matches!(e, E::Inputs { .. })),
        (
            "two inputs",
            changed(|m| m.inputs.push(value_info("z", FLOAT, &whole))),
            |e| matches!(e, E::Inputs { names } if names.len() == 2),
        ),
        ("one input twice", changed(|m| m.inputs.push(m.inputs[0].clone())), |e| {
            matches!(e, E::DuplicateName { .. })
        }),
        (
            "an input without a name",
            changed(|m| m.inputs = vec![value_info("", FLOAT, &whole)]),
            |e| matches!(e, E::Inputs { .. }),
        ),
        ("no output", changed(|m| m.outputs.clear()), |e| matches!(e, E::Outputs { .. })),
        ("two outputs", changed(|m| m.outputs.push(Message::default().text(1, "v1"))), |e| {
            matches!(e, E::Outputs { .. })
        }),
        ("no type", changed(|m| m.inputs = vec![Message::default().text(1, "x")]), |e| {
            matches!(e, E::InputType { .. })
        }),
        ("bytes", input(2, &whole), |e| matches!(e, E::InputType { .. })),
        ("half precision", input(10, &whole), |e| matches!(e, E::InputType { .. })),
        ("an unknown type", input(-5, &whole), |e| matches!(e, E::InputType { .. })),
        ("no dimensions", input(FLOAT, &[]), |e| matches!(e, E::InputRank { .. })),
        ("five dimensions", input(FLOAT, &[one; 5]), |e| matches!(e, E::InputRank { .. })),
        ("a batch of eight", input(FLOAT, &[Fixed(8), Fixed(2), Fixed(4), Fixed(4)]), |e| {
            matches!(e, E::Batch { found: 8, .. })
        }),
        ("a batch of none", input(FLOAT, &[Fixed(0), Fixed(2), Fixed(4), Fixed(4)]), |e| {
            matches!(e, E::Batch { found: 0, .. })
        }),
        (
            "open rows",
            input(FLOAT, &[one, Fixed(2), Symbol("height\x1B[2J"), Fixed(4)]),
            |e| matches!(e, E::DynamicDimension { axis: 2, symbol, .. } if symbol.contains("height")),
        ),
        ("open columns", input(FLOAT, &[one, Fixed(2), Fixed(4), Fixed(-1)]), |e| {
            matches!(e, E::DynamicDimension { axis: 3, .. })
        }),
        ("no rows", input(FLOAT, &[one, Fixed(2), Fixed(0), Fixed(4)]), |e| {
            matches!(e, E::InputShape { .. })
        }),
        ("negative rows", input(FLOAT, &[one, Fixed(2), Fixed(-4), Fixed(4)]), |e| {
            matches!(e, E::InputShape { .. })
        }),
        ("endless rows", input(FLOAT, &[one, Fixed(2), Fixed(i64::MAX), Fixed(4)]), |e| {
            matches!(e, E::InputShape { .. })
        }),
        ("too many channels", input(FLOAT, &[one, Fixed(1 << 24), Fixed(2), Fixed(4)]), |e| {
            matches!(e, E::InputShape { .. })
        }),
        (
            "an output of other dimensions",
            changed(|m| m.outputs = vec![value_info("y", FLOAT, &[Symbol("N"), Fixed(10)])]),
            |e| matches!(e, E::Output { .. }),
        ),
        (
            "an output of integers",
            changed(|m| m.outputs = vec![value_info("y", INT64, &whole)]),
            |e| matches!(e, E::Output { .. }),
        ),
        (
            "an output that is a weight",
            changed(|m| m.outputs = vec![Message::default().text(1, "w")]),
            |e| matches!(e, E::Output { .. }),
        ),
    ];
    for (what, model, expected) in cases {
        let error = refused(what, &model);
        assert!(expected(&error), "{what}: {error:?}");
    }
}

#[test]
fn names() {
    let again = floats_tensor("w", &[1], &[1.0]);
    let cases: [Case<Model, E>; 8] = [
        ("a weight twice", changed(|m| m.initializers.push(again)), |e| {
            matches!(e, E::DuplicateName { .. })
        }),
        ("a result twice", changed(|m| m.nodes.push(node("Relu", &["x"], "v1", &[]))), |e| {
            matches!(e, E::DuplicateName { .. })
        }),
        (
            "a result called like the input",
            changed(|m| m.nodes.push(node("Relu", &["y"], "x", &[]))),
            |e| matches!(e, E::DuplicateName { .. }),
        ),
        (
            "a result called like a weight",
            changed(|m| m.nodes.push(node("Relu", &["y"], "w", &[]))),
            |e| matches!(e, E::DuplicateName { .. }),
        ),
        (
            "a weight without a name",
            changed(|m| m.initializers.push(header("", &[], FLOAT))),
            |e| matches!(e, E::DuplicateName { .. }),
        ),
        (
            "an input from nowhere",
            changed(|m| m.nodes[1] = node("Relu", &["nowhere"], "y", &[])),
            |e| matches!(e, E::Dangling { name, .. } if name.contains("nowhere")),
        ),
        (
            "an output from nowhere",
            changed(|m| m.outputs = vec![Message::default().text(1, "z")]),
            |e| matches!(e, E::Dangling { .. }),
        ),
        (
            "a circle",
            changed(|m| {
                m.nodes = vec![
                    node("Add", &["x", "b"], "a", &[]),
                    node("Relu", &["a"], "b", &[]),
                    node("Relu", &["b"], "y", &[]),
                ];
            }),
            |e| matches!(e, E::Cycle { nodes } if nodes.len() == 2),
        ),
    ];
    for (what, model, expected) in cases {
        let error = refused(what, &model);
        assert!(expected(&error), "{what}: {error:?}");
    }
}

#[test]
fn tensors() {
    let raw = |tensor: Message, count: usize| tensor.bytes(9, &vec![0; count]);
    let dims = [3, 2, 1, 1];
    let negative = Message::default().text(8, "w").int(2, FLOAT).int(1, -3).int(1, -2);
    let external = |entries: &[(&str, &str)]| {
        let start = header("w", &dims, FLOAT).int(14, 1);
        entries.iter().fold(start, |tensor, (key, value)| tensor.message(13, &entry(key, value)))
    };
    let cases: [Case<Message, T>; 21] = [
        ("too few bytes", raw(header("w", &dims, FLOAT), 23), |t| matches!(t, T::Length { .. })),
        ("too many bytes", raw(header("w", &dims, FLOAT), 25), |t| matches!(t, T::Length { .. })),
        ("no bytes", header("w", &dims, FLOAT), |t| matches!(t, T::Length { found: 0, .. })),
        ("a terabyte announced", raw(header("w", &[1 << 20, 1 << 20], FLOAT), 4), |t| {
            matches!(t, T::Dimensions { .. })
        }),
        ("more than there are numbers", raw(header("w", &[1 << 40, 1 << 40], FLOAT), 4), |t| {
            matches!(t, T::Dimensions { .. })
        }),
        ("negative sides", raw(negative, 24), |t| matches!(t, T::Dimensions { .. })),
        ("too few packed floats", header("w", &dims, FLOAT).bytes(4, &[0; 20]), |t| {
            matches!(t, T::Length { .. })
        }),
        ("half a packed float", header("w", &dims, FLOAT).bytes(4, &[0; 26]), |t| {
            matches!(t, T::Length { .. })
        }),
        ("too few packed integers", header("w", &dims, INT64).bytes(7, &[1; 5]), |t| {
            matches!(t, T::Length { .. })
        }),
        ("a packed integer cut off", header("w", &[2], INT64).bytes(7, &[1, 0x80]), |t| {
            matches!(t, T::Length { .. })
        }),
        ("numbers in two fields", raw(header("w", &dims, FLOAT), 24).bytes(4, &[0; 24]), |t| {
            matches!(t, T::Place)
        }),
        ("numbers in another field", header("w", &dims, FLOAT).bytes(7, &[0; 6]), |t| {
            matches!(t, T::Place)
        }),
        ("a piece", raw(header("w", &dims, FLOAT), 24).bytes(3, &[]), |t| matches!(t, T::Segment)),
        ("an unknown place", raw(header("w", &dims, FLOAT), 24).int(14, 2), |t| {
            matches!(t, T::Place)
        }),
        ("inside and outside", raw(external(&[("location", "a")]), 24), |t| matches!(t, T::Place)),
        (
            "outside without saying so",
            raw(header("w", &dims, FLOAT), 24).message(13, &entry("location", "a")),
            |t| matches!(t, T::Place),
        ),
        ("no location", external(&[("offset", "0")]), |t| matches!(t, T::ExternalEntry { .. })),
        ("two locations", external(&[("location", "a"), ("location", "b")]), |t| {
            matches!(t, T::ExternalEntry { .. })
        }),
        ("a negative offset", external(&[("location", "a"), ("offset", "-1")]), |t| {
            matches!(t, T::ExternalEntry { .. })
        }),
        ("another length", external(&[("location", "a"), ("length", "25")]), |t| {
            matches!(t, T::ExternalEntry { .. })
        }),
        ("an unknown entry", external(&[("location", "a"), ("url", "b")]), |t| {
            matches!(t, T::ExternalEntry { .. })
        }),
    ];
    for (what, tensor, expected) in cases {
        let error = refused(what, &changed(|model| model.initializers = vec![tensor]));
        assert!(
            matches!(&error, E::Tensor { reason, .. } if expected(reason)),
            "{what}: {error:?}"
        );
    }
}

#[test]
fn data_outside_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("model");
    std::fs::create_dir(&inner).unwrap();
    std::fs::write(folder.path().join("weights"), [0; 24]).unwrap();
    std::fs::write(inner.join("short"), [0; 23]).unwrap();
    let cases: [Case<&str, ExternalError>; 4] = [
        ("the folder above", "../weights", |e| matches!(e, ExternalError::Outside { .. })),
        ("another folder", "/etc/passwd", |e| matches!(e, ExternalError::Outside { .. })),
        ("a file too short", "short", |e| matches!(e, ExternalError::TooShort { .. })),
        ("no file", "missing", |e| matches!(e, ExternalError::Unreadable { .. })),
    ];
    for (what, location, expected) in cases {
        let tensor =
            header("w", &[3, 2, 1, 1], FLOAT).int(14, 1).message(13, &entry("location", location));
        let model = changed(|model| model.initializers = vec![tensor]);
        let path = inner.join("model.onnx");
        std::fs::write(&path, model.bytes()).unwrap();
        let error = crate::import_file(&path).unwrap_err();
        let E::Unsupported(refusals) = &error else { panic!("{what}: {error:?}") };
        let crate::Reason::Tensor { reason: T::External(reason), .. } = &refusals[0].reason else {
            panic!("{what}: {error:?}")
        };
        assert!(expected(reason), "{what}: {reason:?}");
    }
    let missing = crate::import_file(&inner.join("no.onnx"));
    assert!(matches!(missing, Err(E::File { .. })));
    assert!(matches!(crate::import_file(&inner), Err(E::File { .. })));
}

/// A model that uses every part of the reader.
fn varied() -> Model {
    let mut model = Model::new(13, &[6, 6, 2]);
    let source = model.add("Transpose", &["x"], &[ints("perm", &[0, 3, 1, 2])]);
    let weights = model.weights(&[2, 2, 3, 3]);
    let conv = model.add("Conv", &[&source, &weights], &[ints("pads", &[1; 4])]);
    let normed = model.norm(&conv, 2);
    let gate = model.add("Sigmoid", &[&normed], &[]);
    let silu = model.add("Mul", &[&normed, &gate], &[]);
    let operands = [&[0, 0][..], &[i64::MAX; 2], &[2, 3], &[2, 2]].map(|values| model.ints(values));
    let [starts, ends, axes, steps] = &operands;
    let thin = model.add("Slice", &[&silu, starts, ends, axes, steps], &[]);
    let two = ints_tensor("", &[1], &[1]);
    let two = model.add("Constant", &[], &[super::encode::tensor_attribute("value", &two)]);
    let zero = model.ints(&[0]);
    let zeros = model.ints(&[0, 0]);
    let pads = [&*zero, &*two, &*zeros, &*zero, &*two, &*zeros];
    let pads = model.add("Concat", &pads, &[super::encode::int("axis", 0)]);
    let padded = model.add("Pad", &[&thin, &pads], &[]);
    let pooled = model.add("GlobalAveragePool", &[&padded], &[]);
    let shape = model.add("Shape", &[&pooled], &[]);
    let first = model.int(0);
    let batch = model.add("Gather", &[&shape, &first], &[]);
    let batch = model.add("Unsqueeze", &[&batch, &zero], &[]);
    let rest = model.ints(&[-1]);
    let target = model.add("Concat", &[&batch, &rest], &[super::encode::int("axis", 0)]);
    let flat = model.add("Reshape", &[&pooled, &target], &[]);
    let weights = model.weights(&[4, 3]);
    let product = model.add("MatMul", &[&flat, &weights], &[]);
    let bias = model.weights(&[3]);
    let scores = model.add("Add", &[&product, &bias], &[]);
    model.end("Softmax", &[&scores], &[]);
    model
}

#[test]
fn no_bytes_make_the_reader_panic() {
    let mut seed = 0x5EED_u64;
    let mut random = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % below
    };
    let good = varied().bytes();
    import(&good, &NoExternalData).unwrap();
    let mut accepted = 0;
    for round in 0..20_000 {
        let mut bytes = good.clone();
        for _ in 0..=random(3) {
            let at = random(bytes.len());
            match round % 4 {
                0 => bytes[at] ^= 1 << random(8),
                1 => bytes[at] = [0, 1, 0x7F, 0x80, 0xFF][random(5)],
                2 => bytes[at] = bytes[at].wrapping_add([1, 255][random(2)]),
                _ => {
                    let length = random(8).min(bytes.len() - at);
                    let from = random(bytes.len() - length);
                    let copy = bytes[from..from + length].to_vec();
                    bytes[at..at + length].copy_from_slice(&copy);
                }
            }
        }
        match import(&bytes, &NoExternalData) {
            Ok(_) => accepted += 1,
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
    // Many bytes are weights, so mutations must reach the inside of the reader.
    assert!(accepted > 1_000, "{accepted}");
    for length in 0..good.len() {
        assert!(import(&good[..length], &NoExternalData).is_err(), "{length}");
    }
}
