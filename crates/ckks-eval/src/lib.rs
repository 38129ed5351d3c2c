//! Homomorphic circuits: key switching, linear transforms, polynomials, the functional bootstrap.

pub mod activation;
mod arithmetic;
mod bootstrap;
mod dft;
mod evaluator;
pub mod exponential;
mod extended;
mod key_switch;
pub mod linear_transform;
mod parallel;
mod plaintext;
pub mod polynomial;
mod raise;

pub use arithmetic::{LinearCombination, ProductSum, add};
pub use bootstrap::{BootstrapError, Bootstrapper, Observer, Stage};
pub use evaluator::{Context, Evaluator, KeySet, MissingKey};
pub use plaintext::Plaintext;
