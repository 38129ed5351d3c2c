//! A client: one secret, and what can be done with it under contracts.
//!
//! A [`Session`] holds the keys of one scheme. Every model of that scheme is used through it: the
//! contract says which keys, how a request is packed and how an answer is read. What a contract
//! may say has been decided before, by [`Contract::parse`]; nothing here looks at anything else
//! that a server says.
//!
//! [`Contract::parse`]: blindsight_contract::Contract::parse

mod error;
mod prepare;
mod session;
#[cfg(test)]
mod tests;

pub use error::SessionError;
pub use prepare::{PrepareError, prepare};
pub use session::Session;
