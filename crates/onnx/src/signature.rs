//! What the model says of itself: version, initializers, its one input and its one output.

use std::collections::{HashMap, HashSet};

use blindsight_model::tensor::Shape;

use crate::axes::Axes;
use crate::error::{ImportError, shown};
use crate::proto::{
    DimensionProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto,
};
use crate::tensors::{self, type_name};
use crate::{MAX_OPSET, MIN_OPSET};

/// In which order a model takes the values of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InputOrder {
    /// Channel by channel (PyTorch).
    ChannelsFirst,
    /// Pixel by pixel (TensorFlow).
    ChannelsLast,
    /// Channels of numbers in a row: batch, channels, length.
    Sequence,
    /// A picture without a dimension for its one channel: batch, rows, columns.
    Plane,
    /// A vector that is no picture.
    Vector,
}

/// The model's input and output and everything that it holds beforehand.
pub(crate) struct Signature<'m> {
    pub(crate) input: &'m str,
    pub(crate) input_order: InputOrder,
    pub(crate) shape: Shape,
    pub(crate) axes: Axes,
    pub(crate) output: &'m ValueInfoProto,
    pub(crate) initializers: HashMap<&'m str, &'m TensorProto>,
}

impl<'m> Signature<'m> {
    pub(crate) fn of(graph: &'m GraphProto) -> Result<Self, ImportError> {
        let initializers = initializers(graph)?;
        // Old files list weights among the inputs.
        let inputs: Vec<_> = graph
            .input
            .iter()
            .filter(|input| !initializers.contains_key(input.name.as_str()))
            .collect();
        let names = |values: &[&ValueInfoProto]| {
            values.iter().take(10).map(|value| shown(&value.name)).collect()
        };
        let [input] = *inputs else { return Err(ImportError::Inputs { names: names(&inputs) }) };
        let outputs: Vec<_> = graph.output.iter().collect();
        let [output] = *outputs else {
            return Err(ImportError::Outputs { names: names(&outputs) });
        };
        if input.name.is_empty() {
            return Err(ImportError::Inputs { names: names(&inputs) });
        }
        let sides = sides(input)?;
        let refused = |reason| ImportError::InputShape { name: shown(&input.name), reason };
        let (shape, input_order, axes) = match *sides {
            [a, b, c] if turns_channels_first(graph, &input.name) => {
                let shape = Shape::new(c, a, b).map_err(refused)?;
                (shape, InputOrder::ChannelsLast, Axes::channels_last(shape))
            }
            [a, b, c] => {
                let shape = Shape::new(a, b, c).map_err(refused)?;
                (shape, InputOrder::ChannelsFirst, Axes::channels_first(shape))
            }
            [channels, length] if reads_sequences(graph, &initializers) => {
                let shape = Shape::new(channels, 1, length).map_err(refused)?;
                (shape, InputOrder::Sequence, Axes::sequence(shape))
            }
            [rows, columns] => {
                let shape = Shape::new(1, rows, columns).map_err(refused)?;
                (shape, InputOrder::Plane, Axes::plane(shape))
            }
            [length] => {
                let shape = Shape::vector(length).map_err(refused)?;
                (shape, InputOrder::Vector, Axes::vector(2, shape))
            }
            _ => {
                let (name, found) = (shown(&input.name), sides.len() + 1);
                return Err(ImportError::InputRank { name, found });
            }
        };
        Ok(Self { input: &input.name, input_order, shape, axes, output, initializers })
    }

    /// The names that no node writes.
    pub(crate) fn given(&self) -> HashSet<&'m str> {
        self.initializers.keys().copied().chain([self.input]).collect()
    }
}

/// The version of the ai.onnx operators.
pub(crate) fn opset(model: &ModelProto) -> Result<i64, ImportError> {
    let ours = |domain: &str| domain.is_empty() || domain == "ai.onnx";
    let mut versions = model.opset_import.iter().filter(|set| ours(&set.domain));
    let found = match (versions.next(), versions.next()) {
        (Some(set), None) if (MIN_OPSET..=MAX_OPSET).contains(&set.version) => {
            return Ok(set.version);
        }
        (Some(set), None) => format!("the ai.onnx operators {}", set.version),
        (None, _) => "no stated version of the ai.onnx operators".to_owned(),
        (Some(_), Some(_)) => "two versions of the ai.onnx operators".to_owned(),
    };
    Err(ImportError::Opset { found })
}

/// Compares the result with what the model says of its output.
pub(crate) fn check_output(output: &ValueInfoProto, dims: &[usize]) -> Result<(), ImportError> {
    let Some(kind) = &output.kind else { return Ok(()) };
    let refused = |reason: String| ImportError::Output { name: shown(&output.name), reason };
    let Some(tensor) = &kind.tensor else {
        return Err(refused("should be a tensor".to_owned()));
    };
    // Half precision at the end is computed in float32 all the same; 0 is "not said".
    if tensor.elem_type != 0
        && !tensors::Kind::of(tensor.elem_type).is_some_and(tensors::Kind::is_real)
    {
        return Err(refused(format!("is {}, not real numbers", type_name(tensor.elem_type))));
    }
    let Some(shape) = &tensor.shape else { return Ok(()) };
    let fits = |(axis, (said, &found)): (usize, (&DimensionProto, &usize))| match said.value {
        Some(-1) if axis == 0 => true,
        Some(said) => usize::try_from(said) == Ok(found),
        None => true,
    };
    if shape.dim.len() == dims.len() && shape.dim.iter().zip(dims).enumerate().all(fits) {
        return Ok(());
    }
    let said: Vec<String> = shape.dim.iter().take(8).map(symbol).collect();
    Err(refused(format!("should have the dimensions {}, but has {dims:?}", said.join(" x "))))
}

fn initializers(graph: &GraphProto) -> Result<HashMap<&str, &TensorProto>, ImportError> {
    let mut initializers = HashMap::with_capacity(graph.initializer.len());
    for tensor in &graph.initializer {
        let name = tensor.name.as_str();
        if initializers.insert(name, tensor).is_some() || name.is_empty() {
            return Err(ImportError::DuplicateName { name: shown(name) });
        }
        tensors::check(tensor)
            .map_err(|reason| ImportError::Tensor { name: shown(name), reason })?;
    }
    let mut inputs = HashSet::with_capacity(graph.input.len());
    match graph.input.iter().find(|input| !inputs.insert(input.name.as_str())) {
        None => Ok(initializers),
        Some(input) => Err(ImportError::DuplicateName { name: shown(&input.name) }),
    }
}

/// The sides of the input after the batch.
fn sides(input: &ValueInfoProto) -> Result<Vec<usize>, ImportError> {
    const FLOAT: i32 = 1;
    let name = || shown(&input.name);
    let wrong = |found: String| ImportError::InputType { name: name(), found };
    let tensor = input.kind.as_ref().and_then(|kind| kind.tensor.as_ref());
    let tensor = tensor.ok_or_else(|| wrong("not a tensor".to_owned()))?;
    if tensor.elem_type != FLOAT {
        return Err(wrong(type_name(tensor.elem_type)));
    }
    let shape = tensor.shape.as_ref();
    let dims = shape
        .map(|shape| shape.dim.as_slice())
        .ok_or_else(|| wrong("of no stated shape".to_owned()))?;
    let Some((batch, sides)) = dims.split_first() else {
        return Err(ImportError::InputRank { name: name(), found: 0 });
    };
    if let Some(found) = batch.value
        && found != 1
        && found != -1
    {
        return Err(ImportError::Batch { name: name(), found });
    }
    let mut lengths = Vec::new();
    for (axis, dim) in (1..).zip(sides) {
        match dim.value {
            Some(-1) | None => {
                let symbol = symbol(dim);
                return Err(ImportError::DynamicDimension { name: name(), axis, symbol });
            }
            // What cannot be a length is refused as a shape with a zero is.
            Some(length) => lengths.push(usize::try_from(length).unwrap_or(0)),
        }
    }
    Ok(lengths)
}

/// Gives the sides of inputs that are left open these lengths, where there are as many.
pub(crate) fn close_sides(graph: &mut GraphProto, lengths: &[usize]) {
    for input in &mut graph.input {
        let tensor = input.kind.as_mut().and_then(|kind| kind.tensor.as_mut());
        let dims = tensor.and_then(|tensor| tensor.shape.as_mut()).map(|shape| &mut shape.dim);
        let sides = dims.and_then(|dims| dims.split_first_mut()).map(|(_, sides)| sides);
        let Some(sides) = sides.filter(|sides| sides.len() == lengths.len()) else { continue };
        for (dim, length) in sides.iter_mut().zip(lengths) {
            if matches!(dim.value, None | Some(-1)) {
                dim.value = i64::try_from(*length).ok();
            }
        }
    }
}

fn symbol(dim: &DimensionProto) -> String {
    match (dim.value, &dim.param) {
        (Some(value), _) => value.to_string(),
        (None, Some(param)) if !param.is_empty() => shown(param),
        (None, _) => "without a name".to_owned(),
    }
}

/// Whether the kernel of a convolution has a single length.
fn reads_sequences(graph: &GraphProto, initializers: &HashMap<&str, &TensorProto>) -> bool {
    let weights = graph.node.iter().filter(|node| node.op_type == "Conv");
    let weights = weights.filter_map(|node| initializers.get(node.input.get(1)?.as_str()));
    weights.map(|tensor| tensor.dims.len()).any(|rank| rank == 3)
}

/// Whether the model first of all puts the channels before the rows: then its input has them last.
fn turns_channels_first(graph: &GraphProto, input: &str) -> bool {
    const PASSING: [&str; 3] = ["Identity", "Cast", "Dropout"];
    let mut names = HashSet::from([input]);
    let mut turned = 0;
    // One pass suffices for files in order; others at worst count as channels first.
    for node in &graph.node {
        match node.input.first() {
            Some(name) if names.contains(name.as_str()) => {}
            _ => continue,
        }
        if PASSING.contains(&node.op_type.as_str()) {
            names.extend(node.output.first().map(String::as_str));
        } else if node.op_type == "Transpose" && order(node) == Some(&[0, 3, 1, 2]) {
            turned += 1;
        } else if node.op_type != "Shape" {
            return false;
        }
    }
    turned > 0
}

fn order(node: &NodeProto) -> Option<&[i64]> {
    let order = node.attribute.iter().find(|attribute| attribute.name == "perm")?;
    Some(&order.ints)
}
