//! The sample, changed in one way each: what a client must not be talked into.

mod batch;

use blindsight_ckks::keys::{KeyError, KeyKind, KeyLayout, KeyList, KeySpec};
use blindsight_ckks::parameters::{Literal, ParameterError, Parameters};
use blindsight_ring::{GaloisElement, PrimeError};

use super::parse;
use crate::testing::{compact, sample, slots};
use crate::{BoxData, Contract, ContractError as E, KeyData, KeyKindData, Policy, PreparationData};

type Change = fn(&mut Contract);
type Refused = fn(&E) -> bool;

/// A key that a contract may have, to be spoilt.
fn key(contract: &mut Contract, kind: KeyKindData) -> &mut KeyData {
    contract.keys.iter_mut().find(|key| key.kind == kind).unwrap()
}

/// Primes that are 1 modulo 2^16, below 2^50 and not in the preset.
fn primes(count: usize, below: u64) -> Vec<u64> {
    let step = 1 << 16;
    let candidates = (1..).map(|k| below - below % step + 1 - k * step);
    let taken = sample().scheme;
    let unused = candidates.filter(|q| {
        !taken.chain.contains(q)
            && !taken.wide_special.contains(q)
            && !taken.narrow_special.contains(q)
            && blindsight_ring::Prime::new(*q, 1 << 15).is_ok()
    });
    unused.take(count).collect()
}

fn preparation(contract: &mut Contract) -> (&mut Vec<f32>, &mut Vec<f32>) {
    match &mut contract.input.preparation {
        PreparationData::Picture { mean, deviation } => (mean, deviation),
        PreparationData::Tensor {} => unreachable!("the sample reads pictures"),
    }
}

const SCHEME: &[(&str, Change, Refused)] = &[
    (
        "a weak degree",
        |c| c.scheme.log2_degree = 10,
        |e| matches!(e, E::Scheme(ParameterError::Degree(10))),
    ),
    (
        "a degree too weak for the chain",
        |c| c.scheme.log2_degree = 14,
        |e| matches!(e, E::Scheme(ParameterError::InsecureChain(_))),
    ),
    (
        "a degree of zero",
        |c| c.scheme.log2_degree = 0,
        |e| matches!(e, E::Scheme(ParameterError::Degree(0))),
    ),
    (
        "a huge degree",
        |c| c.scheme.log2_degree = 30,
        |e| matches!(e, E::TooMany { what: "residues of a polynomial", .. }),
    ),
    (
        "an absurd degree",
        |c| c.scheme.log2_degree = u32::MAX,
        |e| matches!(e, E::TooMany { what: "residues of a polynomial", found: u64::MAX, .. }),
    ),
    (
        "a chain too long",
        |c| c.scheme.chain.extend(primes(7, 1 << 50)),
        |e| matches!(e, E::Scheme(ParameterError::InsecureChain(_))),
    ),
    (
        "a chain of many primes",
        |c| c.scheme.chain = vec![0; 100_000],
        |e| matches!(e, E::TooMany { what: "residues of a polynomial", .. }),
    ),
    (
        "a chain of one prime too many",
        |c| c.scheme.chain = (0..51).collect(),
        |e| matches!(e, E::Scheme(ParameterError::Prime(_))),
    ),
    (
        "no chain",
        |c| c.scheme.chain.clear(),
        |e| matches!(e, E::Scheme(ParameterError::Count { found: 0, .. })),
    ),
    (
        "seventeen special primes",
        |c| c.scheme.wide_special = primes(17, 1 << 50),
        |e| matches!(e, E::Scheme(ParameterError::Count { found: 17, .. })),
    ),
    (
        "a repeated prime",
        |c| c.scheme.chain[4] = c.scheme.chain[3],
        |e| matches!(e, E::Scheme(ParameterError::RepeatedPrime(1_179_649))),
    ),
    (
        "a special prime of the chain",
        |c| c.scheme.narrow_special[0] = c.scheme.chain[9],
        |e| matches!(e, E::Scheme(ParameterError::RepeatedPrime(_))),
    ),
    (
        "a composite modulus",
        |c| c.scheme.chain[2] = (1 << 16) * 15 + 1,
        |e| matches!(e, E::Scheme(ParameterError::Prime(PrimeError::NotNttFriendly(_)))),
    ),
    (
        "a prime without the ring's roots",
        |c| c.scheme.chain[2] = 7_340_009,
        |e| matches!(e, E::Scheme(ParameterError::Prime(PrimeError::NotNttFriendly(_)))),
    ),
    (
        "a modulus of zero",
        |c| c.scheme.chain[2] = 0,
        |e| matches!(e, E::Scheme(ParameterError::Prime(PrimeError::Size(0)))),
    ),
    (
        "a modulus of 64 bits",
        |c| c.scheme.chain[2] = u64::MAX,
        |e| matches!(e, E::Scheme(ParameterError::Prime(PrimeError::Size(u64::MAX)))),
    ),
    (
        "a special prime of the wrong width",
        |c| c.scheme.narrow_special = primes(1, 1 << 40),
        |e| matches!(e, E::Scheme(ParameterError::SpecialWidth(_))),
    ),
    (
        "a sparse secret too sparse",
        |c| c.scheme.sparse_weight = Some(20),
        |e| matches!(e, E::Scheme(ParameterError::InsecureSparse(_))),
    ),
    (
        "a sparse secret of nothing",
        |c| c.scheme.sparse_weight = Some(0),
        |e| matches!(e, E::Scheme(ParameterError::InsecureSparse(_))),
    ),
    (
        "a sparse secret heavier than the ring",
        |c| c.scheme.sparse_weight = Some(u32::MAX),
        |e| matches!(e, E::Scheme(ParameterError::SparseWeight { .. })),
    ),
    (
        "keys of a sparse secret that is none",
        |c| c.scheme.sparse_weight = None,
        |e| matches!(e, E::Key { source: KeyError::NoSparseSecret, .. }),
    ),
];

const KEYS: &[(&str, Change, Refused)] = &[
    (
        "a key above its security row",
        |c| {
            // 539 bits of chain and 374 of special primes.
            let all = [c.scheme.wide_special.len() as u32, c.scheme.narrow_special.len() as u32];
            let key = key(c, KeyKindData::Relinearisation);
            (key.level, key.digits, key.special) = (19, vec![10, 19], all);
        },
        |e| matches!(e, E::Key { source: KeyError::Insecure { level: 19, .. }, .. }),
    ),
    (
        "a key in the margin below its security row",
        |c| {
            // 539 bits of chain and 312 of special primes: below 868, above 824.6.
            let key = key(c, KeyKindData::Relinearisation);
            (key.level, key.digits, key.special) = (19, vec![10, 19], [5, 2]);
        },
        |e| matches!(e, E::Key { source: KeyError::Insecure { level: 19, .. }, .. }),
    ),
    (
        "a key under the sparse secret above level 1",
        |c| {
            let key = key(c, KeyKindData::DenseToSparse);
            (key.level, key.digits) = (2, vec![2]);
        },
        |e| matches!(e, E::Key { source: KeyError::SparseLevel { level: 2 }, .. }),
    ),
    (
        "a key under the sparse secret with large special primes",
        |c| key(c, KeyKindData::DenseToSparse).special = [2, 0],
        |e| matches!(e, E::Key { source: KeyError::Insecure { level: 1, .. }, .. }),
    ),
    (
        "a key out of the raised modulus at a lower level",
        |c| {
            let key = key(c, KeyKindData::SparseToDense);
            (key.level, key.digits) = (18, vec![18]);
        },
        |e| matches!(e, E::Key { source: KeyError::RaisedLevel { level: 18 }, .. }),
    ),
    (
        "a key out of the raised modulus in two digits",
        |c| key(c, KeyKindData::SparseToDense).digits = vec![9, 19],
        |e| matches!(e, E::Key { source: KeyError::RaisedLevel { level: 19 }, .. }),
    ),
    (
        "a repeated key",
        |c| c.keys.insert(0, c.keys[0].clone()),
        |e| matches!(e, E::Keys(KeyError::Repeated)),
    ),
    ("keys in another order", |c| c.keys.swap(0, 1), |e| matches!(e, E::KeyOrder { index: 0 })),
    (
        "too many keys",
        |c| c.keys = vec![c.keys[0].clone(); 257],
        |e| matches!(e, E::TooMany { what: "evaluation keys", found: 257, most: 256 }),
    ),
    (
        "too many bytes of keys",
        |c| {
            let set = Parameters::new(Literal::bootstrapped_2_15()).unwrap();
            let layout = KeyLayout::balanced(&set, 17, 2).unwrap();
            let specs = (1..=64).map(|steps| {
                let kind = KeyKind::Automorphism(GaloisElement::rotation(steps, set.degree()));
                KeySpec::new(&set, kind, layout.clone()).unwrap()
            });
            let list = KeyList::new(specs.collect()).unwrap();
            c.keys = list.specs().iter().map(KeyData::of).collect();
        },
        |e| matches!(e, E::TooMany { what: "bytes of evaluation keys", .. }),
    ),
    (
        "a level that does not exist",
        |c| key(c, KeyKindData::Relinearisation).level = 20,
        |e| matches!(e, E::Key { source: KeyError::NoSuchLevel { level: 20, .. }, .. }),
    ),
    (
        "a key at level 0",
        |c| key(c, KeyKindData::Relinearisation).level = 0,
        |e| matches!(e, E::Key { source: KeyError::NoSuchLevel { level: 0, .. }, .. }),
    ),
    (
        "digits that overlap",
        |c| key(c, KeyKindData::Relinearisation).digits = vec![3, 2, 6],
        |e| matches!(e, E::Key { source: KeyError::Digits { level: 6 }, .. }),
    ),
    (
        "digits that do not cover",
        |c| key(c, KeyKindData::Relinearisation).digits = vec![2, 4],
        |e| matches!(e, E::Key { source: KeyError::Digits { level: 6 }, .. }),
    ),
    (
        "digits beyond the level",
        |c| key(c, KeyKindData::Relinearisation).digits = vec![6, 9],
        |e| matches!(e, E::Key { source: KeyError::Digits { level: 6 }, .. }),
    ),
    (
        "an empty digit",
        |c| key(c, KeyKindData::Relinearisation).digits = vec![3, 3, 6],
        |e| matches!(e, E::Key { source: KeyError::Digits { level: 6 }, .. }),
    ),
    (
        "no digits",
        |c| key(c, KeyKindData::Relinearisation).digits.clear(),
        |e| matches!(e, E::Key { source: KeyError::Digits { level: 6 }, .. }),
    ),
    (
        "many digits",
        |c| key(c, KeyKindData::Relinearisation).digits = vec![1; 100_000],
        |e| matches!(e, E::Key { source: KeyError::Digits { level: 6 }, .. }),
    ),
    (
        "too few special primes",
        |c| key(c, KeyKindData::Relinearisation).special = [0, 1],
        |e| matches!(e, E::Key { source: KeyError::SmallSpecial { .. }, .. }),
    ),
    (
        "special primes that do not exist",
        |c| key(c, KeyKindData::Relinearisation).special = [6, u32::MAX],
        |e| matches!(e, E::Key { source: KeyError::NoSuchSpecial { .. }, .. }),
    ),
    (
        "an absurd exponent",
        |c| key(c, KeyKindData::Automorphism).exponent = u32::MAX,
        |e| matches!(e, E::Exponent { exponent: u32::MAX, .. }),
    ),
    (
        "an even exponent",
        |c| key(c, KeyKindData::Automorphism).exponent = 4,
        |e| matches!(e, E::Exponent { exponent: 4, .. }),
    ),
    (
        "a switch by the identity",
        |c| key(c, KeyKindData::Automorphism).exponent = 1,
        |e| matches!(e, E::Key { source: KeyError::Exponent { exponent: 1 }, .. }),
    ),
    (
        "an automorphism of what has none",
        |c| key(c, KeyKindData::Relinearisation).exponent = 5,
        |e| matches!(e, E::Exponent { exponent: 5, .. }),
    ),
];

fn one_box(contract: &mut Contract) -> &mut BoxData {
    slots(contract).slots.truncate(1);
    &mut slots(contract).slots[0]
}

const REQUEST: &[(&str, Change, Refused)] = &[
    (
        "a request at level 0",
        |c| slots(c).level = 0,
        |e| matches!(e, E::Number { field: "the level of requests", .. }),
    ),
    (
        "a request above the chain",
        |c| slots(c).level = 20,
        |e| matches!(e, E::Number { field: "the level of requests", .. }),
    ),
    (
        "a scale that overflows the level",
        |c| slots(c).scale = 84_f64.exp2(),
        |e| matches!(e, E::Number { field: "the scale of requests", .. }),
    ),
    (
        "a scale beyond whole numbers of 64 bits",
        |c| (slots(c).level, slots(c).scale) = (19, 55_f64.exp2()),
        |e| matches!(e, E::Number { field: "the scale of requests", .. }),
    ),
    (
        "a scale of zero",
        |c| slots(c).scale = 0.0,
        |e| matches!(e, E::Number { field: "the scale of requests", .. }),
    ),
    (
        "a negative scale",
        |c| slots(c).scale = -1e9,
        |e| matches!(e, E::Number { field: "the scale of requests", .. }),
    ),
    ("a scale that is no number", |c| slots(c).scale = f64::NAN, |e| matches!(e, E::Malformed(_))),
    (
        "two values in one slot",
        |c| slots(c).slots[1].slot = slots(c).slots[0].slot,
        |e| matches!(e, E::SlotTwice { index: 1, .. }),
    ),
    (
        "a box that meets itself",
        |c| one_box(c).strides = [0, 512, 16],
        |e| matches!(e, E::SlotTwice { index: 0, .. }),
    ),
    (
        "a box given twice",
        |c| slots(c).slots.extend_from_within(..1),
        |e| matches!(e, E::SlotTwice { index: 3, .. }),
    ),
    (
        "a value that is lost",
        |c| one_box(c).extent = [3, 31, 32],
        |e| matches!(e, E::ValueLost { value: 992 }),
    ),
    (
        "no slots at all",
        |c| slots(c).slots = Vec::new(),
        |e| matches!(e, E::ValueLost { value: 0 }),
    ),
    ("a box outside", |c| one_box(c).from = [0, 1, 0], |e| matches!(e, E::BoxOutside { index: 0 })),
    (
        "a box far outside",
        |c| one_box(c).from = [u32::MAX; 3],
        |e| matches!(e, E::BoxOutside { index: 0 }),
    ),
    (
        "an empty box",
        |c| one_box(c).extent = [3, 0, 32],
        |e| matches!(e, E::BoxOutside { index: 0 }),
    ),
    (
        "huge extents",
        |c| one_box(c).extent = [u32::MAX; 3],
        |e| matches!(e, E::BoxOutside { index: 0 }),
    ),
    (
        "huge strides",
        |c| one_box(c).strides = [u32::MAX; 3],
        |e| matches!(e, E::BoxOutside { index: 0 }),
    ),
    (
        "a slot beyond the slots",
        |c| one_box(c).slot = 1 << 14,
        |e| matches!(e, E::BoxOutside { index: 0 }),
    ),
    (
        "more values than slots",
        |c| {
            (c.input.shape, c.input.preparation) = ([1024, 32, 32], PreparationData::Tensor {});
            (one_box(c).extent, one_box(c).strides) = ([1024, 32, 32], [1, 2, 3]);
        },
        |e| matches!(e, E::SlotTwice { .. }),
    ),
    (
        "more boxes than slots",
        |c| {
            let tiny = BoxData { from: [0; 3], extent: [1; 3], slot: 0, strides: [0; 3] };
            slots(c).slots = vec![tiny; (1 << 14) + 1];
        },
        |e| matches!(e, E::TooMany { what: "boxes in a request", .. } | E::TooLong { .. }),
    ),
];

const ANSWER: &[(&str, Change, Refused)] = &[
    (
        "a slot of the answer twice",
        |c| compact(c).slots[3] = 2,
        |e| matches!(e, E::AnswerSlot { value: 3, slot: 2 }),
    ),
    (
        "a slot outside the answer",
        |c| compact(c).slots[3] = 16,
        |e| matches!(e, E::AnswerSlot { value: 3, slot: 16 }),
    ),
    (
        "a period that is no power of two",
        |c| compact(c).period = 12,
        |e| matches!(e, E::Number { field: "the answer's period", .. }),
    ),
    (
        "a period of zero",
        |c| compact(c).period = 0,
        |e| matches!(e, E::Number { field: "the answer's period", .. }),
    ),
    (
        "a period beyond the slots",
        |c| compact(c).period = 1 << 15,
        |e| matches!(e, E::Number { field: "the answer's period", .. }),
    ),
    (
        "an answer's modulus too small",
        |c| compact(c).log2_modulus = 9,
        |e| matches!(e, E::Number { field: "log2 of the answer's modulus", .. }),
    ),
    (
        "an answer's modulus too large",
        |c| compact(c).log2_modulus = 32,
        |e| matches!(e, E::Number { field: "log2 of the answer's modulus", .. }),
    ),
    (
        "an answer's scale above its modulus",
        |c| compact(c).scale = 22_f64.exp2(),
        |e| matches!(e, E::Number { field: "the scale of answers", .. }),
    ),
    (
        "an answer's scale of infinity",
        |c| compact(c).scale = f64::INFINITY,
        |e| matches!(e, E::Malformed(_)),
    ),
    ("a unit that is no number", |c| compact(c).unit = f64::NAN, |e| matches!(e, E::Malformed(_))),
    (
        "a negative unit",
        |c| compact(c).unit = -12.5,
        |e| matches!(e, E::Number { field: "the unit of answers", .. }),
    ),
    (
        "a unit of zero",
        |c| compact(c).unit = 0.0,
        |e| matches!(e, E::Number { field: "the unit of answers", .. }),
    ),
    (
        "an answer of nothing",
        |c| compact(c).slots.clear(),
        |e| matches!(e, E::Number { field: "the number of values in an answer", .. }),
    ),
    (
        "more values than distinct slots",
        |c| compact(c).slots = (0..17).collect(),
        |e| matches!(e, E::TooMany { what: "values in an answer", found: 17, most: 16 }),
    ),
    (
        "more classes than values",
        |c| c.classes.push("more".to_owned()),
        |e| matches!(e, E::Length { field: "the classes", found: 11, expected: 10 }),
    ),
];

const TEXTS: &[(&str, Change, Refused)] = &[
    (
        "a long title",
        |c| c.title = "x".repeat(201),
        |e| matches!(e, E::Text { field: "the title", most: 200 }),
    ),
    ("an empty title", |c| c.title.clear(), |e| matches!(e, E::Text { .. })),
    ("a title of blanks", |c| c.title = " \u{2003}".to_owned(), |e| matches!(e, E::Text { .. })),
    ("a title of two lines", |c| c.title = "a\nb".to_owned(), |e| matches!(e, E::Text { .. })),
    (
        "a title that turns around",
        |c| c.title = "safe\u{202e}efas".to_owned(),
        |e| matches!(e, E::Text { .. }),
    ),
    (
        "a title with an isolate",
        |c| c.title = "a\u{2066}b".to_owned(),
        |e| matches!(e, E::Text { .. }),
    ),
    (
        "a title with another separator",
        |c| c.title = "a\u{2028}b".to_owned(),
        |e| matches!(e, E::Text { .. }),
    ),
    (
        "a class that nobody sees",
        |c| c.classes[3] = "\u{200b}".to_owned(),
        |e| matches!(e, E::Text { field: "the name of a class", .. }),
    ),
    (
        "a class with a bell",
        |c| c.classes[3] = "cat\u{7}".to_owned(),
        |e| matches!(e, E::Text { field: "the name of a class", .. }),
    ),
    (
        "a long class",
        |c| c.classes[3] = "x".repeat(101),
        |e| matches!(e, E::Text { field: "the name of a class", most: 100 }),
    ),
    ("an id with a slash", |c| c.id = "a/b".to_owned(), |e| matches!(e, E::Id)),
    ("an id that climbs", |c| c.id = "..".to_owned(), |e| matches!(e, E::Id)),
    ("an id with capitals", |c| c.id = "Sample".to_owned(), |e| matches!(e, E::Id)),
    ("an empty id", |c| c.id.clear(), |e| matches!(e, E::Id)),
    ("a long id", |c| c.id = "x".repeat(65), |e| matches!(e, E::Id)),
];

const INPUT: &[(&str, Change, Refused)] = &[
    (
        "a huge input",
        |c| c.input.shape = [u32::MAX; 3],
        |e| matches!(e, E::TooMany { what: "input values", found: u64::MAX, .. }),
    ),
    (
        "an input of nothing",
        |c| c.input.shape = [3, 0, 0],
        |e| matches!(e, E::Number { field: "the size of the input", .. }),
    ),
    (
        "a picture of two channels",
        |c| c.input.shape = [2, 32, 32],
        |e| matches!(e, E::Number { field: "the channels of a picture", .. }),
    ),
    (
        "a picture that is no square",
        |c| c.input.shape = [3, 32, 16],
        |e| matches!(e, E::Number { field: "the rows of a picture", .. }),
    ),
    (
        "a deviation of zero",
        |c| preparation(c).1[1] = 0.0,
        |e| matches!(e, E::Number { field: "a deviation", .. }),
    ),
    (
        "a deviation that is no number",
        |c| preparation(c).1[1] = f32::NAN,
        |e| matches!(e, E::Malformed(_)),
    ),
    (
        "a negative deviation",
        |c| preparation(c).1[1] = -0.25,
        |e| matches!(e, E::Number { field: "a deviation", .. }),
    ),
    (
        "a deviation that makes bright pictures fail",
        |c| preparation(c).1[1] = 0.008,
        |e| matches!(e, E::Number { field: "the largest value of a picture", .. }),
    ),
    (
        "a mean that makes every picture fail",
        |c| preparation(c).0[2] = -1000.0,
        |e| matches!(e, E::Number { field: "the largest value of a picture", .. }),
    ),
    (
        "an absurd mean",
        |c| preparation(c).0[2] = 1e30,
        |e| matches!(e, E::Number { field: "a mean", .. }),
    ),
    (
        "too many deviations",
        |c| preparation(c).1.push(0.25),
        |e| matches!(e, E::Length { field: "the deviations", found: 4, expected: 3 }),
    ),
    (
        "too few means",
        |c| preparation(c).0.clear(),
        |e| matches!(e, E::Length { field: "the means", found: 0, expected: 3 }),
    ),
    (
        "a forecast that is no number",
        |c| c.forecast.seconds = f64::NAN,
        |e| matches!(e, E::Malformed(_)),
    ),
    (
        "a negative forecast",
        |c| c.forecast.seconds = -1.0,
        |e| matches!(e, E::Number { field: "the forecast of seconds", .. }),
    ),
    (
        "a forecast of certain failure",
        |c| c.forecast.log2_failure = 3.0,
        |e| matches!(e, E::Number { field: "the forecast of failure", .. }),
    ),
    ("another version", |c| c.blindsight_contract = 2, |e| matches!(e, E::Version { found: 2 })),
];

#[test]
fn hostile_contracts() {
    let cases = [SCHEME, KEYS, REQUEST, ANSWER, TEXTS, INPUT].concat();
    assert!(cases.len() >= 100, "{}", cases.len());
    for (name, change, refused) in cases {
        let mut contract = sample();
        change(&mut contract);
        match parse(&contract) {
            Ok(_) => panic!("{name}: accepted"),
            Err(error) => {
                assert!(refused(&error), "{name}: {error:?}");
                assert!(error.to_string().len() > 10, "{name}: {error}");
            }
        }
    }
}

/// What the types cannot even hold.
#[test]
fn hostile_bytes() {
    let text = String::from_utf8(sample().to_bytes()).unwrap();
    let replaced = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    };
    let nested = "[".repeat(10_000);
    let cases: Vec<(&str, String)> = vec![
        ("nothing", String::new()),
        ("another kind of JSON", "[]".to_owned()),
        ("an unknown field", replaced("{\"blind", "{\"secret\":\"seed\",\"blind")),
        ("an unknown field of a key", replaced("{\"kind\":\"rel", "{\"noise\":0,\"kind\":\"rel")),
        ("an unknown field of the preparation", replaced("\"mean\"", "\"noise\":0,\"mean\"")),
        ("an unknown kind of key", replaced("\"relinearisation\"", "\"secret\"")),
        ("a missing field", replaced("\"log2_modulus\":22,", "")),
        ("no version", replaced("\"blindsight_contract\":1,", "")),
        ("a field twice", replaced("\"level\":4,", "\"level\":4,\"level\":1,")),
        ("the version twice", replaced("{\"blind", "{\"blindsight_contract\":1,\"blind")),
        ("the kind of a preparation twice", replaced("\"mean\"", "\"kind\":\"tensor\",\"mean\"")),
        ("a mean twice", replaced("\"mean\"", "\"mean\":[0,0,0],\"mean\"")),
        ("a number as a text", replaced("\"level\":4", "\"level\":\"4\"")),
        ("a negative number", replaced("\"level\":4", "\"level\":-4")),
        ("a fraction", replaced("\"level\":4", "\"level\":4.5")),
        ("a number beyond all", replaced("\"unit\":12.5", "\"unit\":1e999")),
        ("not a number", replaced("\"unit\":12.5", "\"unit\":NaN")),
        ("nothing where a number is due", replaced("\"unit\":12.5", "\"unit\":null")),
        ("nested deeply", replaced("\"id\":", &format!("\"id\":{nested}"))),
        ("nested deeply in what is unknown", format!("{{\"x\":{nested}")),
        ("cut off", text[..text.len() - 1].to_owned()),
        ("something behind it", format!("{text}{{}}")),
        ("a mark before it", format!("\u{feff}{text}")),
        ("half a surrogate", replaced("\"title\":\"", "\"title\":\"\\ud800")),
    ];
    for (name, bytes) in cases {
        match Contract::parse(bytes.as_bytes(), &Policy::default()) {
            Err(E::Malformed(_)) => {}
            other => panic!("{name}: {other:?}"),
        }
    }
    let mut not_text = text.clone().into_bytes();
    let title = text.find("A sample").unwrap();
    not_text[title] = 0xff;
    let refused = Contract::parse(&not_text, &Policy::default());
    assert!(matches!(refused, Err(E::Malformed(_))));
    let long = format!("{text}{}", " ".repeat(1 << 20));
    let refused = Contract::parse(long.as_bytes(), &Policy::default());
    assert!(matches!(refused, Err(E::TooLong { .. })));
    let later = "{\"blindsight_contract\":7,\"everything\":\"else\"}";
    let refused = Contract::parse(later.as_bytes(), &Policy::default());
    assert!(matches!(refused, Err(E::Version { found: 7 })));
}
