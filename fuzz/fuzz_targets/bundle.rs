//! The reader of compiled models: what a service loads of a file that somebody sent.
//!
//! After three of four mutations the fingerprint is made to fit: no fuzzer guesses it.
#![no_main]

use std::sync::LazyLock;

use blindsight_engine::{Bundle, BundleLimits};
use blindsight_fuzz::SAMPLES;
use sha2::{Digest, Sha256};

/// Where the fingerprint ends, and what it covers begins.
const FINGERPRINT_END: usize = 44;

const LIMITS: BundleLimits =
    BundleLimits { file_bytes: 1 << 20, program_bytes: 1 << 20, constant_bytes: 1 << 24 };

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    LazyLock::force(&SAMPLES);
    let Ok(bundle) = Bundle::parse(data, &LIMITS) else {
        return;
    };
    if let Err(error) = bundle.check() {
        assert!(!error.to_string().is_empty());
    }
});

libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let size = libfuzzer_sys::fuzzer_mutate(data, size, max_size);
    if seed % 4 != 0
        && let Some((head, covered)) = data[..size].split_at_mut_checked(FINGERPRINT_END)
    {
        head[FINGERPRINT_END - 32..].copy_from_slice(&Sha256::digest(covered));
    }
    size
});
