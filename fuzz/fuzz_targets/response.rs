//! The reader of answers: what a client reads of a server.
#![no_main]

use blindsight_ckks::response::CompactCiphertext;
use blindsight_fuzz::{RESPONSE, SET, wire_target};

wire_target!(|data| {
    let read = CompactCiphertext::from_bytes(&SET, data, &RESPONSE);
    read.ok().map(|object| object.to_bytes(&SET))
});
