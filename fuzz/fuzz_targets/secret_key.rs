//! The reader of stored secret keys.
#![no_main]

use blindsight_ckks_client::SecretKey;
use blindsight_fuzz::{SET, wire_target};

wire_target!(|data| {
    let read = SecretKey::from_bytes(&SET, data);
    read.ok().map(|object| object.to_bytes(&SET).to_vec())
});
