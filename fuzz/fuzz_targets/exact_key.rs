//! The reader of the key for exact answers, all of its pieces: what a server reads of a stranger.
#![no_main]

use blindsight_exact::{KeyPiece, SeededPiece};
use blindsight_fuzz::{EXACT_SET, wire_target};

wire_target!(|data| {
    let mut read = KeyPiece::all(&EXACT_SET).filter_map(|piece| {
        let read = SeededPiece::from_bytes(&EXACT_SET, piece, data);
        read.ok().map(|object| object.to_bytes(&EXACT_SET))
    });
    let first = read.next();
    assert!(read.next().is_none(), "an object is two pieces");
    first
});
