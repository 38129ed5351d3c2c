//! Generates all evaluation keys, and prints how long each is on the wire and how long it takes.
//!
//! `cargo run --release -p blindsight-ckks-client --features parallel,os-entropy --example
//! generate_keys`

use std::error::Error;
use std::time::Instant;

use blindsight_ckks::parameters::Parameters;
use blindsight_ckks::wire::KeySetManifest;
use blindsight_ckks_client::{KeyGenerator, SecretKey, SecretRng};

fn main() -> Result<(), Box<dyn Error>> {
    let set = Parameters::degree_15()?;
    let mut rng = SecretRng::from_os()?;
    let secret = SecretKey::generate(&set, &mut rng);
    let manifest = KeySetManifest::new(&set);

    let (mut generating, mut writing) = (0.0, 0.0);
    let mut generator = KeyGenerator::new(&set, &secret, &mut rng);
    for entry in manifest.entries() {
        let start = Instant::now();
        let Some(key) = generator.next() else { break };
        let generated = start.elapsed().as_secs_f64();
        let start = Instant::now();
        let bytes = key.to_bytes(&set);
        writing += start.elapsed().as_secs_f64();
        generating += generated;
        let layout = &entry.spec.layout;
        println!(
            "{:2}  {:8} bytes  {:5.1} ms  {} limbs, {} digits, {:?}  {:?}",
            key.index,
            bytes.len(),
            1e3 * generated,
            layout.level,
            layout.digits.len(),
            layout.special,
            entry.spec.kind,
        );
    }
    println!(
        "{} keys, {} bytes: {generating:.3} s to generate, {writing:.3} s to write",
        manifest.entries().len(),
        manifest.total_byte_len(),
    );
    Ok(())
}
