//! The package's types of contracts and their descriptions, made from the Rust types.
//!
//! `wasm-client/sdk/src/generated.ts` is checked in, so that the package is built without Cargo. It
//! follows from the types alone: a test fails when it is another, and writes it anew under
//! `BLINDSIGHT_WRITE_GOLDEN=1` (`just types`).

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use blindsight_contract::Contract;
use ts_rs::{Config, TS, TypeVisitor};

use crate::contract::Description;

const HEAD: &str = "\
// Made by `just types` from crates/contract/src/raw.rs and wasm-client/src/contract.rs: change those.
";

#[test]
fn the_types_of_the_package_are_those_of_the_crates() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("sdk/src/generated.ts");
    let made = declarations();
    if std::env::var_os("BLINDSIGHT_WRITE_GOLDEN").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap();
    assert!(found == made, "{} is stale: run `just types`", path.display());
}

#[test]
fn every_type_is_declared_once_with_its_documentation() {
    let made = declarations();
    let names = ["Contract", "PreparationData", "Forecast", "Description", "InputKind"];
    for name in names {
        assert_eq!(made.matches(&format!("export type {name} =")).count(), 1, "{name}");
    }
    assert!(made.contains("Channels, rows, columns."));
    assert!(!made.contains("bigint"));
}

#[test]
fn what_is_shipped_does_not_link_the_writer_of_types() {
    for package in ["blindsight-wasm", "blindsight-evaluator"] {
        let output = Command::new(env!("CARGO"))
            .args(["tree", "--locked", "--offline", "--package", package])
            .args(["--edges", "normal,build", "--prefix", "none", "--format", "{p}"])
            .output()
            .unwrap();
        let tree = String::from_utf8(output.stdout).unwrap();
        assert!(tree.contains("serde v"), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(!tree.contains("ts-rs"), "{package} links it");
    }
}

/// The file: all types by their names, because in which order the types that one is made of come is
/// not the same in every build.
fn declarations() -> String {
    // JSON has one kind of number, and so has JavaScript unless it is asked.
    let config = Config::new().with_large_int("number");
    let mut found = Declarations { config, by_name: BTreeMap::new() };
    found.visit::<Contract>();
    found.visit::<Description<'static>>();
    let all = found.by_name.into_values().collect::<String>();
    let lines = all.lines().flat_map(|line| [line.trim_end(), "\n"]);
    [HEAD].into_iter().chain(lines).collect()
}

/// The declaration of each type that was visited, or that one of these names.
struct Declarations {
    config: Config,
    by_name: BTreeMap<String, String>,
}

impl TypeVisitor for Declarations {
    fn visit<T: TS + 'static + ?Sized>(&mut self) {
        let name = T::ident(&self.config);
        // Types of other crates, such as numbers and texts, have no declaration.
        if T::output_path().is_none() || self.by_name.contains_key(&name) {
            return;
        }
        let docs = T::docs().unwrap_or_default();
        self.by_name.insert(name, format!("\n{docs}export {}\n", T::decl(&self.config)));
        T::visit_dependencies(self);
    }
}
