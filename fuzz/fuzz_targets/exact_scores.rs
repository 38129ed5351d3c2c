//! The reader of scores of networks of signs: what a client reads of a server.
#![no_main]

use blindsight_exact::ExactScores;
use blindsight_fuzz::{EXACT_SET, SCORES, wire_target};

wire_target!(|data| {
    let read = ExactScores::from_bytes(&EXACT_SET, SCORES, data);
    read.ok().map(|scores| scores.to_bytes(&EXACT_SET))
});
