//! End-to-end tests: see the folder `tests` beside this one. Set `BLINDSIGHT_LONG=1` to classify
//! ten pictures instead of one, to kill a hundred times instead of twenty, and for a longer load.
//!
//! What the tests of the service share is here: the evaluator as a process, and a client that
//! speaks HTTP by hand. Everything fails by panicking, because a failure here is a failed test.

#![cfg(unix)]
// Every function of this crate is an assertion.
#![allow(clippy::missing_panics_doc, clippy::panic)]

pub mod api;
pub mod client;
pub mod disk;
pub mod evaluator;
pub mod events;
pub mod figures;
pub mod forge;
pub mod http;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The root of the repository.
pub fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// Whether the long form of the tests is wanted.
pub fn is_long() -> bool {
    std::env::var_os("BLINDSIGHT_LONG").is_some()
}

/// The folder of the profile that the running test was built in: `target/debug`, for one.
pub(crate) fn profile_folder() -> PathBuf {
    let program = std::env::current_exe().expect("a program knows its path");
    // PROFILE/deps/NAME-HASH
    program.ancestors().nth(2).expect("tests lie in the profile's folder deps").to_owned()
}

/// Asks until there is an answer.
///
/// # Panics
/// If there is none within `limit`.
#[track_caller]
pub fn poll<T>(what: &str, limit: Duration, mut ask: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(start.elapsed() < limit, "{what}: not within {limit:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
