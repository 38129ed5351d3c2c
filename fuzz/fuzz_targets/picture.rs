//! The decoder of photos: PNG, JPEG, WebP, BMP and GIF files from anywhere.
//!
//! The limit of memory is low and the sides are short, so that what is tried often is the decoder, not
//! the resampling of pictures; the path is the same.
#![no_main]

use blindsight_model::picture::{Preview, Sides};
use libfuzzer_sys::fuzz_target;

const DECODED_BYTES: u64 = 1 << 16;
const SIDES: Sides = Sides { network: 8, shown: 16 };

// A panic within a decoder is caught, and no finding; only one that comes out is.
fuzz_target!(init: std::panic::set_hook(Box::new(|panic| eprintln!("{panic}"))), |data: &[u8]| {
    match Preview::decode(data, SIDES, DECODED_BYTES) {
        Ok(preview) => {
            assert!((1..=SIDES.shown).contains(&preview.side));
            assert!(preview.picture.len() == 3 * SIDES.network * SIDES.network);
            assert!(preview.rgb.len() == 3 * (preview.side * preview.side) as usize);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
