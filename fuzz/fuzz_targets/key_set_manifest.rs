//! The reader of the head of a key set: what a server reads of a stranger.
#![no_main]

use blindsight_ckks::wire::KeySetManifest;
use blindsight_fuzz::{SET, wire_target};

wire_target!(|data| {
    let read = KeySetManifest::from_bytes(&SET, data);
    read.ok().map(|object| object.to_bytes(&SET))
});
