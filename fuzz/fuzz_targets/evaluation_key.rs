//! The reader of evaluation keys: what a server reads of a stranger.
#![no_main]

use blindsight_ckks::evaluation_key::SeededKey;
use blindsight_fuzz::{SET, wire_target};

// Key 0 is the smallest.
wire_target!(|data| {
    let read = SeededKey::from_bytes(&SET, 0, data);
    read.ok().map(|object| object.to_bytes(&SET))
});
