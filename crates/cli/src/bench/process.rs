//! The evaluator in a process of its own: what it needs without a client beside it.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use blindsight_contract::AcceptedContract;
use serde::Serialize;

use blindsight_encrypted::Client;

/// What the evaluator's process reported.
#[derive(Debug, Serialize)]
pub(super) struct EvaluatorProcess {
    pub(super) peak_rss_bytes: u64,
    pub(super) load_model_seconds: f64,
    pub(super) load_keys_seconds: f64,
    pub(super) evaluate_seconds: f64,
}

pub(super) fn measure(
    model: &Path,
    contract: &AcceptedContract,
    client: &Client,
    request: &[u8],
) -> Result<EvaluatorProcess, Box<dyn Error>> {
    let folder = Folder::new()?;
    client.make_keys(contract, |index, bytes| {
        Ok::<_, Box<dyn Error>>(fs::write(folder.0.join(format!("{index}.key")), bytes)?)
    })?;
    let request_file = folder.0.join("request");
    fs::write(&request_file, request)?;
    let output = Command::new(beside_this_program("blindsight-evaluator")?)
        .arg("answer")
        .args(["--model".as_ref(), model.as_os_str()])
        .args(["--keys".as_ref(), folder.0.as_os_str()])
        .args(["--request".as_ref(), request_file.as_os_str()])
        .args(["--answer".as_ref(), folder.0.join("answer").as_os_str()])
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    let report: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let seconds = |name: &str| report["seconds"][name].as_f64().unwrap_or(f64::NAN);
    Ok(EvaluatorProcess {
        peak_rss_bytes: report["peak_rss_bytes"]
            .as_u64()
            .ok_or("the evaluator tells its memory")?,
        load_model_seconds: seconds("load_model"),
        load_keys_seconds: seconds("load_keys"),
        evaluate_seconds: seconds("evaluate"),
    })
}

fn beside_this_program(name: &str) -> Result<PathBuf, Box<dyn Error>> {
    let program = std::env::current_exe()?;
    let sibling = program.parent().unwrap_or(Path::new(".")).join(name);
    if sibling.exists() {
        Ok(sibling)
    } else {
        Err(format!("{} is not built: cargo build --release -p {name}", sibling.display()).into())
    }
}

/// A temporary folder, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> std::io::Result<Self> {
        let folder = std::env::temp_dir().join(format!("blindsight-bench-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Nothing is lost if this fails: the folder is temporary.
        let _ = fs::remove_dir_all(&self.0);
    }
}
