//! The sample for batches, changed in one way each.

use super::{Change, Refused, parse};
use crate::testing::{batch_sample, sample, slots};
use crate::{AnswerForm, Contract, ContractError as E, ProductsData};

fn products(contract: &mut Contract) -> &mut ProductsData {
    match &mut contract.answer {
        AnswerForm::Products(products) => products,
        _ => unreachable!("the sample answers to many inputs"),
    }
}

const BATCH: &[(&str, Change, Refused)] = &[
    (
        "no ciphertexts",
        |c| slots(c).ciphertexts = 0,
        |e| matches!(e, E::Number { field: "the ciphertexts of a request", .. }),
    ),
    (
        "more ciphertexts than anybody can send",
        |c| slots(c).ciphertexts = u32::MAX,
        |e| matches!(e, E::TooMany { what: "bytes a request", .. }),
    ),
    (
        "a ciphertext too few",
        |c| slots(c).ciphertexts = 5,
        |e| matches!(e, E::SlotTwice { index: 0, .. }),
    ),
    (
        "no inputs",
        |c| slots(c).inputs = 0,
        |e| matches!(e, E::Number { field: "the inputs of a request", .. }),
    ),
    (
        "more inputs than slots",
        |c| slots(c).inputs = 1025,
        |e| matches!(e, E::TooMany { what: "inputs of a request", .. }),
    ),
    (
        "inputs that reach into the next ciphertext",
        |c| slots(c).slots[0].slot = 1,
        |e| matches!(e, E::BoxOutside { index: 0 }),
    ),
    (
        "inputs that overlap",
        |c| slots(c).slots[0].strides[2] = 512,
        |e| matches!(e, E::BoxOutside { .. } | E::SlotTwice { .. }),
    ),
    (
        "an answer to one of many",
        |c| c.answer = sample().answer,
        |e| matches!(e, E::TooMany { .. } | E::Number { .. } | E::Length { .. }),
    ),
    (
        "no values",
        |c| products(c).values = 0,
        |e| matches!(e, E::Number { field: "the number of values in an answer", .. }),
    ),
    (
        "values without classes",
        |c| products(c).values = 3,
        |e| matches!(e, E::Length { field: "the classes", found: 2, expected: 3 }),
    ),
    (
        "more values than anybody can read",
        |c| products(c).values = u32::MAX,
        |e| matches!(e, E::TooMany { what: "values in an answer", .. }),
    ),
    (
        "no parts",
        |c| products(c).parts = 0,
        |e| matches!(e, E::Number { field: "the parts of an answer", .. }),
    ),
    (
        "too many parts",
        |c| products(c).parts = 17,
        |e| matches!(e, E::Number { field: "the parts of an answer", .. }),
    ),
    (
        "a level that does not exist",
        |c| products(c).level = 2,
        |e| matches!(e, E::Number { field: "the level of answers", .. }),
    ),
    (
        "a modulus that no client composes",
        |c| {
            c.scheme.log2_degree = 14;
            c.scheme.chain = primes_of_a_large_ring(6);
            slots(c).level = 6;
            products(c).level = 6;
        },
        |e| matches!(e, E::Number { field: "log2 of the modulus of answers", .. }),
    ),
    (
        "a scale that no message fits under",
        |c| products(c).scale = 2_f64.powi(46),
        |e| matches!(e, E::Number { field: "the scale of answers", .. }),
    ),
    (
        "a unit of nothing",
        |c| products(c).unit = 0.0,
        |e| matches!(e, E::Number { field: "the unit of answers", .. }),
    ),
    (
        "a prime too many",
        |c| c.scheme.chain.push(70_368_743_755_777),
        |e| matches!(e, E::Scheme(_)),
    ),
];

/// Primes of 46 bits for the ring of degree `2^14`.
fn primes_of_a_large_ring(count: usize) -> Vec<u64> {
    let candidates = (1..).map(|k| (1_u64 << 46) - (k << 15) + 1);
    candidates.filter(|&q| blindsight_ring::Prime::new(q, 1 << 14).is_ok()).take(count).collect()
}

#[test]
fn hostile_batches() {
    for (name, change, refused) in BATCH {
        let mut contract = batch_sample();
        change(&mut contract);
        match parse(&contract) {
            Ok(_) => panic!("{name}: accepted"),
            Err(error) => assert!(refused(&error), "{name}: {error:?}"),
        }
    }
}

#[test]
fn inputs_stand_side_by_side() {
    let contract = parse(&batch_sample()).unwrap();
    assert!(contract.keys().is_empty());
    let request = contract.request().slots().unwrap();
    assert_eq!((request.ciphertexts(), request.inputs()), (6, 1024));
    for inputs in [1, 2, 1024] {
        let values: Vec<f32> = (0..inputs * 6).map(|i| i as f32 + 1.0).collect();
        let packed = request.map().pack(&values).unwrap();
        assert_eq!(packed.len(), 6 * 1024);
        for (place, slot) in packed.iter().enumerate() {
            let (value, input) = (place / 1024, place % 1024);
            // Again and again, where there are fewer than there is room for.
            let expected = (input % inputs) * 6 + value + 1;
            assert_eq!(*slot, expected as f64);
        }
    }
    for wrong in [0, 5, 7, 6 * 1025] {
        assert!(request.map().pack(&vec![0.0; wrong]).is_none());
    }
    let answer = contract.answer().products().unwrap();
    assert_eq!((answer.values(), answer.parts(), answer.level()), (2, 3, 1));
}
