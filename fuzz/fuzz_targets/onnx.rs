//! The reader of ONNX files: no panic, and what is accepted has an account of every node.
#![no_main]

use blindsight_onnx::{NoExternalData, import};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    match import(data, &NoExternalData) {
        Ok(model) => assert!(model.nodes.iter().all(|node| !node.how.is_empty())),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
