//! The reader of calibrations: no panic, and what is accepted comes back from what is written.
#![no_main]

use blindsight_model::calibration::Calibration;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(calibration) = Calibration::from_json(data) else {
        return;
    };
    let written = calibration.to_json();
    let again = Calibration::from_json(written.as_bytes()).expect("what was written is read");
    assert!(again.to_json() == written, "a calibration changes when it is written");
});
