//! A bundle, damaged in one way each: what a service must not be talked into.

use blindsight_ckks_eval::linear_transform::PlanError;
use serde_json::{Value, json};

use super::parts::{
    CONSTANTS_LEN, CONSTANTS_UNPACKED, CONTRACT_LEN, HEADER, PROGRAM_LEN, PROGRAM_UNPACKED, Parts,
    seal,
};
use super::read;
use crate::bundle::{Bundle, BundleError as E, BundleLimits};
use crate::program::ProgramError as P;
use crate::testing::{contract, full, full_request, light_bundle};

type Damage = fn(&mut Vec<u8>);
type Refused = fn(&E) -> bool;

fn assert_refused(what: &str, bytes: &[u8], refused: Refused) {
    let error = read(bytes).map(drop).expect_err(what);
    assert!(refused(&error), "{what}: {error:?}");
    assert!(!error.to_string().is_empty());
}

/// Changes to the bytes. All but the first are sealed again.
const BYTES: &[(&str, Damage, Refused)] = &[
    ("nothing", Vec::clear, |e| matches!(e, E::NotABundle)),
    ("half the letters", |b| b.truncate(4), |e| matches!(e, E::NotABundle)),
    ("other letters", |b| b[3] ^= 32, |e| matches!(e, E::NotABundle)),
    ("letters alone", |b| b.truncate(8), |e| matches!(e, E::Length { found: 8, .. })),
    ("no fingerprint", |b| b.truncate(12), |e| matches!(e, E::Length { found: 12, .. })),
    ("no lengths", |b| b.truncate(44), |e| matches!(e, E::Length { found: 44, .. })),
    ("a header cut off", |b| b.truncate(75), |e| matches!(e, E::Length { found: 75, .. })),
    ("a header alone", |b| b.truncate(76), |e| matches!(e, E::Length { found: 76, .. })),
    ("one byte less", |b| b.truncate(b.len() - 1), |e| matches!(e, E::Length { .. })),
    ("one byte more", |b| b.push(0), |e| matches!(e, E::Length { .. })),
    ("version 0", |b| b[8] = 0, |e| matches!(e, E::Version { found: 0, known: 1 })),
    ("version 2", |b| b[8] = 2, |e| matches!(e, E::Version { found: 2, .. })),
    ("a large version", |b| b[11] = 255, |e| matches!(e, E::Version { .. })),
    ("a contract too short", |b| add(b, CONTRACT_LEN, -1), |e| matches!(e, E::Length { .. })),
    ("a contract too long", |b| add(b, CONTRACT_LEN, 1), |e| matches!(e, E::Length { .. })),
    ("a huge contract", |b| b[44..48].fill(255), |e| matches!(e, E::Length { .. })),
    ("a program too short", |b| add(b, PROGRAM_LEN, -1), |e| matches!(e, E::Length { .. })),
    ("a huge program", |b| b[48..52].fill(255), |e| matches!(e, E::Length { .. })),
    ("constants too short", |b| add(b, CONSTANTS_LEN, -1), |e| matches!(e, E::Length { .. })),
    (
        "constants beyond 64 bits",
        |b| b[52..60].fill(255),
        |e| matches!(e, E::Length { expected: u64::MAX, .. }),
    ),
    (
        "a byte of the contract given to the program",
        |b| (add(b, CONTRACT_LEN, -1), add(b, PROGRAM_LEN, 1)).0,
        |e| matches!(e, E::Contract(_)),
    ),
    (
        "a byte of the program given to the constants",
        |b| (add(b, PROGRAM_LEN, -1), add(b, CONSTANTS_LEN, 1)).0,
        |e| matches!(e, E::Packing("the program")),
    ),
    (
        "a byte of the constants given to the program",
        |b| (add(b, PROGRAM_LEN, 1), add(b, CONSTANTS_LEN, -1)).0,
        |e| matches!(e, E::Packing("the program")),
    ),
    (
        "a program that unpacks to less",
        |b| add(b, PROGRAM_UNPACKED, 1),
        |e| matches!(e, E::Packing("the program")),
    ),
    (
        "a program that unpacks to more",
        |b| add(b, PROGRAM_UNPACKED, -1),
        |e| matches!(e, E::Packing("the program")),
    ),
    (
        "a huge unpacked program",
        |b| b[60..68].fill(255),
        |e| matches!(e, E::TooLarge { what: "the program", found: u64::MAX, .. }),
    ),
    (
        "constants that unpack to less",
        |b| add(b, CONSTANTS_UNPACKED, 4),
        |e| matches!(e, E::Packing("the constants")),
    ),
    (
        "huge unpacked constants",
        |b| b[68..76].fill(255),
        |e| matches!(e, E::TooLarge { what: "the constants", found: u64::MAX, .. }),
    ),
    (
        "something behind the constants",
        |b| {
            b.extend([0; 9]);
            add(b, CONSTANTS_LEN, 9);
        },
        |e| matches!(e, E::Packing("the constants")),
    ),
];

/// Adds to a field of the header.
fn add(bytes: &mut [u8], at: usize, what: i32) {
    let field: &mut [u8; 4] = bytes[at..].first_chunk_mut().unwrap();
    *field = u32::from_le_bytes(*field).wrapping_add_signed(what).to_le_bytes();
}

#[test]
fn damaged_bytes_are_refused() {
    let good = light_bundle("light");
    for (what, change, refused) in BYTES {
        let mut bytes = good.clone();
        change(&mut bytes);
        seal(&mut bytes);
        assert_refused(what, &bytes, *refused);
    }
}

#[test]
fn every_truncation_and_every_flip_is_found() {
    let good = light_bundle("light");
    assert!(read(&good).is_ok());
    for length in 0..good.len() {
        assert!(Bundle::parse(&good[..length], &BundleLimits::default()).is_err());
    }
    for at in (0..good.len()).step_by(10).chain(0..HEADER) {
        let mut bytes = good.clone();
        bytes[at] ^= 1 << (at % 8);
        let refused = Bundle::parse(&bytes, &BundleLimits::default()).map(drop).unwrap_err();
        assert!(at < HEADER || matches!(refused, E::Fingerprint), "{at}: {refused}");
    }
}

type Change = fn(&mut Parts);

/// Changes to what is behind the seal.
const PARTS: &[(&str, Change, Refused)] = &[
    ("no program", |p| p.program = Value::Null, |e| matches!(e, E::Malformed(_))),
    ("a list as program", |p| p.program = json!([]), |e| matches!(e, E::Malformed(_))),
    ("an unknown field", |p| p.program["surprise"] = json!(1), |e| matches!(e, E::Malformed(_))),
    (
        "an unknown field of a step",
        |p| p.program["steps"][0]["surprise"] = json!(1),
        |e| matches!(e, E::Malformed(_)),
    ),
    (
        "an unknown field of an operation",
        |p| p.program["steps"][0]["operation"]["transform"]["surprise"] = json!(1),
        |e| matches!(e, E::Malformed(_)),
    ),
    (
        "an unknown operation",
        |p| p.program["steps"][0]["operation"] = json!({"explode": {"input": 0}}),
        |e| matches!(e, E::Malformed(_)),
    ),
    (
        "a missing field",
        |p| drop(p.program.as_object_mut().unwrap().remove("bootstrap")),
        |e| matches!(e, E::Malformed(_)),
    ),
    (
        "a negative input",
        |p| p.program["steps"][0]["operation"]["transform"]["input"] = json!(-1),
        |e| matches!(e, E::Malformed(_)),
    ),
    (
        "a text as level",
        |p| p.program["transforms"][0]["level"] = json!("5"),
        |e| matches!(e, E::Malformed(_)),
    ),
    (
        "a fraction as level",
        |p| p.program["transforms"][0]["level"] = json!(2.5),
        |e| matches!(e, E::Malformed(_)),
    ),
    (
        "a scale that is no number",
        |p| p.program["transforms"][0]["weight_scale"] = Value::Null,
        |e| matches!(e, E::Malformed(_)),
    ),
    ("no steps", |p| p.program["steps"] = json!([]), |e| matches!(e, E::Program(P::Empty))),
    (
        "a layer beyond all",
        |p| p.program["steps"][2]["layer"] = json!(u64::MAX),
        |e| matches!(e, E::Program(P::Layer { step: 2, .. })),
    ),
    (
        "a rescale upwards",
        |p| p.program["steps"][2]["operation"]["rescale"]["level"] = json!(u64::MAX),
        |e| matches!(e, E::Program(P::Level { step: 2, .. })),
    ),
    (
        "a plaintext one step beyond the constants",
        |p| p.program["plaintexts"][0]["values"] = json!([2, 1_000_000, null]),
        |e| matches!(e, E::Constant),
    ),
    (
        "a reference beyond 64 bits",
        |p| p.program["plaintexts"][0]["values"] = json!([2, u64::MAX, null]),
        |e| matches!(e, E::Constant),
    ),
    (
        "imaginary parts beyond 64 bits",
        |p| p.program["plaintexts"][0]["values"] = json!([2, null, u64::MAX - 1]),
        |e| matches!(e, E::Constant),
    ),
    (
        "a long vector of zeros",
        |p| p.program["plaintexts"][0]["values"] = json!([u64::MAX, null, null]),
        |e| matches!(e, E::Constant),
    ),
    (
        "a vector without values",
        |p| p.program["plaintexts"][0]["values"] = json!([0, null, null]),
        |e| matches!(e, E::Program(P::Plaintext { index: 0 })),
    ),
    (
        "constants that are not numbers",
        |p| p.constants[..4].copy_from_slice(&f32::NAN.to_le_bytes()),
        |e| matches!(e, E::Program(P::Plan { index: 0, source: PlanError::Weights })),
    ),
    (
        "three bytes of a constant",
        |p| p.constants.truncate(p.constants.len() - 1),
        |e| matches!(e, E::Packing("the constants") | E::Constant),
    ),
    (
        "an even exponent",
        |p| p.program["transforms"][0]["nodes"][1] = json!({"step": [0, 4]}),
        |e| matches!(e, E::Number("a rotation")),
    ),
    (
        "an exponent beyond all rings",
        |p| p.program["transforms"][0]["nodes"][1] = json!({"step": [0, 4_294_967_295_u32]}),
        |e| matches!(e, E::Number("a rotation")),
    ),
    (
        "an exponent beyond the ring",
        |p| p.program["transforms"][0]["nodes"][1] = json!({"step": [0, 65_537]}),
        |e| matches!(e, E::Program(P::Key(_))),
    ),
    (
        "an even giant step",
        |p| p.program["transforms"][0]["giant"] = json!(0),
        |e| matches!(e, E::Number("a rotation")),
    ),
    (
        "one coefficient",
        |p| p.program["activations"] = json!([[[0.5, 0.0]]]),
        |e| matches!(e, E::Number("an activation")),
    ),
    (
        "a bootstrap of another chain",
        |p| p.program["bootstrap"]["linear"] = json!(u32::MAX),
        |e| matches!(e, E::Program(P::Bootstrap(_))),
    ),
    (
        "a bootstrap without groups",
        |p| p.program["bootstrap"]["slots_to_coefficients"] = json!([]),
        |e| matches!(e, E::Program(P::Bootstrap(_))),
    ),
    (
        "a contract that is refused",
        |p| p.contract["scheme"]["log2_degree"] = json!(11),
        |e| matches!(e, E::Contract(_)),
    ),
    (
        "a contract with fewer keys",
        |p| p.contract = serde_json::to_value(blindsight_contract::testing::sample()).unwrap(),
        |e| matches!(e, E::Program(_)),
    ),
    (
        "a contract with another answer",
        |p| p.contract["answer"]["scale"] = json!(131_073.0),
        |e| matches!(e, E::Program(P::Answer { level: 1, .. })),
    ),
    (
        "a contract with another request",
        |p| p.contract["request"]["level"] = json!(2),
        |e| matches!(e, E::Program(P::Level { step: 0, actual: 2, needed: 3, .. })),
    ),
    (
        "more memory than declared",
        |p| p.program["loaded_bytes"] = json!(1000),
        |e| matches!(e, E::Memory { declared: 1000, .. }),
    ),
    (
        "thousands of plaintexts of one number",
        |p| {
            let one = json!({"values": [1, null, null], "level": 19, "scale": 1.0});
            p.program["plaintexts"] = Value::Array(vec![one; 10_000]);
        },
        |e| matches!(e, E::Memory { .. }),
    ),
];

#[test]
fn hostile_bundles() {
    let good = Parts::light();
    assert!(read(&good.join()).is_ok(), "what is taken apart can be joined");
    for (what, change, refused) in PARTS {
        let mut parts = good.clone();
        change(&mut parts);
        assert_refused(what, &parts.join(), *refused);
    }
}

#[test]
fn a_program_of_another_contract_is_refused() {
    let mut parts = Parts::light();
    let other = full();
    parts.contract = serde_json::to_value(contract(&other, full_request())).unwrap();
    // The sums of the plaintext have another scale then.
    assert_refused("another contract", &parts.join(), |e| matches!(e, E::Program(_)));
    let mut parts = Parts::light();
    // A key too many.
    let sample = blindsight_contract::testing::sample();
    let keys = parts.contract["keys"].as_array_mut().unwrap();
    keys.push(serde_json::to_value(&sample.keys[sample.keys.len() - 1]).unwrap());
    assert_refused("a key too many", &parts.join(), |e| {
        matches!(e, E::Program(P::Keys) | E::Contract(_))
    });
}

#[test]
fn strange_texts_are_refused() {
    let parts = Parts::light();
    let good = serde_json::to_string(&parts.program).unwrap();
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let twice = good.replacen('{', "{\"steps\":[],", 1);
    let nested = good.replacen("\"steps\":[", &format!("\"steps\":[{deep},"), 1);
    let behind = format!("{good} {{}}");
    for text in [deep, twice, nested, behind, String::new(), good[..good.len() - 1].to_owned()] {
        assert_refused("a text", &parts.join_program(text.as_bytes()), |e| {
            matches!(e, E::Malformed(_))
        });
    }
    let bytes = parts.join_program(&[0xff; 100]);
    assert_refused("no text", &bytes, |e| matches!(e, E::Malformed(_)));
}

#[test]
fn bombs_do_not_go_off() {
    // 256 MB that deflate to 260 kB, declared and not.
    let mut parts = Parts::light();
    parts.constants = vec![0; 256 << 20];
    let mut bytes = parts.join();
    let limits = BundleLimits { constant_bytes: 1 << 20, ..BundleLimits::default() };
    let refused = Bundle::parse(&bytes, &limits).map(drop).unwrap_err();
    assert!(
        matches!(refused, E::TooLarge { what: "the constants", found, .. } if found == 256 << 20)
    );
    bytes[CONSTANTS_UNPACKED..HEADER].copy_from_slice(&64_u64.to_le_bytes());
    seal(&mut bytes);
    assert!(matches!(read(&bytes), Err(E::Packing(_) | E::Constant)));
    let spaces = vec![b' '; 65 << 20];
    let mut bytes = Parts::light().join_program(&spaces);
    let refused = read(&bytes).map(drop).unwrap_err();
    assert!(matches!(refused, E::TooLarge { what: "the program", .. }));
    bytes[PROGRAM_UNPACKED..CONSTANTS_UNPACKED].copy_from_slice(&64_u64.to_le_bytes());
    seal(&mut bytes);
    assert!(matches!(read(&bytes), Err(E::Packing("the program"))));
}

#[test]
fn many_references_to_one_vector_are_too_many() {
    let mut parts = Parts::light();
    // Each stands for a megabyte, and takes a few bytes of the file.
    let mask = json!([1 << 16, null, null]);
    parts.program["transforms"][0]["masks"] = Value::Array(vec![mask; 200_000]);
    assert_refused("masks", &parts.join(), |e| matches!(e, E::Constant));
    let mut parts = Parts::light();
    let term = json!([0, [1 << 14, null, null]]);
    parts.program["transforms"][0]["sums"][0] = Value::Array(vec![term; 200_000]);
    assert_refused("weights", &parts.join(), |e| matches!(e, E::Constant));
}

#[test]
fn limits_are_kept() {
    let bytes = light_bundle("light");
    let all = BundleLimits::default();
    let program = serde_json::to_vec(&Parts::light().program).unwrap().len();
    for limits in [
        BundleLimits { file_bytes: bytes.len() - 1, ..all },
        BundleLimits { program_bytes: program - 1, ..all },
        BundleLimits { constant_bytes: Parts::light().constants.len() - 1, ..all },
    ] {
        let refused = Bundle::parse(&bytes, &limits).map(drop).unwrap_err();
        assert!(matches!(refused, E::TooLarge { .. }), "{refused}");
    }
    assert!(Bundle::parse(&bytes, &BundleLimits { file_bytes: bytes.len(), ..all }).is_ok());
}
