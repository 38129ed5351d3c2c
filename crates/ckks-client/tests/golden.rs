//! Everything made from fixed seeds stays what it was in earlier releases, byte for byte, and what
//! earlier releases encrypted still decrypts.
//!
//! This holds still what no single format test sees: the expansion of seeds, the samplers, the root
//! of unity and the order of the transforms. When a change of format or parameter set is meant, run
//! the tests with `BLINDSIGHT_WRITE_GOLDEN=1` once: they write the files anew.

#![allow(clippy::unwrap_used, reason = "these are tests, helpers included")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use blindsight_ckks::ciphertext::SeededCiphertext;
use blindsight_ckks::encoding::Complex64;
use blindsight_ckks::parameters::Parameters;
use blindsight_ckks::response::CompactCiphertext;
use blindsight_ckks::wire::{ExpectedResponse, ExpectedScale, KeySetManifest};
use blindsight_ckks_client::{
    ClientSeed, GENERATION_VERSION, KeyFamily, SecretKey, SecretRng, decrypt, decrypt_response,
    encrypt, generate_key,
};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

const SCALE: f64 = 1_048_576.0;

static SET: LazyLock<Parameters> = LazyLock::new(|| Parameters::degree_15().unwrap());

fn secret() -> SecretKey {
    SecretKey::generate(&SET, &mut SecretRng::from_key([1; 32]))
}

fn scores() -> Vec<Complex64> {
    let score = |i: u32| Complex64::new(f64::from(i) * 0.75 - 5.0, 0.0);
    (0..16).map(score).collect()
}

fn fresh(level: usize) -> SeededCiphertext {
    let mut rng = SecretRng::from_key([2; 32]);
    encrypt(&SET, &secret(), &scores(), SCALE, level, &mut rng).unwrap()
}

fn response() -> CompactCiphertext {
    CompactCiphertext::from_base_level(&SET, &fresh(1).expand(), 20, 16).unwrap()
}

fn own(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn shared(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../ckks/tests/golden").join(name)
}

/// The golden file, after comparing it with what is made today (or writing that).
fn golden(path: &Path, today: &[u8]) -> Vec<u8> {
    if std::env::var_os("BLINDSIGHT_WRITE_GOLDEN").is_some() {
        fs::write(path, today).unwrap();
    }
    let golden = fs::read(path).unwrap();
    assert!(golden == today, "{} is made differently now", path.display());
    golden
}

fn assert_scores(slots: &[Complex64], tolerance: f64) {
    for (slot, score) in slots.iter().zip(scores()) {
        assert!((slot - score).norm() < tolerance, "{slot} is not {score}");
    }
}

#[test]
fn secret_key() {
    let file = golden(&own("secret_key.bin"), &secret().to_bytes(&SET));
    let read = SecretKey::from_bytes(&SET, &file).unwrap();
    assert!(*read.to_bytes(&SET) == file);
}

#[test]
fn seeded_ciphertext() {
    let file = golden(&shared("seeded_ciphertext.bin"), &fresh(1).to_bytes(&SET));
    let scale = ExpectedScale::Exactly(SCALE);
    let read = SeededCiphertext::from_bytes(&SET, &file, 1, scale).unwrap();
    // 577 over the scale is the standard deviation of the noise in a slot.
    assert_scores(&decrypt(&SET, &secret(), &read.expand()), 6.0 * 577.0 / SCALE);
}

#[test]
fn response_with_scores() {
    let file = golden(&shared("response.bin"), &response().to_bytes(&SET));
    let expected =
        ExpectedResponse { period: 16, scale: ExpectedScale::Exactly(response().scale()) };
    let read = CompactCiphertext::from_bytes(&SET, &file, &expected).unwrap();
    // 43 units of rounding noise in each of 32 coefficients.
    let noise = 43.0 * 32_f64.sqrt() / read.scale();
    assert_scores(&decrypt_response(&SET, &secret(), &read), 6.0 * noise);
}

#[test]
fn key_set_manifest() {
    let today = KeySetManifest::new(&SET).to_bytes(&SET);
    golden(&shared("key_set_manifest.bin"), &today);
}

/// Objects too large to keep, by their SHA-256.
#[test]
fn large_objects() {
    let mut lines = String::new();
    let mut add = |name: &str, bytes: &[u8]| {
        let hash = hex(&Sha256::digest(bytes));
        lines += &format!("{hash}  {name}, {} bytes\n", bytes.len());
    };
    add("ciphertext at level 3", &fresh(3).expand().to_bytes(&SET));
    // The first key, and the largest, which uses every special prime.
    let manifest = KeySetManifest::new(&SET);
    let lengths = manifest.entries().iter().enumerate();
    let largest = lengths.max_by_key(|(_, entry)| entry.byte_len);
    let (largest, _) = largest.unwrap();
    for index in [0, largest] {
        let mut rng = SecretRng::from_key([3; 32]);
        let key = generate_key(&SET, &secret(), index, &mut rng);
        add(&format!("evaluation key {index}"), &key.to_bytes(&SET));
    }
    golden(&own("large_objects.txt"), lines.as_bytes());
}

/// A seed in somebody's browser must give the same keys in every release, unless the generation
/// version rose or the list of keys changed.
#[test]
fn keys_of_a_seed() {
    let seed = ClientSeed::from_bytes(Zeroizing::new([4; 32]));
    let family = KeyFamily::new(&SET, &seed);
    let secret = family.secret().to_bytes(&SET);
    let key = family.evaluation_key(&SET, 2).unwrap().to_bytes(&SET);
    let lines = format!(
        "generation {GENERATION_VERSION}\n{}  secret key\n{}  evaluation key 2\n",
        hex(&Sha256::digest(&*secret)),
        hex(&Sha256::digest(key)),
    );
    golden(&own("keys_of_a_seed.txt"), lines.as_bytes());
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
