//! A seed in somebody's browser gives the same key for exact answers in every release, unless
//! [`GENERATION_VERSION`] rose: publishing one secret and error under two masks would reveal the secret.
//!
//! `BLINDSIGHT_WRITE_GOLDEN=1` writes the file anew, but never another hash of a piece under the same
//! version.

#![allow(clippy::unwrap_used, reason = "these are tests, helpers included")]

#[path = "../../ckks-client/tests/shared/pinned.rs"]
mod pinned;

use std::path::Path;

use blindsight_ckks::parameters::{Literal as SchemeLiteral, Parameters};
use blindsight_ckks_client::{ClientSeed, GENERATION_VERSION, KeyFamily};
use blindsight_exact::{ExactParameters, KeyPiece, Literal};
use blindsight_exact_client::ExactFamily;
use sha2::{Digest, Sha256};

use pinned::{Pinned, hex};

#[test]
fn all_pieces_of_a_seed() {
    let scheme = Parameters::new(SchemeLiteral::bootstrapped_2_15()).unwrap();
    let set = ExactParameters::new(Literal::degree_2048(), &scheme).unwrap();
    let keys = KeyFamily::new(&scheme, &ClientSeed::from_bytes(&[4; 32]));
    let family = ExactFamily::new(&set, &scheme, &keys).unwrap();
    let fingerprint = &hex(&set.fingerprint().0)[..16];
    let pieces = KeyPiece::all(&set).map(|piece| {
        let bytes = family.piece(piece).to_bytes(&set);
        let name = format!("{:?} {} of {fingerprint}", piece.part(), piece.index());
        (name, hex(&Sha256::digest(&bytes)))
    });
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/pieces_of_a_seed.txt");
    Pinned { version: GENERATION_VERSION, keys: pieces.collect() }.hold(&path);
}
