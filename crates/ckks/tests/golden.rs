//! Files of earlier releases still load, and are written as the same bytes.
//!
//! `golden/` holds objects that the client crate's golden test made from fixed seeds. A change of
//! format or parameter set shows up here first; if it is meant, that test writes new files.

use blindsight_ckks::ciphertext::SeededCiphertext;
use blindsight_ckks::parameters::{Literal, Parameters};
use blindsight_ckks::response::CompactCiphertext;
use blindsight_ckks::wire::{ExpectedResponse, ExpectedScale, KeySetManifest};

const SEEDED_CIPHERTEXT: &[u8] = include_bytes!("golden/seeded_ciphertext.bin");
const RESPONSE: &[u8] = include_bytes!("golden/response.bin");
const KEY_SET_MANIFEST: &[u8] = include_bytes!("golden/key_set_manifest.bin");

#[test]
fn golden_files_are_read_and_written_as_they_are() {
    let set = Parameters::new(Literal::bootstrapped_2_15()).unwrap();

    let scale = ExpectedScale::Exactly(1_048_576.0);
    let ciphertext = SeededCiphertext::from_bytes(&set, SEEDED_CIPHERTEXT, 1, scale).unwrap();
    assert!(ciphertext.to_bytes(&set) == SEEDED_CIPHERTEXT);

    let base = set.chain().primes()[0].value() as f64;
    let expected = ExpectedResponse {
        period: 16,
        // 2^20 modulo the base prime, switched to the modulus 2^20.
        scale: ExpectedScale::Exactly(2_f64.powi(40) / base),
    };
    let response = CompactCiphertext::from_bytes(&set, RESPONSE, &expected).unwrap();
    assert!(response.to_bytes(&set) == RESPONSE);

    let manifest = KeySetManifest::from_bytes(&set, KEY_SET_MANIFEST).unwrap();
    assert!(manifest.to_bytes(&set) == KEY_SET_MANIFEST);
}
