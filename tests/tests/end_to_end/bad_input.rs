//! What the evaluator says to bytes that are not what it needs.

use std::sync::LazyLock;

use blindsight_ckks::encoding::Complex64;
use blindsight_ckks::keys::{KeyKind, KeySpec};
use blindsight_ckks::parameters::Parameters;
use blindsight_ckks::wire::ReadError;
use blindsight_ckks::wire::frame::{ObjectKind, WireError};
use blindsight_ckks_client::{ClientSeed, KeyFamily, encrypt};
use blindsight_ckks_eval::{EvalError, KeySet, MissingKey};
use blindsight_engine::{EvaluateError, Model, RequestError, RunError};
use blindsight_tests::client::rng;

use crate::fixture::{client, contract, model, sample};

fn request() -> &'static [u8] {
    static REQUEST: LazyLock<Vec<u8>> =
        LazyLock::new(|| client().request(&sample("08-ship-0.png"), 40));
    &REQUEST
}

/// The smallest key.
fn smallest() -> &'static KeySpec {
    let mut keys = contract().keys().specs().iter();
    keys.find(|spec| spec.kind() == KeyKind::DenseToSparse).unwrap()
}

fn key() -> &'static [u8] {
    static KEY: LazyLock<Vec<u8>> =
        LazyLock::new(|| client().session.evaluation_key(smallest()).unwrap());
    &KEY
}

/// What is wrong with the bytes of a request. Nothing is computed: there are no keys.
fn request_error(bytes: &[u8]) -> ReadError {
    match model().evaluate(&KeySet::default(), bytes, &mut ()) {
        Err(EvaluateError::Read(RequestError::Scheme(error))) => error,
        other => panic!("not a read error: {other:?}"),
    }
}

/// What is wrong with the bytes of a key.
fn key_error(spec: &KeySpec, bytes: &[u8]) -> ReadError {
    Model::read_key(contract(), spec, bytes).unwrap_err()
}

fn other_set() -> Parameters {
    let mut literal = contract().set().literal().clone();
    literal.wide_special.pop();
    Parameters::new(literal).unwrap()
}

#[test]
fn truncated_objects() {
    type Read = fn(&[u8]) -> ReadError;
    let objects: [(&[u8], Read); 2] =
        [(request(), request_error), (key(), |bytes| key_error(smallest(), bytes))];
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
                key_error(smallest(), &flipped)
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
        key_error(smallest(), request()),
        WireError::Kind { expected: found, found: expected }.into()
    );
    assert!(matches!(
        request_error(b"GET / HTTP/1.1\r\n\r\n"),
        ReadError::Frame(WireError::NotBlindsight)
    ));

    let other = other_set();
    let family = KeyFamily::new(&other, &ClientSeed::from_bytes(&[42; 32]));
    let (scale, level) = (
        contract().request().slots().unwrap().scale(),
        contract().request().slots().unwrap().level(),
    );
    let foreign = encrypt(&other, family.secret(), &[Complex64::ONE], scale, level, &mut rng(43));
    let (expected, found) = (contract().set().fingerprint(), other.fingerprint());
    let parameters = ReadError::Frame(WireError::Parameters { expected, found });
    assert_eq!(request_error(&foreign.unwrap().to_bytes(&other)), parameters);
    let foreign = family.evaluation_key(&other, smallest()).to_bytes(&other);
    assert_eq!(key_error(smallest(), &foreign), parameters);
}

#[test]
fn requests_at_another_level_or_scale() {
    let set = contract().set();
    let (level, scale) = (
        contract().request().slots().unwrap().level(),
        contract().request().slots().unwrap().scale(),
    );
    let made = |scale, level| {
        let slots = [Complex64::ONE];
        encrypt(set, client().family.secret(), &slots, scale, level, &mut rng(45)).unwrap()
    };
    for found in [2, level - 1, level + 1, set.top_level()] {
        let error = request_error(&made(scale, found).to_bytes(set));
        assert_eq!(error, ReadError::Level { expected: level, found });
    }
    for scale in [1.0, 0.999 * scale, 2.0 * scale] {
        let error = request_error(&made(scale, level).to_bytes(set));
        let named = matches!(error, ReadError::Scale { found, .. } if found == scale);
        assert!(named, "{error}");
    }
}

#[test]
fn other_keys_in_place_of_one() {
    for spec in contract().keys().specs().iter().filter(|spec| *spec != smallest()) {
        assert_eq!(key_error(spec, key()), ReadError::OtherKey);
    }
}

#[test]
fn missing_keys() {
    let error = model().evaluate(&KeySet::default(), request(), &mut ()).unwrap_err();
    let missing = |error: &EvaluateError| match error {
        EvaluateError::Run(RunError::Eval(EvalError::MissingKey(missing))) => Some(*missing),
        _ => None,
    };
    assert!(missing(&error).is_some(), "{error}");

    // All but the relinearisation key: found out in the middle of the first bootstrap.
    let mut keys = KeySet::default();
    for spec in contract().keys().specs() {
        if spec.kind() != KeyKind::Relinearisation {
            let bytes = client().session.evaluation_key(spec).unwrap();
            keys.insert(Model::read_key(contract(), spec, &bytes).unwrap());
        }
    }
    assert!(keys.first_missing(contract().keys()).is_some());
    let error = model().evaluate(&keys, request(), &mut ()).unwrap_err();
    let level = model().steps().unwrap().scheme().circuit().bootstrap().unwrap().levels().chebyshev;
    let expected = MissingKey { kind: KeyKind::Relinearisation, level };
    assert_eq!(missing(&error), Some(expected), "{error}");
}
