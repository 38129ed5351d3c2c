//! Binary formats of everything that travels.

pub mod frame;
