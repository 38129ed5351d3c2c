//! What the evaluator says to bytes that are not what it needs.

use std::sync::LazyLock;

use blindsight_ckks::encoding::Complex64;
use blindsight_ckks::keys::KeyKind;
use blindsight_ckks::parameters::Parameters;
use blindsight_ckks::wire::ReadError;
use blindsight_ckks::wire::frame::{ObjectKind, WireError};
use blindsight_ckks_client::{SecretKey, encrypt, generate_key};
use blindsight_ckks_eval::{BootstrapError, KeySet, MissingKey};
use blindsight_evaluator::{Engine, EvaluateError, LoadError};
use blindsight_model::homomorphic::RunError;
use blindsight_model::packing::request_format;

use crate::fixture::{client, engine, rng, sample};

fn request() -> &'static [u8] {
    static REQUEST: LazyLock<Vec<u8>> =
        LazyLock::new(|| client().request(&sample("08-ship-0.png"), 40));
    &REQUEST
}

/// The first and smallest key.
fn key() -> &'static [u8] {
    static KEY: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let set = engine().parameters();
        generate_key(set, &client().secret, 0, &mut rng(41)).to_bytes(set)
    });
    &KEY
}

/// What is wrong with the bytes of a request. Nothing is computed: there are no keys.
fn request_error(bytes: &[u8]) -> ReadError {
    match engine().evaluate(&KeySet::default(), bytes, &mut ()) {
        Err(EvaluateError::Read(error)) => error,
        other => panic!("not a read error: {other:?}"),
    }
}

/// What is wrong with the bytes of a key; no key is kept.
fn key_error(index: usize, bytes: &[u8]) -> ReadError {
    let mut keys = KeySet::default();
    let error = engine().read_key(&mut keys, index, bytes).unwrap_err();
    assert_eq!(keys.byte_len(), 0);
    error
}

fn other_set() -> Parameters {
    let mut literal = engine().parameters().literal().clone();
    literal.fill = 0.4;
    Parameters::new(literal).unwrap()
}

#[test]
fn truncated_objects() {
    type Read = fn(&[u8]) -> ReadError;
    let objects: [(&[u8], Read); 2] =
        [(request(), request_error), (key(), |bytes| key_error(0, bytes))];
    for (bytes, read) in objects {
        for len in [0, 3, 4, 50, 51, 52, 100, bytes.len() / 2, bytes.len() - 1] {
            let error = read(&bytes[..len]);
            let truncated = matches!(error, ReadError::Frame(WireError::Truncated { found, .. }) if found == len);
            assert!(truncated, "{len} bytes: {error}");
        }
        let longer = [bytes, &[0]].concat();
        assert_eq!(read(&longer), ReadError::Frame(WireError::Trailing { left: 1 }));
    }
}

#[test]
fn flipped_bits() {
    for (bytes, step) in [(request(), 5003), (key(), 3001)] {
        // Every byte of the header, and a sample of the payload.
        let places = (0..64).chain((64..bytes.len()).step_by(step));
        for (round, place) in places.enumerate() {
            let mut flipped = bytes.to_vec();
            flipped[place] ^= 1 << (round % 8);
            let error = if bytes.len() == request().len() {
                request_error(&flipped)
            } else {
                key_error(0, &flipped)
            };
            assert!(matches!(error, ReadError::Frame(_)), "byte {place}: {error:?}");
            if place >= 51 {
                assert_eq!(error, ReadError::Frame(WireError::Checksum), "byte {place}");
            }
            assert!(error.to_string().len() > 20, "byte {place}: no sentence: {error}");
        }
    }
}

#[test]
fn objects_of_another_kind_or_parameter_set() {
    let (expected, found) = (ObjectKind::SeededCiphertext, ObjectKind::EvaluationKey);
    assert_eq!(request_error(key()), WireError::Kind { expected, found }.into());
    assert_eq!(
        key_error(0, request()),
        WireError::Kind { expected: found, found: expected }.into()
    );
    assert!(matches!(
        request_error(b"GET / HTTP/1.1\r\n\r\n"),
        ReadError::Frame(WireError::NotBlindsight)
    ));

    let other = other_set();
    let secret = SecretKey::generate(&other, &mut rng(42));
    let format = request_format(&other);
    let slots = [Complex64::ONE];
    let foreign = encrypt(&other, &secret, &slots, format.scale, format.level, &mut rng(43));
    let (expected, found) = (engine().parameters().fingerprint(), other.fingerprint());
    let parameters = ReadError::Frame(WireError::Parameters { expected, found });
    assert_eq!(request_error(&foreign.unwrap().to_bytes(&other)), parameters);
    let foreign = generate_key(&other, &secret, 0, &mut rng(44)).to_bytes(&other);
    assert_eq!(key_error(0, &foreign), parameters);
}

#[test]
fn requests_at_another_level_or_scale() {
    let set = engine().parameters();
    let format = request_format(set);
    let made = |scale, level| {
        let slots = [Complex64::ONE];
        encrypt(set, &client().secret, &slots, scale, level, &mut rng(45)).unwrap()
    };
    for found in [2, format.level - 1, format.level + 1, set.chain().len()] {
        let expected = format.level;
        let error = request_error(&made(format.scale, found).to_bytes(set));
        assert_eq!(error, ReadError::Level { expected, found });
    }
    for scale in [1.0, 0.999 * format.scale, 2.0 * format.scale] {
        let error = request_error(&made(scale, format.level).to_bytes(set));
        let named = matches!(error, ReadError::Scale { found, .. } if found == scale);
        assert!(named, "{error}");
    }
    // The network behind the engine checks for itself.
    for (scale, level) in [(format.scale, format.level + 1), (1.0, format.level)] {
        let ciphertext = made(scale, level).expand();
        let error = engine().network().run(&client().keys, ciphertext, &mut ()).unwrap_err();
        let needed = format.level;
        let refused = matches!(error, RunError::Request { needed: n, .. } if n == needed);
        assert!(refused, "{error}");
    }
}

#[test]
fn keys_at_another_place() {
    let count = engine().parameters().keys().len();
    for expected in 1..count {
        assert_eq!(key_error(expected, key()), ReadError::KeyIndex { expected, found: 0 });
    }
    for index in [count, usize::MAX] {
        assert_eq!(key_error(index, key()), ReadError::NoSuchKey { index, count });
    }
}

#[test]
fn missing_keys() {
    let set = engine().parameters();
    let error = engine().evaluate(&KeySet::default(), request(), &mut ()).unwrap_err();
    assert!(matches!(error, EvaluateError::Run(RunError::MissingKey(_))), "{error}");

    // All but the relinearisation key: found out in the middle of the first bootstrap.
    let mut keys = KeySet::default();
    let mut rng = rng(46);
    for (index, spec) in set.keys().iter().enumerate() {
        if spec.kind != KeyKind::Relinearisation {
            let key = generate_key(set, &client().secret, index, &mut rng);
            engine().read_key(&mut keys, index, &key.to_bytes(set)).unwrap();
        }
    }
    assert!(!keys.is_complete(set));
    let error = engine().evaluate(&keys, request(), &mut ()).unwrap_err();
    let missing = MissingKey { kind: KeyKind::Relinearisation, level: set.levels().chebyshev };
    let named = matches!(
        error,
        EvaluateError::Run(RunError::Bootstrap(BootstrapError::MissingKey(found))) if found == missing
    );
    assert!(named, "{error}");
}

#[test]
fn models_that_are_none() {
    let refused = |weights: &[u8], calibration: &[u8]| Engine::load(weights, calibration).err();
    for bytes in [&[][..], &[0; 64], &[0xFF; 64], b"{}"] {
        assert!(matches!(refused(bytes, b"{}"), Some(LoadError::Model(_))), "{bytes:?}");
    }
}
