//! Limits the memory of the WebAssembly module.

use std::env;

/// 256 MiB: more is refused by the engine, and the instance fails instead of the browser's tab.
const MAX_MEMORY: usize = 256 << 20;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if env::var("CARGO_CFG_TARGET_ARCH").as_deref() == Ok("wasm32") {
        println!("cargo:rustc-link-arg-cdylib=--max-memory={MAX_MEMORY}");
    }
}
