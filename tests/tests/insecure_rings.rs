//! No build of a product can make an insecure parameter set: the feature that lets tests do so
//! reaches them through dev-dependencies alone.

#![cfg(test)]

use std::process::Command;

const FEATURE: &str = "insecure-test-rings";

/// The packages that `edges` lead to from all members of the workspace, as `name features`.
fn resolved(edges: &str) -> Vec<(String, String)> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--offline", "--workspace", "--edges", edges])
        .args(["--prefix", "none", "--no-dedupe", "--format", "{p}|{f}"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo tree: {errors}");
    let tree = String::from_utf8(output.stdout).unwrap();
    let packages = tree.lines().filter_map(|line| {
        let (package, features) = line.split_once('|')?;
        Some((package.split(' ').next()?.to_owned(), features.to_owned()))
    });
    packages.collect()
}

fn has_feature(features: &str) -> bool {
    features.split(',').any(|feature| feature == FEATURE)
}

/// All members together, as `cargo build --workspace` unifies their features.
#[test]
fn no_product_has_insecure_rings() {
    let packages = resolved("normal,build");
    let ours = || packages.iter().filter(|(name, _)| name == "blindsight-ckks");
    assert!(ours().count() > 5, "blindsight-ckks is missing from the tree");
    assert!(ours().all(|(_, features)| !has_feature(features)));
}

/// The test above can fail: with dev-dependencies the feature is there.
#[test]
fn tests_have_insecure_rings() {
    let packages = resolved("normal,build,dev");
    assert!(packages.iter().any(|(name, f)| name == "blindsight-ckks" && has_feature(f)));
}

/// Whoever enables the feature by hand is stopped by the compiler in every optimised profile.
#[test]
fn optimised_builds_refuse_the_feature() {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
    let manifest = std::fs::read_to_string(manifest).unwrap();
    // Switched off for a dependency they let nothing through, switched on anywhere they may.
    for line in manifest.lines().filter(|line| line.contains("debug-assertions")) {
        assert_eq!(line, "debug-assertions = false", "a profile may let it through");
    }
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/ckks/src/lib.rs");
    let source = std::fs::read_to_string(source).unwrap();
    let guard =
        "#[cfg(all(feature = \"insecure-test-rings\", not(debug_assertions)))]\ncompile_error!";
    assert!(source.contains(guard));
}
