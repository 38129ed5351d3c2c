//! From a network to a program and its contract.
//!
//! [`lowering`] turns a graph and the ranges of its values into blocks of convolution, shortcut and
//! activation; [`packing`] says where feature maps lie in the slots; [`compile`] emits the steps of
//! the encrypted run, and the contract that a client must know. Networks end here: the engine runs
//! programs.

mod activation;
mod block;
mod compile;
mod contract;
mod convolution;
mod emit;
mod forecast;
mod formats;
mod head;
pub mod lowering;
pub mod packing;
#[cfg(test)]
mod testing;

pub use compile::{CompileError, Compiled, Description, InputRule, compile};
