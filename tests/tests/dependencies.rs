//! The evaluator links nothing that can hold or sample a secret key.

#![cfg(test)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Crates of this workspace that the evaluator may link.
const ALLOWED: [&str; 8] = [
    "blindsight-ckks",
    "blindsight-ckks-eval",
    "blindsight-contract",
    "blindsight-engine",
    "blindsight-evaluator",
    "blindsight-exact",
    "blindsight-exact-eval",
    "blindsight-ring",
];

/// Crates of this workspace that the evaluator's side of exact answers may link.
const ALLOWED_EXACT: [&str; 5] = [
    "blindsight-ckks",
    "blindsight-ckks-eval",
    "blindsight-exact",
    "blindsight-exact-eval",
    "blindsight-ring",
];

/// What the evaluator links.
fn linked() -> Vec<(String, PathBuf)> {
    linked_by("blindsight-evaluator")
}

/// Cargo's own answer, with the features that a build of the package alone resolves.
fn linked_by(package: &str) -> Vec<(String, PathBuf)> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--offline", "--package", package])
        .args(["--edges", "normal,build", "--prefix", "none"])
        .args(["--no-dedupe", "--format", "{p}"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo tree: {errors}");
    let tree = String::from_utf8(output.stdout).unwrap();
    let line = |line: &str| {
        // name vVERSION (path)
        let mut words = line.splitn(3, ' ');
        let name = words.next().unwrap_or_default().to_owned();
        let path = words.nth(1).unwrap_or_default().trim_matches(['(', ')']);
        (name, PathBuf::from(path))
    };
    tree.lines().filter(|text| !text.is_empty()).map(line).collect()
}

#[test]
fn the_evaluator_links_exactly_these_crates_of_the_workspace() {
    let linked = linked();
    assert!(linked.len() > 50, "the tree is implausibly small");
    let ours: BTreeSet<&str> = linked
        .iter()
        .map(|(name, _)| name.as_str())
        .filter(|name| name.starts_with("blindsight"))
        .collect();
    assert_eq!(ours, BTreeSet::from(ALLOWED));
}

#[test]
fn exact_answers_are_evaluated_without_secrets() {
    let linked = linked_by("blindsight-exact-eval");
    let ours: BTreeSet<&str> = linked
        .iter()
        .map(|(name, _)| name.as_str())
        .filter(|name| name.starts_with("blindsight"))
        .collect();
    assert_eq!(ours, BTreeSet::from(ALLOWED_EXACT));
    // Of TFHE-rs, evaluation alone: these are what its secrets are made, used and read by.
    let forbidden = [
        "SecretKey",
        "secret_key",
        "encrypt_",
        "decrypt_",
        "EncryptionRandomGenerator",
        "deserialize",
        "bincode",
    ];
    let (_, path) = linked.iter().find(|(name, _)| name == "blindsight-exact-eval").unwrap();
    let mut files = 0;
    for_each_source(&path.join("src"), &mut |path, text| {
        files += 1;
        for word in forbidden {
            assert!(!text.contains(word), "{} names {word}", path.display());
        }
    });
    assert!(files > 5, "{files} files");
}

/// Whoever moves a secret into one of these crates is told here.
#[test]
fn no_linked_source_knows_a_secret_key() {
    // The kind of a secret key on the wire has a name, so that an upload by mistake is refused
    // with the right sentence; that is all the evaluator knows of it.
    let forbidden = [
        "struct SecretKey",
        "struct SecretRng",
        "struct SecretPoly",
        "struct DiscreteGaussian",
        "ckks_client",
        "getrandom",
        "from_os_rng",
        "OsRng",
        "thread_rng",
    ];
    let folders: BTreeSet<PathBuf> = linked()
        .into_iter()
        .filter(|(name, _)| ALLOWED.contains(&name.as_str()))
        .map(|(_, path)| path.join("src"))
        .collect();
    assert_eq!(folders.len(), ALLOWED.len());
    // The one place that draws random numbers: noise of the evaluator's own, which hides labels.
    let entropy = Path::new("exact-eval/src/answer.rs");
    let (mut files, mut exempt) = (0, 0);
    for folder in folders {
        for_each_source(&folder, &mut |path, text| {
            files += 1;
            exempt += usize::from(path.ends_with(entropy));
            for word in forbidden {
                if word == "getrandom" && path.ends_with(entropy) {
                    continue;
                }
                assert!(!text.contains(word), "{} names {word}", path.display());
            }
        });
    }
    assert!(files > 50, "only {files} files were searched");
    assert_eq!(exempt, 1);
}

fn for_each_source(folder: &Path, visit: &mut impl FnMut(&Path, &str)) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        // Tests beside the code are not linked, and may play the client.
        if path.file_stem().is_some_and(|stem| stem == "tests") {
            continue;
        }
        if path.is_dir() {
            for_each_source(&path, visit);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            visit(&path, &std::fs::read_to_string(&path).unwrap());
        }
    }
}
