//! The evaluator: runs a network on encrypted pictures for whoever brings evaluation keys.
//!
//! Nothing here, or in any crate this one links, can hold or sample a secret key.

mod engine;
pub mod memory;

pub use engine::{Engine, EvaluateError, LoadError};
