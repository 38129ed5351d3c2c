//! The reader of the key for exact answers, all of its parts: what a server reads of a stranger.
#![no_main]

use blindsight_exact::{KeyPart, SeededPart};
use blindsight_fuzz::{EXACT_SET, wire_target};

wire_target!(|data| {
    let mut read = KeyPart::ALL.into_iter().filter_map(|part| {
        SeededPart::from_bytes(&EXACT_SET, part, data)
            .ok()
            .map(|object| object.to_bytes(&EXACT_SET))
    });
    let first = read.next();
    assert!(read.next().is_none(), "an object is two parts");
    first
});
