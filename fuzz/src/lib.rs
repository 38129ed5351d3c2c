//! What the fuzz targets of wire formats share.
//!
//! `just fuzz TARGET` fuzzes one target, `just fuzz-short` all of them; both take the stable
//! compiler. `corpus/` holds small inputs that reach far; what is large `seed_corpus` makes.
//!
//! A target of another kind (pictures, model files) needs none of this: a file in `fuzz_targets`
//! with a plain `fuzz_target!`, and its `[[bin]]` in `Cargo.toml`.

use std::sync::LazyLock;

use blindsight_ckks::keys::{KeyKind, KeyLayout, KeySpec};
use blindsight_ckks::parameters::{Literal, Parameters};
use blindsight_ckks::wire::frame::HEADER_BYTES;
use blindsight_ckks::wire::{ExpectedResponse, ExpectedScale};
use blindsight_contract::{AcceptedContract, Contract, Policy, testing};
use blindsight_exact::{ExactParameters, Literal as ExactLiteral};

/// The parameter set of all targets: the smallest ring keeps inputs short and runs many.
pub static SET: LazyLock<Parameters> = LazyLock::new(|| {
    let literal = Literal {
        log_degree: 12,
        chain: vec![67_084_289, 33_538_049],
        wide_special: Vec::new(),
        narrow_special: vec![2_147_377_153],
        sparse_weight: None,
    };
    Parameters::new(literal).expect("the set is sound")
});

/// The smallest key that there is.
pub static SMALLEST_KEY: LazyLock<KeySpec> = LazyLock::new(|| {
    let layout = KeyLayout::packed(&SET, 1).expect("level 1 has keys");
    KeySpec::new(&SET, KeyKind::Relinearisation, layout).expect("the key is secure")
});

/// The set of exact answers beside it.
pub static EXACT_SET: LazyLock<ExactParameters> = LazyLock::new(|| {
    ExactParameters::new(ExactLiteral::degree_2048(), &SET).expect("the set is sound")
});

/// Contracts of all schemes that seeds have. Whoever leaves the scheme alone shares the tables of these,
/// as long as they are there: making them would take most of the time.
pub static SAMPLES: LazyLock<Vec<AcceptedContract>> = LazyLock::new(|| {
    let engine = blindsight_engine::testing::leveled_contract();
    let all = [testing::sample(), testing::batch_sample(), testing::sign_sample(), engine];
    let read = |contract: &Contract| Contract::parse(&contract.to_bytes(), &Policy::default());
    all.iter().map(|contract| read(contract).expect("samples are contracts")).collect()
});

/// Pixels of a picture for a network of signs: few, which keeps inputs short.
pub const PIXELS: usize = 9;

/// Scores of such a network, each of which has a mask of its own.
pub const SCORES: usize = 1;

/// The level of ciphertexts: the lowest keeps inputs short.
pub const LEVEL: usize = 1;

/// The scales that readers accept.
pub const SCALES: ExpectedScale = ExpectedScale::Between { least: 1.0, most: 1e12 };

/// What the reader of responses expects.
pub const RESPONSE: ExpectedResponse = ExpectedResponse { period: 16, scale: SCALES };

/// A fuzz target for a reader of frames: no panic, and what is accepted is written as the same
/// bytes.
///
/// Takes a function from bytes to what was read, written again, or `None` if it was refused. After
/// three of four mutations the length and the checksum are made to fit: no fuzzer guesses those.
#[macro_export]
macro_rules! wire_target {
    ($read:expr) => {
        libfuzzer_sys::fuzz_target!(|data: &[u8]| {
            let read: fn(&[u8]) -> Option<Vec<u8>> = $read;
            if let Some(written) = read(data) {
                assert!(written == data, "an object has two forms");
            }
        });

        libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
            let size = libfuzzer_sys::fuzzer_mutate(data, size, max_size);
            if seed % 4 != 0 {
                $crate::seal(&mut data[..size]);
            }
            size
        });
    };
}

/// Gives a frame the length and checksum that fit it; leaves alone what is too short for one.
pub fn seal(frame: &mut [u8]) {
    let Some((header, payload)) = frame.split_at_mut_checked(HEADER_BYTES) else {
        return;
    };
    let (covered, checksum) = header.split_at_mut(HEADER_BYTES - 4);
    covered[HEADER_BYTES - 12..].copy_from_slice(&(payload.len() as u64).to_le_bytes());
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(covered);
    hasher.update(payload);
    checksum.copy_from_slice(&hasher.finalize().to_le_bytes());
}
