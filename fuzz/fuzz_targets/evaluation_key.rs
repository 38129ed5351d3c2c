//! The reader of evaluation keys: what a server reads of a stranger.
#![no_main]

use blindsight_ckks::evaluation_key::SeededKey;
use blindsight_fuzz::{SET, SMALLEST_KEY, wire_target};

wire_target!(|data| {
    let read = SeededKey::from_bytes(&SET, &SMALLEST_KEY, data);
    read.ok().map(|object| object.to_bytes(&SET))
});
