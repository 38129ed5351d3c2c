//! The parameter set, and what follows from it.

use std::cell::OnceCell;

use blindsight_ckks::ciphertext::SeededCiphertext;
use blindsight_ckks::parameters::Parameters;
use blindsight_ckks::wire::KeySetManifest;
use blindsight_ckks::wire::frame::VERSION;
use blindsight_ckks_client::{GENERATION_VERSION, KeyFamily};
use blindsight_model::packing::request_format;
use serde::Serialize;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::error::{ClientError, Code};

/// Runs `work` with the parameter set. Its tables are made once for each instance.
pub(crate) fn with_set<T>(
    work: impl FnOnce(&Parameters) -> Result<T, ClientError>,
) -> Result<T, ClientError> {
    thread_local! {
        static SET: OnceCell<Parameters> = const { OnceCell::new() };
    }
    SET.with(|cell| match cell.get() {
        Some(set) => work(set),
        None => {
            let set = Parameters::degree_15()
                .map_err(|error| ClientError::new(Code::WorkerFailed, error))?;
            work(cell.get_or_init(|| set))
        }
    })
}

/// What a program must know to talk to a server.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Description {
    /// Hexadecimal.
    fingerprint: String,
    /// Changes whenever the same seed would give other keys. Hexadecimal.
    identity: String,
    log2_degree: u32,
    wire_version: u16,
    key_generation_version: u32,
    manifest_bytes: u32,
    key_bytes: Vec<u32>,
    request_bytes: u32,
    version: &'static str,
}

/// Describes the parameter set: `{fingerprint, identity, log2Degree, wireVersion,
/// keyGenerationVersion, manifestBytes, keyBytes, requestBytes, version}`.
///
/// # Errors
/// None that an input could cause.
#[wasm_bindgen]
pub fn parameters() -> Result<JsValue, ClientError> {
    let description = with_set(describe)?;
    serde_wasm_bindgen::to_value(&description)
        .map_err(|error| ClientError::new(Code::WorkerFailed, error))
}

/// The frame that an upload begins with.
///
/// # Errors
/// None that an input could cause.
#[wasm_bindgen]
pub fn manifest() -> Result<Vec<u8>, ClientError> {
    with_set(|set| Ok(KeySetManifest::new(set).to_bytes(set)))
}

fn describe(set: &Parameters) -> Result<Description, ClientError> {
    let manifest = KeySetManifest::new(set);
    let small = |length: u64| {
        u32::try_from(length)
            .map_err(|_| ClientError::new(Code::WorkerFailed, "an object has 4 GiB or more"))
    };
    let key_bytes = manifest.entries().iter().map(|entry| small(entry.byte_len));
    Ok(Description {
        fingerprint: hex(&set.fingerprint().0),
        identity: hex(&KeyFamily::identity(set)),
        log2_degree: set.degree().trailing_zeros(),
        wire_version: VERSION,
        key_generation_version: GENERATION_VERSION,
        manifest_bytes: small(manifest.to_bytes(set).len() as u64)?,
        key_bytes: key_bytes.collect::<Result<_, _>>()?,
        request_bytes: small(SeededCiphertext::byte_len(set, request_format(set).level) as u64)?,
        version: env!("CARGO_PKG_VERSION"),
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_fits_the_set() {
        with_set(|set| {
            let description = describe(set)?;
            assert_eq!(description.log2_degree, 15);
            assert_eq!(description.key_bytes.len(), set.keys().len());
            assert_eq!(description.fingerprint.len(), 64);
            assert_ne!(description.identity, description.fingerprint);
            Ok(())
        })
        .unwrap();
    }
}
