//! From a network to a program and its contract.
//!
//! [`compile`] finds the form in which a network can be run encrypted, emits its steps, and writes
//! the contract that a client must know. [`residual`] carries the residual family at any depth,
//! [`general`] any other network; [`batch`] runs chains of layers on many inputs at once; with the feature `exact`, `signs` makes
//! networks of signs for TFHE. Networks end here: the engine runs programs.

mod agreement;
mod batch;
mod compile;
mod contract;
mod cost;
mod emit;
mod general;
mod noise;
mod planner;
pub mod residual;
#[cfg(feature = "exact")]
pub mod signs;
mod simulate;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod trigonometric;
mod units;

pub use batch::BatchRefusal;
pub use compile::{
    Code, CompileError, Compiled, Description, Form, InputRule, check, compile, compile_as,
};
pub use cost::{Machine, count_bootstraps};
pub use general::{Degrees, GeneralError};
pub use planner::{Candidate, Costs, Goal, Way, Wishes};
