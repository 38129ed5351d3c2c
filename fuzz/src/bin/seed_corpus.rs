//! Writes one valid object of each kind to `corpus/TARGET/valid`, for the fuzzer to start from.

use std::error::Error;
use std::fs;
use std::path::Path;

use blindsight_ckks::encoding::Complex64;
use blindsight_ckks::response::CompactCiphertext;
use blindsight_ckks::wire::KeySetManifest;
use blindsight_ckks_client::{SecretKey, SecretRng, encrypt, generate_key};
use blindsight_fuzz::{LEVEL, RESPONSE, SET};

fn main() -> Result<(), Box<dyn Error>> {
    let mut rng = SecretRng::from_key([1; 32]);
    let secret = SecretKey::generate(&SET, &mut rng);
    let fresh = encrypt(&SET, &secret, &[Complex64::ONE], 1e6, LEVEL, &mut rng)?;
    let ciphertext = fresh.clone().expand();
    let response = CompactCiphertext::from_base_level(&SET, &ciphertext, 20, RESPONSE.period)?;
    let key = generate_key(&SET, &secret, 0, &mut rng);
    write("seeded_ciphertext", &fresh.to_bytes(&SET))?;
    write("ciphertext", &ciphertext.to_bytes(&SET))?;
    write("evaluation_key", &key.to_bytes(&SET))?;
    write(
        "key_set_manifest",
        &KeySetManifest::new(&SET).to_bytes(&SET),
    )?;
    write("response", &response.to_bytes(&SET))?;
    write("secret_key", &secret.to_bytes(&SET))?;
    let contract = blindsight_contract::testing::sample();
    write("contract", &contract.to_bytes())?;
    Ok(())
}

fn write(target: &str, bytes: &[u8]) -> std::io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target);
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("valid"), bytes)
}
