//! The keys that the client's crate pins are those of the models that are served.

#![allow(clippy::unwrap_used, reason = "these are tests, helpers included")]

use std::fs;
use std::path::Path;

use blindsight_engine::{Bundle, BundleLimits};

#[test]
fn every_served_model_needs_the_pinned_keys() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let pinned = crates.join("ckks-client/tests/golden/served_keys.bin");
    for model in ["resnet20", "resnet56"] {
        let bytes = fs::read(crates.join(format!("../models/{model}.bs"))).unwrap();
        let bundle = Bundle::parse(&bytes, &BundleLimits::default()).unwrap();
        let contract = bundle.contract();
        let today = contract.bundle().head(contract.set());
        if std::env::var_os("BLINDSIGHT_WRITE_GOLDEN").is_some() {
            fs::write(&pinned, &today).unwrap();
        }
        assert!(fs::read(&pinned).unwrap() == today, "{model} needs other keys than those pinned");
    }
}
