//! The reader of ciphertexts with both polynomials.
#![no_main]

use blindsight_ckks::ciphertext::Ciphertext;
use blindsight_fuzz::{LEVEL, SCALES, SET, wire_target};

wire_target!(|data| {
    let read = Ciphertext::from_bytes(&SET, data, LEVEL, SCALES);
    read.ok().map(|object| object.to_bytes(&SET))
});
