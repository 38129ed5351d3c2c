//! The client's side of exact answers: everything that holds or samples one of TFHE's secrets.
//!
//! [`ExactFamily`] makes them and the parts of the evaluator's key from the same seed as all other keys
//! of a client, and reads labels. The evaluator never links this crate.
//!
//! A label that was decrypted goes back to the server no more than scores do: see the crate
//! `blindsight-ckks-client`.

mod family;
mod generation;
mod picture;
mod secret;

pub use family::{ExactFamily, FamilyError, Under};
pub use picture::TooManyPixels;
pub use secret::ExactSecret;
