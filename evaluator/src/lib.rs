//! The evaluator: runs a network on encrypted pictures for whoever brings evaluation keys.
//!
//! [`Engine`] does it from bytes to bytes; [`server::serve`] does it over HTTP. Nothing here, or in
//! any crate this one links, can hold or sample a secret key.

pub mod capability;
pub mod config;
mod engine;
mod hex;
pub mod http;
pub mod jobs;
pub mod keys;
pub mod memory;
pub mod metrics;
pub mod refusal;
pub mod served;
pub mod server;
pub mod service;
pub mod store;
#[cfg(test)]
mod testing;
pub mod time;
pub mod upkeep;
pub mod uploads;

pub use engine::{Engine, EvaluateError, LoadError};
