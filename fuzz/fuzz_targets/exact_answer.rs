//! The reader of exact answers: what a client reads of a server.
#![no_main]

use blindsight_exact::LabelCiphertext;
use blindsight_fuzz::{EXACT_SET, wire_target};

wire_target!(|data| {
    let read = LabelCiphertext::from_bytes(&EXACT_SET, data);
    read.ok().map(|object| object.to_bytes(&EXACT_SET))
});
