//! The reader of IDX files: what a person found somewhere.
#![no_main]

use blindsight_model::dataset::idx::{IdxImages, IdxLabels};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(images) = IdxImages::new(data) {
        let promised = images.file_bytes();
        let whole = images.fold(true, |whole, picture| whole & picture.is_ok());
        assert!(!whole || promised == data.len() as u64, "a lying head was believed");
    }
    if let Ok(labels) = IdxLabels::new(data) {
        let _ = labels.last();
    }
});
