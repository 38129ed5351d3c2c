//! The reader of what goes before a key for exact answers, and the check of the parameter set that it
//! names: what a server reads of a stranger.
#![no_main]

use blindsight_exact::wire::KeyHead;
use blindsight_fuzz::{SET, wire_target};

wire_target!(|data| {
    let set = KeyHead::from_bytes(data, &SET).ok()?;
    Some(KeyHead::to_bytes(&set, &SET))
});
