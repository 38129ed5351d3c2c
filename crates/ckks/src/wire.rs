//! Binary formats of everything that travels.
//!
//! Every object is a [`frame`]: header, checksum, payload. Residues are packed with exactly the
//! bits of their modulus and polynomials stand limb after limb as NTT values, in the order of the
//! transform (bit-reversed; the root of unity is the one that [`blindsight_ring::Prime`] picks, and
//! golden files hold it still). So every object of a parameter set has one length and one form, and
//! a reader refuses every other.
//!
//! | object | payload |
//! |---|---|
//! | seeded ciphertext | level `u16`, scale `f64`, seed (32 bytes), `c0` |
//! | ciphertext | level `u16`, scale `f64`, `c0`, `c1` |
//! | evaluation key | description, seed (32 bytes), one polynomial for each digit |
//! | head of a key set | number of keys `u32`, then for each its description and its length in bytes `u64` |
//! | product ciphertext | level `u16`, scale `f64`, number of parts `u8`, the parts |
//! | response | `log2` of the modulus `u8`, period `u32`, scale `f64`, `c0`, `c1` |
//!
//! A key's description says what it switches between and at which moduli: see
//! [`KeySpec::to_bytes`](crate::keys::KeySpec::to_bytes).

mod ciphertext;
mod expected_scale;
pub mod frame;
mod key;
mod manifest;
mod product;
mod read_error;
mod residues;
mod response;
mod shape;
#[cfg(test)]
pub(crate) mod testing;

pub use expected_scale::ExpectedScale;
pub use manifest::{KeyEntry, KeySetManifest};
pub use read_error::ReadError;
pub use response::ExpectedResponse;
