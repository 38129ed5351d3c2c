//! Homomorphic circuits: key switching, linear transforms, polynomials, the functional bootstrap.
//!
//! Each circuit says which keys it uses ([`KeyUses`]); which keys a client makes follows from that.

pub mod activation;
mod arithmetic;
pub mod batch;
pub mod bootstrap;
mod context;
mod error;
mod evaluator;
mod extended;
mod key_set;
mod key_switch;
mod key_uses;
pub mod linear_transform;
mod parallel;
mod plaintext;
pub mod polynomial;

pub use arithmetic::{LinearCombination, ProductSum, add};
pub use bootstrap::{BootstrapError, BootstrapParameters, Bootstrapper, Observer, Stage};
pub use context::Context;
pub use error::{EvalError, MissingKey};
pub use evaluator::Evaluator;
pub use key_set::KeySet;
pub use key_uses::{KeyLevels, KeyUses};
pub use plaintext::Plaintext;
