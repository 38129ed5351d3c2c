//! What the tests of all wire formats share.

use std::sync::LazyLock;

use blindsight_ring::sampling::Seed;
use blindsight_ring::{GaloisElement, Ntt, Poly};

use super::ReadError;
use super::frame::{HEADER_BYTES, Header, WireError, Writer};
use crate::ciphertext::{Ciphertext, SeededCiphertext};
use crate::evaluation_key::{SeededKey, uniform};
use crate::keys::{KeyKind, KeyLayout, KeyList, KeySpec};
use crate::parameters::{Literal, Parameters};

pub(super) const SEED: Seed = Seed::from_bytes(*b"seed of the tests of wire format");
pub(super) const SCALE: f64 = 536_870_912.25;

pub(crate) fn set() -> &'static Parameters {
    static SET: LazyLock<Parameters> =
        LazyLock::new(|| Parameters::new(Literal::bootstrapped_2_15()).unwrap());
    &SET
}

/// One key of each kind, at various levels.
pub(crate) fn keys() -> &'static KeyList {
    static KEYS: LazyLock<KeyList> = LazyLock::new(|| {
        let rotation = |steps| GaloisElement::rotation(steps, set().degree());
        let balanced = |level, digits| KeyLayout::balanced(set(), level, digits).unwrap();
        let specs = [
            (KeyKind::DenseToSparse, balanced(1, 1)),
            (KeyKind::SparseToDense(GaloisElement::identity()), KeyLayout::raised(set()).unwrap()),
            (KeyKind::SparseToDense(rotation(512)), KeyLayout::raised(set()).unwrap()),
            (KeyKind::Relinearisation, balanced(16, 2)),
            (KeyKind::Automorphism(rotation(1)), balanced(3, 1)),
            (KeyKind::Automorphism(rotation(1)), balanced(17, 2)),
        ];
        let specs = specs.map(|(kind, layout)| KeySpec::new(set(), kind, layout).unwrap());
        KeyList::new(specs.to_vec()).unwrap()
    });
    &KEYS
}

/// A seeded ciphertext of arbitrary content.
pub(super) fn seeded(level: usize) -> SeededCiphertext {
    SeededCiphertext { c0: content(level), seed: SEED, scale: SCALE }
}

/// A ciphertext of arbitrary content.
pub(crate) fn full(level: usize) -> Ciphertext {
    seeded(level).expand()
}

/// A key of arbitrary content.
pub(super) fn key(spec: &KeySpec) -> SeededKey {
    let basis = spec.basis(set());
    let rows = 0..spec.layout().digits.len();
    SeededKey {
        spec: spec.clone(),
        seed: SEED,
        rows: rows.map(|row| uniform(&basis, &SEED, 100 + row)).collect(),
    }
}

fn content(level: usize) -> Poly<Ntt> {
    uniform(&set().modulus(level), &SEED, 100)
}

/// The frame with some bytes of its payload replaced and the checksum made to fit.
pub(super) fn forged(frame: &[u8], at: usize, bytes: &[u8]) -> Vec<u8> {
    let header = Header::parse(frame).unwrap();
    let mut payload = frame[HEADER_BYTES..].to_vec();
    payload[at..at + bytes.len()].copy_from_slice(bytes);
    let mut writer = Writer::new(header.kind(), header.parameters(), payload.len());
    writer.bytes(&payload);
    writer.finish()
}

/// Checks that a reader refuses a frame that is cut off, goes on, has a flipped bit, or is of
/// another version, kind or parameter set.
pub(super) fn assert_frame_is_checked(frame: &[u8], read: impl Fn(&[u8]) -> Result<(), ReadError>) {
    assert_eq!(read(frame), Ok(()));
    let refusal = |bytes: &[u8]| match read(bytes) {
        Err(ReadError::Frame(error)) => error,
        other => panic!("a frame error, not {other:?}"),
    };
    for length in [0, 3, 50, HEADER_BYTES, frame.len() / 2, frame.len() - 1] {
        let error = refusal(&frame[..length]);
        assert!(matches!(error, WireError::Truncated { .. }), "{length}");
    }
    let longer = [frame, &[0]].concat();
    assert_eq!(refusal(&longer), WireError::Trailing { left: 1 });

    let mut damaged = frame.to_vec();
    for bit in (0..8 * frame.len()).step_by(8 * frame.len() / 50 + 1) {
        damaged[bit / 8] ^= 1 << (bit % 8);
        refusal(&damaged);
        damaged[bit / 8] ^= 1 << (bit % 8);
    }
    assert_eq!(damaged, frame);

    let changed = |at: usize| {
        let mut changed = frame.to_vec();
        changed[at] ^= 4;
        refusal(&changed)
    };
    assert!(matches!(changed(4), WireError::Version { found: 6 }));
    assert!(matches!(changed(6), WireError::Kind { .. } | WireError::UnknownKind { .. }));
    assert!(matches!(changed(7), WireError::Parameters { .. }));
    assert_eq!(changed(frame.len() - 1), WireError::Checksum);
}
