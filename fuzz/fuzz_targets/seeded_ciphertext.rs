//! The reader of fresh ciphertexts: what a server reads of a stranger.
#![no_main]

use blindsight_ckks::ciphertext::SeededCiphertext;
use blindsight_fuzz::{LEVEL, SCALES, SET, wire_target};

wire_target!(|data| {
    let read = SeededCiphertext::from_bytes(&SET, data, LEVEL, SCALES);
    read.ok().map(|object| object.to_bytes(&SET))
});
