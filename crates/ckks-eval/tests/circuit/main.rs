//! Homomorphic operations on real ciphertexts: right results, and the noise that theory predicts.
//!
//! One program, so that all tests share one set of keys.

#![cfg(test)]

mod arithmetic;
mod bootstrap;
mod fixture;
mod key_switch;
mod linear_transform;
mod polynomial;
mod theory;
