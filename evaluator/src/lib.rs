//! The evaluator: runs compiled models on encrypted inputs for whoever brings evaluation keys.
//!
//! [`blindsight_engine`] does it from bytes to bytes; [`server::serve`] does it over HTTP, for all
//! models of a folder. Nothing here, or in any crate this one links, can hold or sample a secret
//! key.

mod blocking;
pub mod caller;
pub mod capability;
pub mod config;
mod connection;
pub mod credentials;
pub mod disposal;
pub mod fleet;
mod gate;
mod hex;
pub mod http;
pub mod jobs;
pub mod keys;
pub mod lifecycle;
mod limits;
pub mod metrics;
pub mod models;
pub mod orphans;
mod pace;
mod places;
pub mod refusal;
pub mod server;
pub mod service;
pub mod shelf;
pub mod store;
#[cfg(test)]
mod testing;
pub mod time;
pub mod traces;
pub mod upkeep;
pub mod uploads;
