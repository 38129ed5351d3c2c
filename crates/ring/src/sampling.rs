//! Public randomness: the uniform halves of keys and ciphertexts, expanded from seeds.
//!
//! [`UniformExpander`] turns a public [`Seed`] into uniform residues, so that 32 bytes travel
//! instead of a polynomial. It is a format: its output is specified, and both sides must agree.
//! Samplers of secrets live with the client.

mod seed;
mod uniform;

pub use seed::Seed;
pub use uniform::{StreamId, UniformExpander};
