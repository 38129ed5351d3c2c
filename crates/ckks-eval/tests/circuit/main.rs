//! Homomorphic operations on ciphertexts: right results, and the noise that theory predicts. Most
//! run in a small ring; `real_ring` holds theory and bootstrap against the ring of the product.
//!
//! One program, so that tests share their keys.

#![cfg(test)]

mod arithmetic;
mod bootstrap;
mod digits;
mod fixture;
mod key_switch;
mod key_uses;
mod linear_transform;
mod polynomial;
mod real_ring;
mod rings;
mod theory;
