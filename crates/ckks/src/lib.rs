//! The CKKS scheme (Cheon, Kim, Kim and Song 2017) without its secrets.
//!
//! Parameter sets, encoding, ciphertexts, evaluation keys and their wire formats: what client and
//! evaluator share. Nothing here can hold or sample a secret key.

#[cfg(all(feature = "insecure-test-rings", not(debug_assertions)))]
compile_error!("insecure rings are for tests, which run with debug assertions");

pub mod ciphertext;
pub mod encoding;
pub mod evaluation_key;
pub mod keys;
pub mod parameters;
pub mod product;
pub mod response;
pub mod security;
pub mod wire;
