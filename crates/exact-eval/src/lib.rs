//! The evaluator's side of exact answers: from encrypted scores of CKKS to an encrypted decision.
//!
//! [`ScoreSelection`] takes the scores out of the slots, [`bridge`] takes them to TFHE, [`argmax`],
//! [`lead`] and [`among`] decide by bootstraps, and [`answer`] hides how. [`network`] evaluates networks
//! that are made of such signs throughout. Bootstraps and key switches are TFHE-rs's (`core_crypto`, evaluation alone): nothing here makes, holds or uses a secret.

pub mod among;
pub mod answer;
pub mod argmax;
pub mod bridge;
mod error;
mod key;
pub mod lead;
mod lwe;
pub mod network;
mod rows;
mod scores;
mod signs;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;

pub use answer::Entropy;
pub use error::ExactError;
pub use key::ExactKey;
pub use lwe::Lwe;
pub use network::{NetworkError, SignNetwork};
pub use scores::{ScoreFactor, ScoreLayout, ScoreProducts, ScoreSelection};
