//! Versions that must fit together.

use blindsight_ckks::wire::frame::VERSION;
use blindsight_ckks_client::GENERATION_VERSION;
use serde::Serialize;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::error::{ClientError, Code};

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Versions {
    version: &'static str,
    wire: u16,
    key_generation: u32,
    contract: u32,
}

/// `{version, wire, keyGeneration, contract}`.
///
/// # Errors
/// None that an input could cause.
#[wasm_bindgen]
pub fn versions() -> Result<JsValue, ClientError> {
    let versions = Versions {
        version: env!("CARGO_PKG_VERSION"),
        wire: VERSION,
        key_generation: GENERATION_VERSION,
        contract: blindsight_contract::VERSION,
    };
    serde_wasm_bindgen::to_value(&versions)
        .map_err(|error| ClientError::new(Code::WorkerFailed, error))
}
