//! The reader of answers to batches: what a client reads of a server.
#![no_main]

use blindsight_ckks::product::ProductCiphertext;
use blindsight_fuzz::{SCALES, SET, wire_target};

wire_target!(|data| {
    // As many parts as it says, within what may be.
    let parts = data.get(PARTS_AT).map_or(0, |&parts| usize::from(parts) % 4);
    let read = ProductCiphertext::from_bytes(&SET, data, 1, parts, SCALES);
    read.ok().map(|object| object.to_bytes(&SET))
});

/// Where the number of parts stands: after header, level and scale.
const PARTS_AT: usize = 51 + 2 + 8;
