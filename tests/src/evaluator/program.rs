//! The evaluator's program, built as these tests are.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

/// The program. `BLINDSIGHT_TEST_EVALUATOR` names another than the one that is built.
///
/// Cargo tells the path of a program only to the tests of its own package, and builds a program for
/// the tests of others only where the whole workspace is tested. So Cargo is asked again: in the
/// profile and the target folder of this test's own program, where little is left to do.
pub(super) fn path() -> &'static Path {
    static PATH: LazyLock<PathBuf> = LazyLock::new(|| {
        let given = std::env::var_os("BLINDSIGHT_TEST_EVALUATOR");
        given.map_or_else(build, PathBuf::from)
    });
    &PATH
}

fn build() -> PathBuf {
    let profile_folder = crate::profile_folder();
    let folder_name = profile_folder.file_name().and_then(|name| name.to_str());
    let profile = match folder_name.expect("a profile has a name") {
        "debug" => "dev",
        name => name,
    };
    let target = profile_folder.parent().expect("profiles lie in the target folder");
    let output = Command::new(env!("CARGO"))
        .args(["build", "--locked", "--package", "blindsight-evaluator"])
        .args(["--bin", "blindsight-evaluator", "--message-format", "json-render-diagnostics"])
        .args(["--profile", profile, "--target-dir"])
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "the evaluator does not build");
    let messages = String::from_utf8(output.stdout).expect("messages are text");
    let executable = messages.lines().find_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        Some(PathBuf::from(message.get("executable")?.as_str()?))
    });
    executable.expect("cargo names what it built")
}
