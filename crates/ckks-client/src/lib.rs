//! The client's side of the scheme: everything that holds or samples a secret.
//!
//! [`KeyFamily`] makes the secret, and the evaluation keys that the server gets, from a [`ClientSeed`]
//! of 32 bytes: any key by itself and always the same. [`encrypt`] takes a picture, [`decrypt_response`] the answer. The evaluator never links
//! this crate.
//!
//! What is decrypted must not go back to the server, nor anything that depends on it: decrypted
//! values of an approximate scheme, seen beside their ciphertexts, reveal the key (Li and
//! Micciancio, ePrint 2020/1533).

mod crt;
mod decrypt;
mod decrypt_product;
mod decrypt_response;
mod encrypt;
#[cfg(feature = "os-entropy")]
mod entropy;
mod key_family;
mod key_generation;
pub mod parallel;
pub mod sampling;
mod secret;
mod secret_poly;
mod secret_slots;
mod seed;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod timing;

pub use decrypt::{decrypt, decrypt_coefficients};
pub use decrypt_product::decrypt_product;
pub use decrypt_response::decrypt_response;
pub use encrypt::{EncryptError, encrypt, encrypt_all};
#[cfg(feature = "os-entropy")]
pub use entropy::EntropyError;
pub use key_family::{GENERATION_VERSION, KeyFamily};
pub use sampling::SecretRng;
pub use secret::SecretKey;
pub use secret_poly::SecretPoly;
pub use secret_slots::SecretSlots;
pub use seed::ClientSeed;
