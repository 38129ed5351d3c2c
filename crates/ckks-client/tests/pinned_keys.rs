//! A seed in somebody's browser gives the same keys in every release, unless [`GENERATION_VERSION`]
//! rose: publishing one secret and error under two uniform halves would reveal the secret.
//!
//! Every key that the served models need is pinned; the parts of the key for exact answers are in
//! `blindsight-exact-client`. `BLINDSIGHT_WRITE_GOLDEN=1` writes the file anew, but never another hash
//! of a key under the same version.

#![allow(clippy::unwrap_used, reason = "these are tests, helpers included")]

#[path = "shared/pinned.rs"]
mod pinned;

use std::path::Path;

use blindsight_ckks::parameters::{Literal, Parameters};
use blindsight_ckks::wire::KeySetManifest;
use blindsight_ckks_client::{ClientSeed, GENERATION_VERSION, KeyFamily};
use sha2::{Digest, Sha256};

use pinned::{Pinned, hex};

/// What the served models need, as the head of an upload. A test of the engine holds it to them.
const SERVED: &[u8] = include_bytes!("golden/served_keys.bin");

#[test]
fn all_served_keys_of_a_seed() {
    let set = Parameters::new(Literal::bootstrapped_2_15()).unwrap();
    let family = KeyFamily::new(&set, &ClientSeed::from_bytes(&[4; 32]));
    let served = KeySetManifest::from_bytes(&set, SERVED).unwrap();
    assert_eq!(served.entries().len(), 34);
    let keys = served.entries().iter().map(|entry| {
        let spec = &entry.spec;
        let bytes = family.evaluation_key(&set, spec).to_bytes(&set);
        let name = &hex(&Sha256::digest(spec.to_bytes()))[..16];
        let (kind, level) = (spec.kind(), spec.level());
        (format!("{name} {kind:?} at level {level}"), hex(&Sha256::digest(&bytes)))
    });
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/keys_of_a_seed.txt");
    Pinned { version: GENERATION_VERSION, keys: keys.collect() }.hold(&path);
}

fn pinned(version: u32, keys: &[(&str, &str)]) -> Pinned {
    let keys = keys.iter().map(|&(name, hash)| (name.to_owned(), hash.to_owned()));
    Pinned { version, keys: keys.collect() }
}

#[test]
fn no_hash_changes_under_one_version() {
    let kept = pinned(2, &[("a", "00"), ("b", "11")]);
    assert_eq!(Pinned::read(&kept.to_text()), kept);
    let refused = kept.may_become(&pinned(2, &[("a", "00"), ("b", "12")])).unwrap_err();
    assert_eq!(refused, "keys changed without a new GENERATION_VERSION: b");
    assert!(kept.may_become(&pinned(1, &[("a", "00"), ("b", "11")])).is_err());
    assert!(kept.may_become(&pinned(3, &[("a", "01"), ("b", "12")])).is_ok());
    // Another model may need other keys.
    assert!(kept.may_become(&pinned(2, &[("a", "00"), ("c", "22")])).is_ok());
}
