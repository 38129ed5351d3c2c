//! From a network to a program and its contract.
//!
//! [`compile`] finds the form in which a network can be run encrypted, emits its steps, and writes
//! the contract that a client must know. [`bootstrapped`] carries the residual family at any depth,
//! [`leveled`] any shallow network. Networks end here: the engine runs programs.

pub mod bootstrapped;
mod compile;
mod contract;
mod cost;
mod emit;
mod leveled;
mod noise;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod units;

pub use compile::{CompileError, Compiled, Description, Form, InputRule, check, compile};
pub use leveled::LeveledError;
