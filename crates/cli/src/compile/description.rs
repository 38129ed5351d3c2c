//! What a network does not say of itself.

use std::error::Error;
use std::path::Path;

use blindsight_compiler::{Description, InputRule};

use super::Arguments;
use crate::files::read;
use crate::network::Network;

/// The words of the command, of the file, or usual ones, in this order.
pub(super) fn describe(
    arguments: &Arguments,
    output: &Path,
    network: &Network,
) -> Result<Description, Box<dyn Error>> {
    let stem = output.file_stem().and_then(|stem| stem.to_str()).unwrap_or("model");
    let id = arguments.id.clone().unwrap_or_else(|| stem.to_lowercase());
    let title = arguments.title.clone().or_else(|| network.title.clone());
    let classes = match &arguments.classes {
        _ if arguments.features => Vec::new(),
        Some(classes) => class_names(classes)?,
        None => network.classes.clone().unwrap_or_else(|| numbered(network)),
    };
    let title = title.unwrap_or_else(|| id.clone());
    let shape = network.graph.shape(network.graph.input());
    let channels = shape.channels();
    let picture = (channels == 1 || channels == 3) && shape.height() == shape.width();
    // A vector of one or three numbers is no picture of one pixel.
    if arguments.numbers || !picture || shape.plane() == 1 {
        return Ok(Description { id, title, classes, input: InputRule::Tensor });
    }
    let of_file = network.normalisation.clone();
    let (file_mean, file_std) = of_file.map_or((None, None), |(m, s)| (Some(m), Some(s)));
    // Without any word of it, pixels are numbers from 0 to 1.
    let spread = |given: Option<Vec<f32>>, of_file: Option<Vec<f32>>, otherwise: f32| {
        let numbers = given.or(of_file).unwrap_or_else(|| vec![otherwise]);
        if numbers.len() == 1 { vec![numbers[0]; channels] } else { numbers }
    };
    let mean = spread(arguments.mean.clone(), file_mean, 0.0);
    let deviation = spread(arguments.std.clone(), file_std, 1.0);
    Ok(Description { id, title, classes, input: InputRule::Picture { mean, deviation } })
}

/// Names with commas between them, or those of a file.
fn class_names(given: &str) -> Result<Vec<String>, Box<dyn Error>> {
    let path = Path::new(given);
    let text = if path.is_file() {
        String::from_utf8(read(path)?).map_err(|_| format!("{given} is no text"))?
    } else {
        given.replace(',', "\n")
    };
    let names = text.lines().map(str::trim).filter(|name| !name.is_empty());
    Ok(names.map(str::to_owned).collect())
}

fn numbered(network: &Network) -> Vec<String> {
    let classes = network.graph.shape(network.graph.output()).elements();
    (0..classes).map(|class| format!("class {class}")).collect()
}
