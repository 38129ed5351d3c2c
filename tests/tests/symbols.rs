//! What the evaluator's program really contains, read from its symbols: crates like TFHE-rs bring
//! code for clients along, and the linker must have found no call of it.

#![cfg(test)]

use std::path::Path;
use std::process::Command;

use blindsight_tests::evaluator::program;

/// Crates that hold or sample a client's secret.
const CLIENTS: [&str; 3] =
    ["blindsight_ckks_client", "blindsight_exact_client", "blindsight_session"];

/// Of TFHE-rs: what makes secrets, and what encrypts and decrypts with them.
const OF_TFHE: [&str; 6] = [
    "generate_new_",
    "generate_binary_",
    "encrypt_lwe",
    "encrypt_glwe",
    "decrypt_",
    "bootstrap_key_generation",
];

#[test]
fn no_function_of_the_evaluator_holds_or_samples_a_secret() {
    let symbols = symbols_of(program());
    // There are symbols to look at, and names are not mangled beyond recognition.
    for ours in ["blindsight_evaluator", "blindsight_engine", "blindsight_ckks_eval", "tfhe"] {
        assert!(symbols.iter().any(|symbol| symbol.contains(ours)), "{ours} is not in it");
    }
    for symbol in &symbols {
        for client in CLIENTS {
            assert!(!symbol.contains(client), "{symbol}");
        }
        if symbol.contains("tfhe") {
            for word in OF_TFHE {
                assert!(!symbol.contains(word), "{symbol}");
            }
        }
    }
}

/// The same look finds a client where there is one: in this very test program.
#[test]
fn a_client_would_be_found() {
    let key = blindsight_tests::client::rng(1);
    assert!(size_of_val(&key) > 0);
    let symbols = symbols_of(&std::env::current_exe().unwrap());
    assert!(symbols.iter().any(|symbol| symbol.contains(CLIENTS[0])));
}

/// The names in a program's table of symbols. `nm` comes with the linker that Rust needs.
fn symbols_of(program: &Path) -> Vec<String> {
    let output = Command::new("nm").arg("--no-demangle").arg(program).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "nm: {errors}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter_map(|line| line.split_whitespace().last()).map(str::to_owned).collect()
}
