//! Reads image classifiers from ONNX files, as exporters of PyTorch and Keras write them.
//!
//! [`import`] turns a file into the [`Graph`] that everything else works on, or says of every node
//! that it cannot run why not. Nothing is dropped in silence: each node of the file is in
//! [`Imported::nodes`] with what became of it, and attributes, types and parts of the file that
//! are not known are refused.
//!
//! Files may come from anywhere. Sizes are checked before memory is taken, and weights beside the
//! file are only read through [`ExternalData`].

mod array;
mod attributes;
mod axes;
mod convert;
mod error;
mod external;
mod order;
mod proto;
mod signature;
mod tensors;
#[cfg(test)]
mod tests;
mod view;

use std::fs::File;
use std::io::Read;
use std::path::Path;

use blindsight_model::graph::Graph;

pub use convert::MAX_TOTAL_WEIGHTS;
pub use error::{ImportError, ModelPart, Reason, Refusal, TensorError};
pub use external::{ExternalData, ExternalError, FolderData, NoExternalData};
pub use proto::MAX_FILE_BYTES;
pub use signature::InputOrder;

/// Oldest version of the ai.onnx operators that is read.
pub const MIN_OPSET: i64 = 11;
/// Newest version of the ai.onnx operators that is read.
pub const MAX_OPSET: i64 = 21;

/// A model as a network.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Imported {
    /// The network, its batch normalisations still apart.
    pub graph: Graph,
    /// What the model calls its input.
    pub input_name: String,
    /// In which order the model takes pixels. The network always takes channels first.
    pub input_order: InputOrder,
    /// What the model calls its output.
    pub output_name: String,
    /// Version of the ai.onnx operators.
    pub opset: i64,
    /// Which program wrote the file, as it says itself; may be empty.
    pub producer: String,
    /// Every node of the file, in its order, and what became of it.
    pub nodes: Vec<NodeReport>,
}

/// What became of one node of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodeReport {
    /// The node's name; empty if it has none.
    pub name: String,
    /// Its operator.
    pub op_type: String,
    /// How it is run.
    pub how: String,
}

/// Reads a model from the bytes of an ONNX file.
///
/// `external` is asked for the weights that are not in these bytes; [`NoExternalData`] has none.
///
/// # Errors
/// [`ImportError`]: when single nodes are not supported, all of them in
/// [`ImportError::Unsupported`].
pub fn import(model: &[u8], external: &dyn ExternalData) -> Result<Imported, ImportError> {
    import_with_sides(model, external, &[])
}

/// The same, of a model whose input may have sides that are left open: they become those given,
/// which are the lengths of all dimensions but the batch.
///
/// # Errors
/// Those of [`import`].
pub fn import_with_sides(
    model: &[u8],
    external: &dyn ExternalData,
    sides: &[usize],
) -> Result<Imported, ImportError> {
    let mut model = proto::decode(model)?;
    if let Some(graph) = &mut model.graph {
        signature::close_sides(graph, sides);
    }
    convert::convert(&model, external)
}

/// Counts the nodes of an ONNX file, which need not be supported.
///
/// # Errors
/// [`ImportError`] when the bytes are no ONNX model.
pub fn node_count(model: &[u8]) -> Result<usize, ImportError> {
    let model = proto::decode(model)?;
    Ok(model.graph.ok_or(ImportError::NotOnnx)?.node.len())
}

/// Reads a model from an ONNX file and the files beside it.
///
/// # Errors
/// [`ImportError::File`] when it cannot be read, else those of [`import`].
pub fn import_file(path: &Path) -> Result<Imported, ImportError> {
    import_file_with_sides(path, &[])
}

/// The same, with lengths for sides that are left open: see [`import_with_sides`].
///
/// # Errors
/// Those of [`import_file`].
pub fn import_file_with_sides(path: &Path, sides: &[usize]) -> Result<Imported, ImportError> {
    let failed = |reason| ImportError::File { path: path.to_owned(), reason };
    let file = File::open(path).map_err(failed)?;
    let bytes = file.metadata().map_err(failed)?.len();
    if bytes > MAX_FILE_BYTES as u64 {
        return Err(ImportError::TooLarge { bytes });
    }
    let mut model = Vec::new();
    // A file may grow while it is read.
    file.take(MAX_FILE_BYTES as u64 + 1).read_to_end(&mut model).map_err(failed)?;
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    import_with_sides(&model, &FolderData::new(folder).map_err(failed)?, sides)
}
