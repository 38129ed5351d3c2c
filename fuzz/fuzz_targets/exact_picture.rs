//! The reader of pictures for networks of signs: what a server reads of a stranger.
#![no_main]

use blindsight_exact::BinaryPicture;
use blindsight_fuzz::{EXACT_SET, PIXELS, wire_target};

wire_target!(|data| {
    let read = BinaryPicture::from_bytes(&EXACT_SET, PIXELS, data);
    read.ok().map(|picture| picture.to_bytes(&EXACT_SET))
});
