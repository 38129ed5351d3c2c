//! Goes through the nodes in order and turns each into a part of the network.
//!
//! What a node computes is a [`Value`]. Feature maps are [`slots`]: some are only written to the
//! network when a later node has decided what becomes of them, such as a convolution that may still
//! be given a bias, or a sigmoid that may turn out to be half of a SiLU.

mod constants;
mod convolution;
mod linear;
mod maximum;
mod operands;
mod padding;
mod pointwise;
mod pooling;
mod rectifiers;
mod renaming;
mod resize;
mod select;
mod settling;
mod shortcut;
mod slots;
mod spread;
mod transposed;
mod window;

use std::collections::HashMap;
use std::rc::Rc;

use blindsight_model::graph::{Graph, ParameterError};
use blindsight_model::tensor::TensorError as ShapeError;

use crate::array::Array;
use crate::attributes::Attributes;
use crate::axes::Axes;
use crate::error::{ImportError, Reason, Refusal, shown};
use crate::external::ExternalData;
use crate::order::plan;
use crate::proto::{GraphProto, ModelProto, NodeProto, TensorProto};
use crate::signature::{Signature, check_output, opset};
use crate::view::View;
use crate::{Imported, NodeReport};
use slots::Slots;

/// Most numbers in all layers together: 512 MiB. A tensor counts each time that it is used.
pub const MAX_TOTAL_WEIGHTS: usize = 1 << 27;

/// Turns a decoded file into a network.
pub(crate) fn convert(
    model: &ModelProto,
    external: &dyn ExternalData,
) -> Result<Imported, ImportError> {
    let graph = model.graph.as_ref().ok_or(ImportError::NotOnnx)?;
    let opset = opset(model)?;
    let signature = Signature::of(graph)?;
    let output = signature.output.name.as_str();
    let plan = plan(graph, &signature.given(), output)?;
    let mut values: HashMap<&str, Value> = signature
        .initializers
        .iter()
        .map(|(&name, &tensor)| (name, Value::Constant(Constant::Stored(tensor))))
        .collect();
    let slots = Slots::new(signature.shape);
    let input = Map { slot: slots.input(), axes: signature.axes.clone() };
    values.insert(signature.input, Value::Map(input));
    let mut converter = Converter {
        opset,
        external,
        readers: plan.readers,
        values,
        slots,
        refusals: Vec::new(),
        hows: vec!["left out: nothing uses its result".to_owned(); graph.node.len()],
        weights_left: MAX_TOTAL_WEIGHTS,
    };
    for index in plan.order {
        if let Some(node) = graph.node.get(index) {
            converter.visit(index, node);
        }
    }
    let (network, hows) = converter.finish(graph, &signature)?;
    let producer = [model.producer_name.as_str(), model.producer_version.as_str()];
    let reports = graph.node.iter().zip(hows).map(|(node, how)| NodeReport {
        name: node.name.clone(),
        op_type: node.op_type.clone(),
        how,
    });
    Ok(Imported {
        graph: network,
        input_name: signature.input.to_owned(),
        input_order: signature.input_order,
        output_name: output.to_owned(),
        opset,
        producer: producer.join(" ").trim().to_owned(),
        nodes: reports.collect(),
    })
}

/// What a name stands for.
#[derive(Clone)]
enum Value<'m> {
    Map(Map),
    /// A tensor over a feature map whose axes are no sides of it.
    View {
        slot: usize,
        view: View,
    },
    /// The scores, after a softmax that is left to the client.
    Scores(Map),
    Constant(Constant<'m>),
    /// The result of a node that was refused, or of one that reads such a result.
    Refused,
}

/// A feature map: where it is and how the tensor's dimensions are to be read.
#[derive(Clone)]
struct Map {
    slot: usize,
    axes: Axes,
}

/// Numbers that do not depend on the picture.
#[derive(Clone)]
enum Constant<'m> {
    /// Not read yet.
    Stored(&'m TensorProto),
    Reals(Rc<Array<f32>>),
    Integers(Rc<Array<i64>>),
}

/// A node that is being turned into a part of the network.
struct Call<'m> {
    index: usize,
    node: &'m NodeProto,
    attributes: Attributes<'m>,
}

/// What became of a node.
struct Done<'m> {
    value: Value<'m>,
    /// What further outputs stand for.
    others: Vec<Value<'m>>,
    how: String,
}

impl<'m> Done<'m> {
    fn new(value: Value<'m>, how: impl Into<String>) -> Self {
        Self { value, others: Vec::new(), how: how.into() }
    }
}

/// Why a node gave no result.
enum Stop {
    Refused(Reason),
    /// What it reads was refused already.
    Poisoned,
}

impl From<Reason> for Stop {
    fn from(reason: Reason) -> Self {
        Self::Refused(reason)
    }
}

impl From<ParameterError> for Stop {
    fn from(reason: ParameterError) -> Self {
        Self::Refused(reason.into())
    }
}

impl From<ShapeError> for Stop {
    fn from(reason: ShapeError) -> Self {
        Self::Refused(reason.into())
    }
}

struct Converter<'m, 'e> {
    opset: i64,
    external: &'e dyn ExternalData,
    /// How many nodes read each value.
    readers: HashMap<&'m str, usize>,
    values: HashMap<&'m str, Value<'m>>,
    slots: Slots,
    refusals: Vec<(usize, Reason)>,
    /// What became of each node of the file.
    hows: Vec<String>,
    weights_left: usize,
}

impl<'m> Converter<'m, '_> {
    fn visit(&mut self, index: usize, node: &'m NodeProto) {
        let values = match self.run(index, node) {
            Ok(done) => {
                if let Some(how) = self.hows.get_mut(index) {
                    *how = done.how;
                }
                [vec![done.value], done.others].concat()
            }
            Err(Stop::Poisoned) => Vec::new(),
            Err(Stop::Refused(reason)) => {
                self.refusals.push((index, reason));
                Vec::new()
            }
        };
        let values = values.into_iter().chain(std::iter::repeat(Value::Refused));
        for (name, value) in node.output.iter().zip(values).filter(|(name, _)| !name.is_empty()) {
            self.values.insert(name, value);
        }
    }

    fn run(&mut self, index: usize, node: &'m NodeProto) -> Result<Done<'m>, Stop> {
        if !(node.domain.is_empty() || node.domain == "ai.onnx") {
            return Err(Reason::Domain(shown(&node.domain)).into());
        }
        let mut call = Call { index, node, attributes: Attributes::of(node)? };
        let done = self.dispatch(&mut call);
        if matches!(done, Ok(_) | Err(Stop::Poisoned)) {
            call.attributes.finish()?;
        }
        let used = |name: &String| self.readers.contains_key(name.as_str());
        let outputs = match &done {
            Ok(done) => 1 + done.others.len(),
            // What was refused need not be refused for its outputs, too.
            Err(_) => node.output.len(),
        };
        let first_missing = node.output.first().is_none_or(String::is_empty);
        if first_missing || node.output.iter().skip(outputs).any(used) {
            return Err(Reason::Operands("only its first output is supported".to_owned()).into());
        }
        done
    }

    fn dispatch(&mut self, call: &mut Call<'m>) -> Result<Done<'m>, Stop> {
        let op = call.node.op_type.as_str();
        if constants::FOLDED.contains(&op) && self.all_constant(call) {
            return self.folded(call);
        }
        match op {
            "Constant" => constants::constant(call),
            "Conv" => self.conv(call),
            "BatchNormalization" => self.batch_norm(call),
            "Gemm" => self.gemm(call),
            "MatMul" => self.mat_mul(call),
            "Relu" | "Tanh" | "Gelu" | "HardSwish" | "Softplus" => self.activation(call),
            "Elu" | "Selu" | "Celu" => self.elu(call),
            "LeakyRelu" => self.leaky_relu(call),
            "PRelu" => self.parametric_relu(call),
            "Abs" => self.magnitude(call),
            "HardSigmoid" => self.hard_sigmoid(call),
            "Clip" => self.clip(call),
            "Sigmoid" => self.sigmoid(call),
            "Swish" => self.swish(call),
            "Erf" => self.erf(call),
            "Add" => self.add(call),
            "Mul" => self.mul(call),
            "Div" => self.div(call),
            "Pow" => self.pow(call),
            "Sub" => self.sub(call),
            "Neg" => self.negative(call),
            "Max" | "Min" => self.max(call),
            "Sum" => self.sum_of_all(call),
            "Concat" => self.concat(call),
            "Split" => self.split(call),
            "ConvTranspose" => self.transposed_conv(call),
            "MaxPool" => self.max_pool(call),
            "GlobalMaxPool" => self.global_max_pool(call),
            "Slice" => self.slice(call),
            "Pad" => self.pad(call),
            "GlobalAveragePool" => self.global_average_pool(call),
            "AveragePool" => self.average_pool(call),
            "ReduceMean" | "ReduceSum" => self.reduce_mean(call),
            "ReduceMax" => self.reduce_max(call),
            "Identity" | "Dropout" | "Cast" => self.pass(call),
            "Transpose" => self.transpose(call),
            "Reshape" => self.reshape(call),
            "Flatten" => self.flatten(call),
            "Squeeze" | "Unsqueeze" => self.squeeze(call),
            "Softmax" | "LogSoftmax" => self.softmax(call),
            "Shape" => self.shape(call),
            "Resize" => self.resize(call),
            "Gather" => self.gather(call),
            "DepthToSpace" | "SpaceToDepth" => self.blocks(call),
            _ => Err(Reason::Operator.into()),
        }
    }

    /// The network, and what became of every node.
    fn finish(
        mut self,
        graph: &GraphProto,
        signature: &Signature<'m>,
    ) -> Result<(Graph, Vec<String>), ImportError> {
        let output = signature.output;
        let name = output.name.as_str();
        let refused =
            |reason: &str| ImportError::Output { name: shown(name), reason: reason.to_owned() };
        let mut result = None;
        let last = graph.node.len().saturating_sub(1);
        match self.values.get(name).cloned() {
            Some(Value::Map(map) | Value::Scores(map)) => {
                let dims = map.axes.dims(self.slots.shape(map.slot));
                let map = if map.axes.in_order() { Ok(map) } else { self.settled(last, map) };
                // Checked even if refused below: the refusals of nodes say more.
                if let Ok(id) = map.and_then(|map| self.build(&map)) {
                    result = Some((id, dims));
                }
            }
            Some(Value::View { slot, view }) => {
                if let Ok(map) = self.rearranged(last, slot, &view)
                    && let Ok(id) = self.build(&map)
                {
                    result = Some((id, view.dims()));
                }
            }
            Some(Value::Constant(_)) => return Err(refused("does not depend on the input")),
            Some(Value::Refused) | None => {}
        }
        if let Some((id, ..)) = result {
            let unread = self.slots.unread(id);
            self.refusals.extend(unread.into_iter().map(|index| (index, Reason::OnlyShape)));
        }
        self.refusals.sort_by_key(|(index, _)| *index);
        let named = |(index, reason): (usize, Reason)| {
            let node = graph.node.get(index);
            let text =
                |text: fn(&NodeProto) -> &String| node.map(text).cloned().unwrap_or_default();
            Refusal {
                index,
                name: text(|node| &node.name),
                op_type: text(|node| &node.op_type),
                reason,
            }
        };
        let refusals: Vec<Refusal> = self.refusals.into_iter().map(named).collect();
        let Some((id, dims)) = result.filter(|_| refusals.is_empty()) else {
            if refusals.is_empty() {
                return Err(refused("is no batch of one vector, sequence or picture"));
            }
            return Err(ImportError::Unsupported(refusals));
        };
        check_output(output, &dims)?;
        Ok((self.slots.finish(id)?, self.hows))
    }

    /// Rewrites what became of an earlier node, which a later one has taken over.
    fn renote(&mut self, slot: usize, how: &str) {
        if self.slots.is_shared(slot) {
            return;
        }
        if let Some(old) = self.slots.origin(slot).and_then(|origin| self.hows.get_mut(origin)) {
            *old = how.to_owned();
        }
    }
}
