//! Writes one valid object of each kind to `FOLDER/TARGET/valid`, for the fuzzer to start from; the
//! folder is the variable `BLINDSIGHT_FUZZ_SEEDS`. Objects with a whole polynomial are too large to
//! lie in the repository.
//!
//! It is built like a target and ends before it fuzzes: a program of its own kind would need all
//! crates a second time, without instruments.
#![no_main]

use std::error::Error;
use std::fs;
use std::path::Path;

use blindsight_ckks::encoding::Complex64;
use blindsight_ckks::keys::KeyList;
use blindsight_ckks::product::ProductCiphertext;
use blindsight_ckks::response::CompactCiphertext;
use blindsight_ckks::wire::KeySetManifest;
use blindsight_ckks_client::{ClientSeed, KeyFamily, SecretRng, encrypt};
use blindsight_engine::{Bundle, testing};
use blindsight_exact::wire::KeyHead;
use blindsight_exact::{ExactScores, KeyPart, KeyPiece, LabelCiphertext};
use blindsight_exact_client::ExactFamily;
use blindsight_fuzz::{EXACT_SET, LEVEL, PIXELS, RESPONSE, SCORES, SET, SMALLEST_KEY};

libfuzzer_sys::fuzz_target!(init: seed_and_exit(), |_data: &[u8]| {});

fn seed_and_exit() {
    let done = seed();
    if let Err(error) = &done {
        eprintln!("seed_corpus: {error}");
    }
    std::process::exit(i32::from(done.is_err()));
}

fn seed() -> Result<(), Box<dyn Error>> {
    let mut rng = SecretRng::from_key(&[1; 32]);
    let family = KeyFamily::new(&SET, &ClientSeed::from_bytes(&[1; 32]));
    let fresh = encrypt(&SET, family.secret(), &[Complex64::ONE], 1e6, LEVEL, &mut rng)?;
    let ciphertext = fresh.clone().expand();
    let response = CompactCiphertext::from_base_level(&SET, &ciphertext, 20, RESPONSE.period)?;
    let key = family.evaluation_key(&SET, &SMALLEST_KEY);
    let keys = KeyList::new(vec![SMALLEST_KEY.clone()])?;
    write("seeded_ciphertext", &fresh.to_bytes(&SET))?;
    write("ciphertext", &ciphertext.to_bytes(&SET))?;
    write("evaluation_key", &key.to_bytes(&SET))?;
    write("key_set_manifest", &KeySetManifest::new(&SET, &keys).to_bytes(&SET))?;
    write("response", &response.to_bytes(&SET))?;
    let mut base = ciphertext.clone();
    base.drop_to(1);
    let product = ProductCiphertext { parts: vec![base.c0, base.c1], scale: 1e6 };
    write("product_ciphertext", &product.to_bytes(&SET))?;
    exact_answers(&family)?;
    // Two grey pictures of 2 x 3 pixels.
    let idx_head = [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 3];
    write("idx", &[&idx_head[..], &[7; 12]].concat())?;
    let npy_header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1, 3), }\n";
    let npy_head = [&b"\x93NUMPY\x01\0"[..], &[npy_header.len() as u8, 0]].concat();
    write("npy", &[&npy_head[..], npy_header, &[0; 24]].concat())?;
    let contract = blindsight_contract::testing::sample();
    write("contract", &contract.to_bytes())?;
    write("bundle", &testing::light_bundle("light"))?;
    let (contract, program) = (testing::leveled_contract(), testing::leveled());
    write_as("contract", "leveled", &contract.to_bytes())?;
    write_as("bundle", "leveled", &Bundle::write(&contract, &program, 0)?)?;
    let contract = blindsight_contract::testing::batch_sample();
    write_as("contract", "batch", &contract.to_bytes())?;
    let signs = blindsight_contract::testing::sign_sample();
    write_as("contract", "signs", &signs.to_bytes())?;
    write_as("contract", "label", &signs.with_label_alone(None).to_bytes())?;
    write_as("bundle", "batch", &Bundle::write_batch(&contract, &testing::batch())?)?;
    Ok(())
}

/// The parts of the key but the bootstrapping key, whose pieces are too long for a fuzzer.
fn exact_answers(keys: &KeyFamily) -> Result<(), Box<dyn Error>> {
    let family = ExactFamily::new(&EXACT_SET, &SET, keys)?;
    for part in [KeyPart::KeySwitch, KeyPart::Bridge, KeyPart::Zero] {
        for piece in KeyPiece::of(part, &EXACT_SET) {
            let bytes = family.piece(piece).to_bytes(&EXACT_SET);
            write_as("exact_key", &format!("{part:?}-{}", piece.index()), &bytes)?;
        }
    }
    write("exact_key_head", &KeyHead::to_bytes(&EXACT_SET, &SET))?;
    let mask = (0..EXACT_SET.degree() as u16).collect();
    let answer = LabelCiphertext { mask, body: 4096 };
    write("exact_answer", &answer.to_bytes(&EXACT_SET))?;
    let picture = family.encrypt_picture(&[true; PIXELS], &mut SecretRng::from_key(&[2; 32]))?;
    write("exact_picture", &picture.to_bytes(&EXACT_SET))?;
    let scores = ExactScores(vec![((0..EXACT_SET.degree() as u16).collect(), 77); SCORES]);
    write("exact_scores", &scores.to_bytes(&EXACT_SET))?;
    Ok(())
}

fn write(target: &str, bytes: &[u8]) -> std::io::Result<()> {
    write_as(target, "valid", bytes)
}

fn write_as(target: &str, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    let root = std::env::var_os("BLINDSIGHT_FUZZ_SEEDS");
    let root = root.ok_or_else(|| std::io::Error::other("BLINDSIGHT_FUZZ_SEEDS is not set"))?;
    let folder = Path::new(&root).join(target);
    fs::create_dir_all(&folder)?;
    fs::write(folder.join(name), bytes)
}
