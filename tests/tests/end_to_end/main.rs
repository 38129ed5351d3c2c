//! Client and evaluator together, by way of the bytes that travel.
//!
//! One program, so that all tests share the encoded model and one set of keys.

#![cfg(test)]

mod bad_input;
mod cancellation;
mod classification;
mod fixture;
