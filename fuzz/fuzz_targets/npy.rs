//! The reader of NumPy arrays: what a person found somewhere.
#![no_main]

use blindsight_model::dataset::npy::NpyPictures;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(pictures) = NpyPictures::new(data) {
        let promised = pictures.file_bytes();
        let whole = pictures.fold(true, |whole, picture| whole & picture.is_ok());
        assert!(!whole || promised == data.len() as u64, "a lying header was believed");
    }
});
