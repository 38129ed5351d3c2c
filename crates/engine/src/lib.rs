//! Runs compiled programs on encrypted requests, from bytes to bytes.
//!
//! A compiled model is one file, a [`Bundle`]: its contract and its [`Program`], under one
//! fingerprint. [`Engine::load`] encodes a bundle's constants and makes a [`Model`] of it, which
//! serves all clients; what belongs to a scheme and its bootstrap is there once for all models. The
//! engine knows neither networks nor HTTP.

mod bundle;
mod engine;
pub mod memory;
mod model;
mod program;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use blindsight_ckks_eval::{KeySet, Observer, Stage};
pub use bundle::{Bundle, BundleError, BundleLimits, LabelContract};
pub use engine::{Engine, LoadError, Scheme};
#[cfg(feature = "exact")]
pub use model::label;
pub use model::{EvaluateError, Model, RequestError, RunError, RunObserver, StepModel};
pub use program::{
    Checked, Circuit, Operation, PlaintextData, PolynomialData, Program, ProgramError, Step, Value,
    ValueType,
};
