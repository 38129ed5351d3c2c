//! The client's side of the scheme: everything that holds or samples a secret.

pub mod sampling;
