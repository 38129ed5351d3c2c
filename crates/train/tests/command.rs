//! The command, on a folder of few digits.

#![allow(clippy::unwrap_used, reason = "these are tests, helpers included")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// As many digits as are held out, and some more.
const DIGITS: u32 = 5_300;

fn train(folder: &Path, more: &[&str]) -> Output {
    let output = folder.join("dnn.safetensors");
    Command::new(env!("CARGO_BIN_EXE_train"))
        .args(["dnn-30", "--epochs", "2", "--data"])
        .args([folder, "--output".as_ref(), &output])
        .args(more)
        .output()
        .unwrap()
}

/// Pictures whose bright row tells their class.
fn write_digits(folder: &Path, part: &str, count: u32) {
    let head = |kind, sides: &[u32]| {
        let sides = sides.iter().flat_map(|side| side.to_be_bytes());
        [0, 0, 8, kind].into_iter().chain(sides).collect::<Vec<u8>>()
    };
    let mut images = head(3, &[count, 28, 28]);
    let mut labels = head(1, &[count]);
    for at in 0..count {
        let label = (at % 10) as u8;
        labels.push(label);
        images
            .extend((0..28 * 28).map(|pixel| if pixel / 56 == u32::from(label) { 255 } else { 0 }));
    }
    fs::write(folder.join(format!("{part}-images-idx3-ubyte")), images).unwrap();
    fs::write(folder.join(format!("{part}-labels-idx1-ubyte")), labels).unwrap();
}

#[test]
fn files_are_written_once() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write_digits(folder, "train", DIGITS);
    write_digits(folder, "t10k", 100);
    let first = train(folder, &[]);
    assert!(first.status.success(), "{}", String::from_utf8_lossy(&first.stderr));
    let text = String::from_utf8(first.stdout).unwrap();
    let report: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!((&report["network"], &report["epochs"]), (&"dnn-30".into(), &2.into()));
    for part in ["held_out", "test"] {
        assert!(report[part]["accuracy"].is_f64() && report[part]["rounded"].is_f64(), "{report}");
    }
    let weights = fs::read(folder.join("dnn.safetensors")).unwrap();
    assert!(fs::read_to_string(folder.join("dnn.svg")).unwrap().starts_with("<svg"));

    let again = train(folder, &["--seed", "2"]);
    assert!(!again.status.success());
    let message = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(message.contains("--force replaces it"), "{message}");
    assert!(weights == fs::read(folder.join("dnn.safetensors")).unwrap());

    let forced = train(folder, &["--seed", "2", "--force", "--no-test"]);
    assert!(forced.status.success());
    assert!(weights != fs::read(folder.join("dnn.safetensors")).unwrap());
    let text = String::from_utf8(forced.stdout).unwrap();
    let report: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert!(report["test"].is_null());
}

#[test]
fn a_folder_without_digits_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let refused = train(folder.path(), &[]);
    assert!(!refused.status.success());
    assert!(fs::read_dir(folder.path()).unwrap().next().is_none());
}
