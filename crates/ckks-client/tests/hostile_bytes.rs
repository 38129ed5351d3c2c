//! Thousands of damaged and forged inputs for every reader.
//!
//! A reader may refuse or accept, but never panic, and what it accepts is written as the very same
//! bytes: no object has two forms. Most inputs get a checksum that fits, so that the damage reaches
//! what stands behind it. The fuzz targets look for the same failures with more patience.

#![allow(clippy::unwrap_used, reason = "these are tests, helpers included")]

#[path = "shared/attack.rs"]
mod attack;

use std::sync::LazyLock;

use blindsight_ckks::ciphertext::{Ciphertext, SeededCiphertext};
use blindsight_ckks::encoding::Complex64;
use blindsight_ckks::evaluation_key::SeededKey;
use blindsight_ckks::keys::{KeyKind, KeyLayout, KeyList, KeySpec};
use blindsight_ckks::parameters::{Literal, Parameters};
use blindsight_ckks::response::CompactCiphertext;
use blindsight_ckks::wire::{ExpectedResponse, ExpectedScale, KeySetManifest};
use blindsight_ckks_client::{ClientSeed, KeyFamily, SecretRng, encrypt};

use attack::attack;

static SET: LazyLock<Parameters> =
    LazyLock::new(|| Parameters::new(Literal::bootstrapped_2_15()).unwrap());
static FAMILY: LazyLock<KeyFamily> =
    LazyLock::new(|| KeyFamily::new(&SET, &ClientSeed::from_bytes(&[1; 32])));

const SCALES: ExpectedScale = ExpectedScale::Between { least: 1.0, most: 1e12 };

fn fresh() -> SeededCiphertext {
    let mut rng = SecretRng::from_key(&[2; 32]);
    encrypt(&SET, FAMILY.secret(), &[Complex64::ONE], 1e6, 1, &mut rng).unwrap()
}

#[test]
fn seeded_ciphertexts() {
    attack(&fresh().to_bytes(&SET), 3000, |bytes| {
        let read = SeededCiphertext::from_bytes(&SET, bytes, 1, SCALES);
        read.ok().map(|object| object.to_bytes(&SET))
    });
}

#[test]
fn ciphertexts() {
    attack(&fresh().expand().to_bytes(&SET), 2000, |bytes| {
        let read = Ciphertext::from_bytes(&SET, bytes, 1, SCALES);
        read.ok().map(|object| object.to_bytes(&SET))
    });
}

#[test]
fn evaluation_keys() {
    let spec = smallest();
    attack(&FAMILY.evaluation_key(&SET, &spec).to_bytes(&SET), 2000, |bytes| {
        let read = SeededKey::from_bytes(&SET, &spec, bytes);
        read.ok().map(|object| object.to_bytes(&SET))
    });
}

fn smallest() -> KeySpec {
    let layout = KeyLayout::balanced(&SET, 1, 1).unwrap();
    KeySpec::new(&SET, KeyKind::DenseToSparse, layout).unwrap()
}

#[test]
fn key_set_manifests() {
    let two_digits = KeyLayout::balanced(&SET, 16, 2).unwrap();
    let relinearisation = KeySpec::new(&SET, KeyKind::Relinearisation, two_digits).unwrap();
    let keys = KeyList::new(vec![smallest(), relinearisation]).unwrap();
    attack(&KeySetManifest::new(&SET, &keys).to_bytes(&SET), 5000, |bytes| {
        let read = KeySetManifest::from_bytes(&SET, bytes);
        read.ok().map(|object| object.to_bytes(&SET))
    });
}

#[test]
fn responses() {
    let expected = ExpectedResponse { period: 16, scale: SCALES };
    let response = CompactCiphertext::from_base_level(&SET, &fresh().expand(), 20, 16).unwrap();
    attack(&response.to_bytes(&SET), 3000, |bytes| {
        let read = CompactCiphertext::from_bytes(&SET, bytes, &expected);
        read.ok().map(|object| object.to_bytes(&SET))
    });
}
