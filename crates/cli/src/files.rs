//! Where compiled models lie.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use blindsight_engine::{Bundle, BundleLimits};

/// Where models are looked for by name.
pub(crate) const MODELS: &str = "models";

/// Where networks lie there that `train` made.
const TRAINED: &str = "train";

/// Reads a file, naming it in the error.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// The file of a compiled model: a path as it is, a name in the folder of models.
pub(crate) fn model_file(file_or_name: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(file_or_name);
    if path.is_file() {
        return Ok(path);
    }
    let named = Path::new(MODELS).join(format!("{file_or_name}.bs"));
    if named.is_file() {
        return Ok(named);
    }
    Err(format!("there is neither a file {file_or_name} nor a model {}", named.display()))
}

/// Reads a compiled model.
pub(crate) fn read_bundle(path: &Path) -> Result<Bundle, Box<dyn Error>> {
    let bundle = Bundle::parse(&read(path)?, &BundleLimits::default());
    Ok(bundle.map_err(|error| format!("{}: {error}", path.display()))?)
}

/// The network that a model was compiled from: the file of the same name beside it, or in the folder
/// of trained networks there.
pub(crate) fn network_file(model: &Path) -> Result<PathBuf, String> {
    let of = |model: &Path| ["onnx", "safetensors"].map(|ending| model.with_extension(ending));
    let name = model.file_name().unwrap_or_default();
    let trained = model.with_file_name(TRAINED).join(name);
    let mut candidates = of(model).into_iter().chain(of(&trained));
    candidates.find(|path| path.is_file()).ok_or_else(|| {
        let model = model.display();
        format!("the network that {model} was compiled from is not beside it: name it by --network")
    })
}

/// The file of images of one part of MNIST.
pub(crate) fn mnist_images(folder: &Path, part: &str) -> Result<PathBuf, String> {
    let names = [format!("{part}-images-idx3-ubyte"), format!("{part}-images-idx3-ubyte.gz")];
    let found = names.iter().map(|name| folder.join(name)).find(|path| path.is_file());
    found.ok_or_else(|| format!("{} has no {}", folder.display(), names[0]))
}
