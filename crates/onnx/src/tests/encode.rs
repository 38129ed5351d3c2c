//! Writes ONNX files for the tests: just enough protobuf, and no checks, so that any damage can
//! be written too.

/// A protobuf message, field by field.
#[derive(Clone, Default)]
pub(super) struct Message(pub(super) Vec<u8>);

impl Message {
    pub(super) fn int(mut self, field: u64, value: i64) -> Self {
        self.varint(field << 3);
        self.varint(value.cast_unsigned());
        self
    }

    pub(super) fn float(mut self, field: u64, value: f32) -> Self {
        self.varint(field << 3 | 5);
        self.0.extend(value.to_le_bytes());
        self
    }

    pub(super) fn bytes(mut self, field: u64, bytes: &[u8]) -> Self {
        self.varint(field << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend(bytes);
        self
    }

    pub(super) fn text(self, field: u64, text: &str) -> Self {
        self.bytes(field, text.as_bytes())
    }

    pub(super) fn message(self, field: u64, message: &Self) -> Self {
        self.bytes(field, &message.0)
    }

    fn varint(&mut self, mut value: u64) {
        while value > 0x7F {
            self.0.push(0x80 | (value & 0x7F) as u8);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

pub(super) const FLOAT: i64 = 1;
pub(super) const INT64: i64 = 7;

pub(super) fn int(name: &str, value: i64) -> Message {
    Message::default().text(1, name).int(3, value).int(20, 2)
}

pub(super) fn float(name: &str, value: f32) -> Message {
    Message::default().text(1, name).float(2, value).int(20, 1)
}

pub(super) fn text(name: &str, value: &str) -> Message {
    Message::default().text(1, name).text(4, value).int(20, 3)
}

pub(super) fn tensor_attribute(name: &str, tensor: &Message) -> Message {
    Message::default().text(1, name).message(5, tensor).int(20, 4)
}

pub(super) fn ints(name: &str, values: &[i64]) -> Message {
    let start = Message::default().text(1, name).int(20, 7);
    values.iter().fold(start, |message, &value| message.int(8, value))
}

/// A tensor's name, dimensions and type, without numbers.
pub(super) fn header(name: &str, dims: &[usize], data_type: i64) -> Message {
    let start = Message::default().text(8, name).int(2, data_type);
    dims.iter().fold(start, |message, &side| message.int(1, side as i64))
}

pub(super) fn floats_tensor(name: &str, dims: &[usize], values: &[f32]) -> Message {
    let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    header(name, dims, FLOAT).bytes(9, &raw)
}

pub(super) fn ints_tensor(name: &str, dims: &[usize], values: &[i64]) -> Message {
    let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    header(name, dims, INT64).bytes(9, &raw)
}

/// A node; the defaults of a convolution are written out, without which rten does not run it.
pub(super) fn node(op: &str, inputs: &[&str], output: &str, attributes: &[Message]) -> Message {
    let mut node = bare_node(op, inputs, output, attributes);
    if op == "Conv" {
        let given = |name: &str| {
            let holds = |attribute: &Message| {
                attribute.0.windows(name.len()).any(|part| part == name.as_bytes())
            };
            attributes.iter().any(holds)
        };
        for name in ["strides", "dilations"] {
            if !given(name) {
                node = node.message(5, &ints(name, &[1, 1]));
            }
        }
        if !given("pad") {
            node = node.message(5, &ints("pads", &[0; 4]));
        }
    }
    node
}

/// A node with the given attributes and no others.
pub(super) fn bare_node(
    op: &str,
    inputs: &[&str],
    output: &str,
    attributes: &[Message],
) -> Message {
    let mut node = Message::default();
    for input in inputs {
        node = node.text(1, input);
    }
    node = node.text(2, output).text(3, &format!("the_{output}")).text(4, op);
    attributes.iter().fold(node, |node, attribute| node.message(5, attribute))
}

/// A side of an input or output.
#[derive(Clone, Copy)]
pub(super) enum Dim {
    Fixed(i64),
    Symbol(&'static str),
}

pub(super) fn value_info(name: &str, elem_type: i64, dims: &[Dim]) -> Message {
    let mut shape = Message::default();
    for dim in dims {
        let dim = match *dim {
            Dim::Fixed(value) => Message::default().int(1, value),
            Dim::Symbol(name) => Message::default().text(2, name),
        };
        shape = shape.message(1, &dim);
    }
    let tensor = Message::default().int(1, elem_type).message(2, &shape);
    let kind = Message::default().message(1, &tensor);
    Message::default().text(1, name).message(2, &kind)
}

/// A model with the input `x` and the output `y`, put together from its parts.
#[derive(Clone)]
pub(super) struct Model {
    pub(super) opset: i64,
    pub(super) inputs: Vec<Message>,
    pub(super) outputs: Vec<Message>,
    pub(super) nodes: Vec<Message>,
    pub(super) initializers: Vec<Message>,
    /// More fields of the graph and of the model.
    pub(super) graph_extra: Message,
    pub(super) model_extra: Message,
    seed: u64,
    names: usize,
}

impl Model {
    /// A model whose input has these sides after an open batch.
    pub(super) fn new(opset: i64, sides: &[i64]) -> Self {
        let mut dims = vec![Dim::Symbol("N")];
        dims.extend(sides.iter().map(|&side| Dim::Fixed(side)));
        Self {
            opset,
            inputs: vec![value_info("x", FLOAT, &dims)],
            outputs: vec![Message::default().text(1, "y")],
            nodes: Vec::new(),
            initializers: Vec::new(),
            graph_extra: Message::default(),
            model_extra: Message::default(),
            seed: 7,
            names: 0,
        }
    }

    /// Adds a node and returns the name of its result.
    pub(super) fn add(&mut self, op: &str, inputs: &[&str], attributes: &[Message]) -> String {
        self.names += 1;
        let output = format!("v{}", self.names);
        self.nodes.push(node(op, inputs, &output, attributes));
        output
    }

    /// Adds the last node.
    pub(super) fn end(&mut self, op: &str, inputs: &[&str], attributes: &[Message]) {
        self.nodes.push(node(op, inputs, "y", attributes));
    }

    /// Adds an initializer of random numbers between -1 and 1.
    pub(super) fn weights(&mut self, dims: &[usize]) -> String {
        let scale = (dims.iter().skip(1).product::<usize>() as f32).sqrt().recip();
        let values = self.random(dims.iter().product(), -scale, scale);
        self.floats(dims, &values)
    }

    pub(super) fn floats(&mut self, dims: &[usize], values: &[f32]) -> String {
        let name = self.name();
        self.initializers.push(floats_tensor(&name, dims, values));
        name
    }

    pub(super) fn ints(&mut self, values: &[i64]) -> String {
        let name = self.name();
        self.initializers.push(ints_tensor(&name, &[values.len()], values));
        name
    }

    /// An integer without dimensions.
    pub(super) fn int(&mut self, value: i64) -> String {
        let name = self.name();
        self.initializers.push(ints_tensor(&name, &[], &[value]));
        name
    }

    pub(super) fn random(&mut self, count: usize, least: f32, most: f32) -> Vec<f32> {
        (0..count).map(|_| least + (most - least) * self.uniform()).collect()
    }

    /// Four parameters of a batch normalisation.
    pub(super) fn norm(&mut self, source: &str, channels: usize) -> String {
        let mut inputs = vec![source.to_owned()];
        for (least, most) in [(0.5, 1.5), (-0.5, 0.5), (-0.5, 0.5), (0.5, 2.0)] {
            let values = self.random(channels, least, most);
            inputs.push(self.floats(&[channels], &values));
        }
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        self.add("BatchNormalization", &inputs, &[float("epsilon", 1e-5)])
    }

    pub(super) fn graph(&self) -> Message {
        let mut graph = Message::default().text(2, "test");
        for (field, messages) in
            [(1, &self.nodes), (5, &self.initializers), (11, &self.inputs), (12, &self.outputs)]
        {
            graph = messages.iter().fold(graph, |graph, message| graph.message(field, message));
        }
        graph.0.extend(&self.graph_extra.0);
        graph
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let opset = Message::default().text(1, "").int(2, self.opset);
        let mut model = Message::default()
            .int(1, 8)
            .text(2, "blindsight")
            .message(7, &self.graph())
            .message(8, &opset);
        model.0.extend(&self.model_extra.0);
        model.0
    }

    fn name(&mut self) -> String {
        self.names += 1;
        format!("w{}", self.names)
    }

    /// Between 0 and 1: SplitMix64 (Steele, Lea and Flood 2014).
    fn uniform(&mut self) -> f32 {
        self.seed = self.seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.seed;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ mixed >> 31) >> 40) as f32 / (1_u64 << 24) as f32
    }
}
