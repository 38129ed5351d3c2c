//! The CKKS scheme (Cheon, Kim, Kim and Song 2017) without its secrets.
//!
//! Parameter sets, encoding, ciphertexts, evaluation keys and their wire formats: what client and
//! evaluator share. Nothing here can hold or sample a secret key.

pub mod ciphertext;
pub mod encoding;
pub mod evaluation_key;
pub mod keys;
pub mod parameters;
pub mod response;
pub mod security;
pub mod wire;
