//! Blindsight's client for JavaScript: keys, encryption, decryption, pictures.
//!
//! A thin layer over `blindsight-session` and `blindsight-model`. It runs in a worker, one
//! instance for each. What crosses the boundary:
//!
//! - the secret only as [`ClientKeys`], an opaque handle that is wiped on `free()`, whose last traces
//!   [`wipe_stack`] takes away, and as a *sealed
//!   seed*: the seed encrypted under a `CryptoKey` that its owner keeps non-extractable;
//! - what a server says of a model as [`ModelContract`], which exists only once it was checked.
//!   Nothing is compiled in for one scheme or one model;
//! - every failure as an `Error` with a stable `code`; see [`error`]. Inputs are checked before
//!   memory is taken for them. A panic would be a bug; what it leaves is an instance that must be
//!   thrown away, and [`panics::last_panic`] for the report.

mod client_keys;
mod contract;
mod error;
mod hash;
mod input;
mod panics;
mod pictures;
mod seal;
#[cfg(test)]
mod typescript;
mod versions;
mod web_crypto;
mod wipe;

pub use client_keys::ClientKeys;
pub use contract::ModelContract;
pub use error::{ClientError, Code};
pub use hash::StreamingHash;
pub use panics::last_panic;
pub use pictures::{PreparedPicture, prepare_file, prepare_pixels};
pub use versions::versions;
pub use wipe::wipe_stack;
