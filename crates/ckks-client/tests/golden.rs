//! Everything made from fixed seeds stays what it was in earlier releases, byte for byte, and what
//! earlier releases encrypted still decrypts.
//!
//! This holds still what no single format test sees: the expansion of seeds, the samplers, the root
//! of unity and the order of the transforms. When a change of format or parameter set is meant, run
//! the tests with `BLINDSIGHT_WRITE_GOLDEN=1` once: they write the files anew. What keys a seed gives is
//! in `pinned_keys.rs`.

#![allow(clippy::unwrap_used, reason = "these are tests, helpers included")]

#[path = "shared/golden_file.rs"]
mod golden_file;

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use blindsight_ckks::ciphertext::SeededCiphertext;
use blindsight_ckks::encoding::Complex64;
use blindsight_ckks::keys::{KeyKind, KeyLayout, KeyList, KeySpec};
use blindsight_ckks::parameters::{Literal, Parameters};
use blindsight_ckks::response::CompactCiphertext;
use blindsight_ckks::wire::{ExpectedResponse, ExpectedScale, KeySetManifest};
use blindsight_ckks_client::{
    ClientSeed, KeyFamily, SecretRng, decrypt, decrypt_response, encrypt,
};
use blindsight_ring::GaloisElement;

use golden_file::golden;

const SCALE: f64 = 1_048_576.0;

static SET: LazyLock<Parameters> =
    LazyLock::new(|| Parameters::new(Literal::bootstrapped_2_15()).unwrap());
static FAMILY: LazyLock<KeyFamily> =
    LazyLock::new(|| KeyFamily::new(&SET, &ClientSeed::from_bytes(&[4; 32])));

/// One key of each kind, at various levels.
fn keys() -> KeyList {
    let rotation = |steps| GaloisElement::rotation(steps, SET.degree());
    let balanced = |level, digits| KeyLayout::balanced(&SET, level, digits).unwrap();
    let specs = [
        (KeyKind::DenseToSparse, balanced(1, 1)),
        (KeyKind::SparseToDense(rotation(512)), KeyLayout::raised(&SET).unwrap()),
        (KeyKind::Relinearisation, balanced(16, 2)),
        (KeyKind::Automorphism(rotation(1)), balanced(3, 1)),
        (KeyKind::Automorphism(rotation(4096)), balanced(19, 2)),
    ];
    let specs = specs.map(|(kind, layout)| KeySpec::new(&SET, kind, layout).unwrap());
    KeyList::new(specs.to_vec()).unwrap()
}

fn scores() -> Vec<Complex64> {
    let score = |i: u32| Complex64::new(f64::from(i) * 0.75 - 5.0, 0.0);
    (0..16).map(score).collect()
}

fn fresh(level: usize) -> SeededCiphertext {
    let mut rng = SecretRng::from_key(&[2; 32]);
    encrypt(&SET, FAMILY.secret(), &scores(), SCALE, level, &mut rng).unwrap()
}

fn response() -> CompactCiphertext {
    CompactCiphertext::from_base_level(&SET, &fresh(1).expand(), 20, 16).unwrap()
}

fn shared(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../ckks/tests/golden").join(name)
}

fn assert_scores(slots: &[Complex64], tolerance: f64) {
    for (slot, score) in slots.iter().zip(scores()) {
        assert!((slot - score).norm() < tolerance, "{slot} is not {score}");
    }
}

#[test]
fn seeded_ciphertext() {
    let file = golden(&shared("seeded_ciphertext.bin"), &fresh(1).to_bytes(&SET));
    let scale = ExpectedScale::Exactly(SCALE);
    let read = SeededCiphertext::from_bytes(&SET, &file, 1, scale).unwrap();
    // 577 over the scale is the standard deviation of the noise in a slot.
    assert_scores(&decrypt(&SET, FAMILY.secret(), &read.expand()), 6.0 * 577.0 / SCALE);
}

#[test]
fn response_with_scores() {
    let file = golden(&shared("response.bin"), &response().to_bytes(&SET));
    let expected =
        ExpectedResponse { period: 16, scale: ExpectedScale::Exactly(response().scale()) };
    let read = CompactCiphertext::from_bytes(&SET, &file, &expected).unwrap();
    // 43 units of rounding noise in each of 32 coefficients.
    let noise = 43.0 * 32_f64.sqrt() / read.scale();
    assert_scores(&decrypt_response(&SET, FAMILY.secret(), &read), 6.0 * noise);
}

#[test]
fn key_set_manifest() {
    let today = KeySetManifest::new(&SET, &keys()).to_bytes(&SET);
    golden(&shared("key_set_manifest.bin"), &today);
}
