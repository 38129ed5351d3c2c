//! Writes the JavaScript glue of a WebAssembly module: `blindsight-bindgen MODULE.wasm FOLDER`.
//!
//! The generator must have exactly the version of the library that the module was built with. As a
//! program of this workspace it has, by the lock file: nothing needs to be installed.

use std::env;
use std::path::PathBuf;
use std::process::ExitCode;

use wasm_bindgen_cli_support::Bindgen;

fn main() -> ExitCode {
    let mut arguments = env::args_os().skip(1).map(PathBuf::from);
    let (Some(module), Some(folder), None) = (arguments.next(), arguments.next(), arguments.next())
    else {
        eprintln!("usage: blindsight-bindgen MODULE.wasm FOLDER");
        return ExitCode::from(2);
    };
    match generate(module, folder) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("blindsight-bindgen: {message}");
            ExitCode::FAILURE
        }
    }
}

fn generate(module: PathBuf, folder: PathBuf) -> Result<(), String> {
    let mut bindgen = Bindgen::new();
    bindgen.input_path(module).typescript(true).remove_name_section(true);
    bindgen.remove_producers_section(true);
    let target = bindgen.web(true).map_err(|error| format!("{error:#}"))?;
    target.generate(folder).map_err(|error| format!("{error:#}"))
}
