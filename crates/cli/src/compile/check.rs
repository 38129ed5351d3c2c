//! `compile --check`: what would become of an ONNX file, without pictures and without a result.

#[cfg(feature = "check")]
mod interpreter;

use std::error::Error;
use std::path::Path;

use blindsight_compiler::{Form, check};
use blindsight_model::fold::fold_batch_norm;
use blindsight_onnx::{ImportError, Imported, import_file_with_sides, node_count};

use crate::files::read;

/// Prints every node of the file with how it is run, whether the network can be run encrypted, and
/// how far its results are from another interpreter's; at last all of it as one line of JSON.
pub(super) fn run(path: &Path, sides: &[usize]) -> Result<(), Box<dyn Error>> {
    if path.extension().is_none_or(|ending| ending != "onnx") {
        return Err("only ONNX files can be checked".into());
    }
    let bytes = read(path)?;
    let nodes = node_count(&bytes)?;
    let mut form = None;
    let (refused, difference) = match import_file_with_sides(path, sides) {
        Ok(imported) => {
            print_nodes(&imported);
            let refused = match form_of(&imported) {
                Ok(found) => {
                    form = Some(found);
                    Vec::new()
                }
                Err(reason) => vec![reason],
            };
            (refused, compared(&imported, bytes))
        }
        Err(ImportError::Unsupported(refusals)) => {
            (refusals.iter().map(ToString::to_string).collect(), None)
        }
        Err(other) => (vec![other.to_string()], None),
    };
    for sentence in &refused {
        println!("refused: {sentence}");
    }
    let form = form.map(|form| match form {
        Form::Residual => "as a residual network, with a bootstrap for each block",
        Form::Bootstrapped => "with a bootstrap for each activation",
        Form::Leveled => "without bootstraps",
        #[cfg(feature = "exact")]
        Form::Signs => "as sums and signs, by TFHE",
    });
    if let Some(form) = form {
        println!("the network can be run encrypted, {form}");
    }
    let report = serde_json::json!({
        "nodes": nodes,
        "refused": refused,
        "runs_encrypted": refused.is_empty(),
        "form": form,
        "largest_difference": difference,
    });
    println!("{report}");
    Ok(())
}

fn print_nodes(imported: &Imported) {
    let widest = imported.nodes.iter().map(|node| node.op_type.chars().count()).max();
    let width = widest.unwrap_or(0);
    for node in &imported.nodes {
        // Names come from the file and may hold anything.
        let name = node.name.escape_debug();
        println!("{:<width$}  {}  ({name})", node.op_type, node.how);
    }
}

/// How the network can be run encrypted, or why not.
fn form_of(imported: &Imported) -> Result<Form, String> {
    let folded = fold_batch_norm(&imported.graph).map_err(|error| error.to_string())?;
    check(&folded).map_err(|error| error.to_string())
}

/// The largest difference from the other interpreter; what stands in its way is printed.
#[cfg(feature = "check")]
fn compared(imported: &Imported, bytes: Vec<u8>) -> Option<f32> {
    match interpreter::largest_difference(imported, bytes) {
        Ok(difference) => {
            println!("largest difference from another interpreter: {difference:e}");
            Some(difference)
        }
        Err(error) => {
            println!("not compared: {error}");
            None
        }
    }
}

#[cfg(not(feature = "check"))]
fn compared(_: &Imported, _: Vec<u8>) -> Option<f32> {
    println!(
        "not compared with another interpreter: that needs the feature `check` \
         (`just compile NETWORK --check`, or cargo's `--features check`)"
    );
    None
}
