//! Why a model was refused.

use std::fmt;
use std::io;
use std::path::PathBuf;

use blindsight_model::graph::{GraphError, NodeError, ParameterError};
use blindsight_model::tensor::TensorError as ShapeError;
use thiserror::Error;

use crate::external::ExternalError;
use crate::proto::MAX_FILE_BYTES;
use crate::{MAX_OPSET, MIN_OPSET};

/// Why a model was refused as a whole.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The file could not be read.
    #[error("{} could not be read: {reason}", path.display())]
    File {
        /// The file asked for.
        path: PathBuf,
        /// What the system says.
        #[source]
        reason: io::Error,
    },
    /// The file is too large.
    #[error("the model has {bytes} bytes; at most {MAX_FILE_BYTES} are read")]
    TooLarge {
        /// Its size.
        bytes: u64,
    },
    /// The bytes are not a protobuf message, or one that was cut off.
    #[error("this is not an ONNX file, or a damaged one: {0}")]
    Malformed(String),
    /// The bytes are a protobuf message, but no ONNX model.
    #[error("this is not an ONNX model: it holds no graph")]
    NotOnnx,
    /// The file consists of too many small parts.
    #[error("the model consists of more than {most} parts")]
    TooManyRecords {
        /// Most parts accepted.
        most: usize,
    },
    /// The model has a part that would have to be left out.
    #[error("the model has {0}, which are not supported")]
    Part(ModelPart),
    /// The version of the operators is missing, given twice or not supported.
    #[error(
        "the model uses {found}; supported are the ai.onnx operators {MIN_OPSET} to {MAX_OPSET}"
    )]
    Opset {
        /// What the model says.
        found: String,
    },
    /// Two values have one name.
    #[error("the name {name} is given to two values")]
    DuplicateName {
        /// The name.
        name: String,
    },
    /// A node reads something that nothing writes.
    #[error("{reader} reads {name}, which nothing in the model computes or holds")]
    Dangling {
        /// Which node, or the model's output.
        reader: String,
        /// What it reads.
        name: String,
    },
    /// Nodes wait for each other.
    #[error("these nodes wait for each other in a circle: {}", .nodes.join(", "))]
    Cycle {
        /// Nodes of one circle, in its order; only the first few of a long one.
        nodes: Vec<String>,
    },
    /// There is not exactly one input.
    #[error("the model should have one input, but has {}: {}", .names.len(), .names.join(", "))]
    Inputs {
        /// The inputs that are not weights.
        names: Vec<String>,
    },
    /// There is not exactly one output.
    #[error("the model should have one output, but has {}: {}", .names.len(), .names.join(", "))]
    Outputs {
        /// The outputs.
        names: Vec<String>,
    },
    /// The input is not a picture of 32-bit floats.
    #[error("the input {name} is {found}; it should be a tensor of float32")]
    InputType {
        /// Name of the input.
        name: String,
        /// What it is.
        found: String,
    },
    /// The input has not two or four dimensions.
    #[error(
        "the input {name} has {found} dimensions; it should have four (batch, channels, height, \
         width, in either order) or two (batch, values)"
    )]
    InputRank {
        /// Name of the input.
        name: String,
        /// How many dimensions it has.
        found: usize,
    },
    /// A batch of another size than one.
    #[error("the input {name} is a batch of {found}; it should be of 1 or left open")]
    Batch {
        /// Name of the input.
        name: String,
        /// The size of the batch.
        found: i64,
    },
    /// A side of the input is not known.
    #[error(
        "dimension {axis} of the input {name} is left open ({symbol}); only the first, the batch, \
         may be"
    )]
    DynamicDimension {
        /// Name of the input.
        name: String,
        /// Which dimension, from 0.
        axis: usize,
        /// What the model calls it.
        symbol: String,
    },
    /// The input's dimensions are not possible.
    #[error("the input {name} is not possible: {reason}")]
    InputShape {
        /// Name of the input.
        name: String,
        /// What is wrong.
        #[source]
        reason: ShapeError,
    },
    /// A stored tensor is damaged.
    #[error("the tensor {name} is damaged: {reason}")]
    Tensor {
        /// Name of the tensor.
        name: String,
        /// What is wrong.
        #[source]
        reason: TensorError,
    },
    /// The output cannot be the result of a classification.
    #[error("the output {name} {reason}")]
    Output {
        /// Name of the output.
        name: String,
        /// What is wrong, as the end of a sentence.
        reason: String,
    },
    /// Nodes are not supported: all of them.
    #[error("{}", list(.0))]
    Unsupported(Vec<Refusal>),
    /// The nodes do not make a network.
    #[error(transparent)]
    Graph(#[from] GraphError),
}

/// A part of a model that is refused because it would have to be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ModelPart {
    /// Functions of its own.
    Functions,
    /// Graphs for training.
    TrainingInfo,
    /// Weights given as indices and values.
    SparseInitializer,
    /// Scales and zero points of quantised values.
    QuantizationAnnotation,
}

impl fmt::Display for ModelPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Functions => "functions of its own",
            Self::TrainingInfo => "graphs for training",
            Self::SparseInitializer => "sparse weights",
            Self::QuantizationAnnotation => "quantised values",
        })
    }
}

/// One node that is not supported.
#[derive(Clone, Debug, PartialEq, Error)]
#[error("{op_type} {}: {reason}", node_name(*.index, .name))]
#[non_exhaustive]
pub struct Refusal {
    /// Position of the node in the file, from 0.
    pub index: usize,
    /// The node's name; empty if it has none.
    pub name: String,
    /// Its operator.
    pub op_type: String,
    /// What is wrong.
    #[source]
    pub reason: Reason,
}

/// Why one node is not supported.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum Reason {
    /// The operator is not known.
    #[error("this operator is not supported")]
    Operator,
    /// The operator is not one of ai.onnx.
    #[error("operators of {0} are not supported")]
    Domain(String),
    /// The node holds a graph.
    #[error("nodes with a graph inside are not supported")]
    Subgraph,
    /// An attribute that the operator has not, as far as known.
    #[error("its attribute {0} is not supported")]
    UnknownAttribute(String),
    /// An attribute appears twice.
    #[error("its attribute {0} is given twice")]
    DuplicateAttribute(String),
    /// An attribute has a value that is not supported.
    #[error("its attribute {name} {problem}")]
    Attribute {
        /// Which attribute.
        name: String,
        /// What is wrong, as the end of a sentence.
        problem: String,
    },
    /// There are too few or too many inputs or outputs.
    #[error("{0}")]
    Operands(String),
    /// Something that must be known beforehand is computed from the picture.
    #[error("its {0} must be a constant")]
    NotConstant(&'static str),
    /// Something that should be computed from the picture is a constant.
    #[error("its {0} should be computed from the picture, but is a constant")]
    Constant(&'static str),
    /// A constant has another type than it should.
    #[error("its {what} should be {expected}, but are {found}")]
    Type {
        /// Which constant.
        what: &'static str,
        /// What it should hold.
        expected: &'static str,
        /// What it holds.
        found: String,
    },
    /// A constant has other dimensions than it should.
    #[error("its {what} have the dimensions {found:?}: {expected} expected")]
    Dimensions {
        /// Which constant.
        what: &'static str,
        /// What is expected.
        expected: String,
        /// What was found.
        found: Vec<usize>,
    },
    /// A constant is damaged.
    #[error("its {what} cannot be read: {reason}")]
    Tensor {
        /// Which constant.
        what: &'static str,
        /// What is wrong.
        #[source]
        reason: TensorError,
    },
    /// What it does to shapes or the order of values is not possible here.
    #[error("{0}")]
    Layout(String),
    /// What it computes is not possible here.
    #[error("{0}")]
    Computation(String),
    /// The layer's parameters are impossible.
    #[error("it is not possible: {0}")]
    Parameters(#[from] ParameterError),
    /// The layer does not fit what it reads.
    #[error("it does not fit: {0}")]
    Fit(#[from] NodeError),
    /// The network as a whole is not possible with it.
    #[error("{0}")]
    Graph(GraphError),
    /// All weights together take too much memory.
    #[error("with it, the weights are more than {most} numbers")]
    TooManyWeights {
        /// Most numbers accepted.
        most: usize,
    },
    /// The node reads a softmax's result.
    #[error("it reads the result of a softmax, which only may come last")]
    AfterSoftmax,
    /// Only the shape of the node's result is used.
    #[error("nothing uses the values that it computes, only their shape")]
    OnlyShape,
}

impl From<GraphError> for Reason {
    fn from(error: GraphError) -> Self {
        match error {
            // The position would be that in our graph, which nobody has seen.
            GraphError::Node { reason, .. } => Self::Fit(reason),
            other => Self::Graph(other),
        }
    }
}

impl From<ShapeError> for Reason {
    fn from(error: ShapeError) -> Self {
        Self::Fit(NodeError::Shape(error))
    }
}

/// What is wrong with a stored tensor.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TensorError {
    /// A dimension is negative, or they multiply to too many elements.
    #[error("the dimensions {dims:?} are negative or make more than {most} numbers")]
    Dimensions {
        /// Its dimensions.
        dims: Vec<i64>,
        /// Most numbers accepted.
        most: usize,
    },
    /// The bytes are not as many as the dimensions say.
    #[error("its dimensions ask for {expected} {unit}, but there are {found}")]
    Length {
        /// What is counted.
        unit: &'static str,
        /// As many as the dimensions say.
        expected: usize,
        /// As many as there are.
        found: usize,
    },
    /// Its numbers are stored twice, or in a field for another type.
    #[error("its numbers are not in the one place where they belong")]
    Place,
    /// The elements are of a type without numbers.
    #[error("elements of the type {0} are not known")]
    UnknownType(String),
    /// A packed number is cut off or out of range.
    #[error("its packed numbers are damaged")]
    Packing,
    /// A number is infinite or not a number, or so large that float32 cannot hold it.
    #[error("it contains a number that is not finite in float32")]
    NotFinite,
    /// The tensor is a piece of another.
    #[error("tensors in pieces are not supported")]
    Segment,
    /// The data outside the file are not described well.
    #[error("its entry {key} for data outside the file is missing, unknown or wrong")]
    ExternalEntry {
        /// Which entry.
        key: String,
    },
    /// The data outside the file could not be read.
    #[error(transparent)]
    External(#[from] ExternalError),
}

/// A name from the file, fit for a message: quoted, without control characters, not too long.
pub(crate) fn shown(name: &str) -> String {
    const MOST: usize = 80;
    let mut text: String = name.chars().take(MOST).flat_map(char::escape_debug).collect();
    if name.chars().nth(MOST).is_some() {
        text.push_str("...");
    }
    format!("\"{text}\"")
}

/// A node, fit for a message.
pub(crate) fn node_name(index: usize, name: &str) -> String {
    if name.is_empty() {
        format!("(node {index})")
    } else {
        format!("{} (node {index})", shown(name))
    }
}

fn list(refusals: &[Refusal]) -> String {
    const MOST: usize = 100;
    let mut text = match refusals.len() {
        1 => "one node is not supported:".to_owned(),
        count => format!("{count} nodes are not supported:"),
    };
    for refusal in refusals.iter().take(MOST) {
        text.push_str(&format!("\n  {refusal}"));
    }
    if refusals.len() > MOST {
        text.push_str("\n  and more");
    }
    text
}
