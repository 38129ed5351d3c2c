mod hostile;
mod label;
mod mutations;
mod signs;

use blindsight_ckks::encoding::Complex64;

use crate::testing::{batch_sample, compact, sample, slots};
use crate::{AcceptedContract, Contract, ContractError, Meaning, Policy, Preparation};

/// Through the door.
pub(super) fn parse(contract: &Contract) -> Result<AcceptedContract, ContractError> {
    Contract::parse(&contract.to_bytes(), &Policy::default())
}

#[test]
fn the_sample_is_accepted_and_says_what_it_is() {
    let contract = parse(&sample()).unwrap();
    assert_eq!((contract.id(), contract.title()), ("sample-10", "A sample with ten classes"));
    assert_eq!((contract.classes().len(), contract.keys().len()), (10, 6));
    assert_eq!(contract.input().shape(), [3, 32, 32]);
    assert!(matches!(contract.input().preparation(), Preparation::Picture { .. }));
    assert_eq!((contract.request().slots().unwrap().level(), contract.answer().values()), (4, 10));
    assert_eq!(contract.bundle().keys().count(), 6);
    assert!(contract.request().byte_len(contract.set()) > 300_000);
    assert!(contract.answer().byte_len(contract.set()) > 90_000);
}

#[test]
fn a_contract_without_classes_is_of_an_encoder() {
    let classifier = parse(&sample()).unwrap();
    assert_eq!(classifier.meaning(), &Meaning::Scores { classes: sample().classes });
    for mut contract in [sample(), batch_sample()] {
        let values = contract.classes.len();
        contract.classes.clear();
        let encoder = parse(&contract).unwrap();
        assert_eq!((encoder.meaning(), encoder.answer().values()), (&Meaning::Features, values));
        assert!(encoder.classes().is_empty());
    }
}

#[test]
fn bytes_come_back_and_name_the_contract() {
    let bytes = sample().to_bytes();
    let contract = Contract::parse(&bytes, &Policy::default()).unwrap();
    let read: Contract = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(read, sample());
    assert_eq!(read.to_bytes(), bytes);
    let mut other = sample();
    other.title.push('!');
    assert_ne!(parse(&other).unwrap().fingerprint(), contract.fingerprint());
    let same = parse(&other).unwrap();
    assert!(std::sync::Arc::ptr_eq(same.set(), contract.set()), "one scheme, one set");
}

/// Programs in other languages test with this file. After a change of the sample: write
/// `sample().to_bytes()` to it anew.
#[test]
fn the_file_is_the_sample() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sample.json");
    if std::env::var_os("BLINDSIGHT_WRITE_GOLDEN").is_some() {
        std::fs::write(file, sample().to_bytes()).unwrap();
    }
    assert_eq!(std::fs::read(file).unwrap(), sample().to_bytes());
}

#[test]
fn limits_are_the_policys() {
    let bytes = sample().to_bytes();
    let all = Policy::default();
    let small = [
        Policy { contract_bytes: bytes.len() - 1, ..all },
        Policy { residues: 28 * (1 << 15) - 1, ..all },
        Policy { keys: 5, ..all },
        Policy { key_bytes: 1_000_000, ..all },
        Policy { request_bytes: 300_000, ..all },
        Policy { answer_bytes: 90_000, ..all },
        Policy { input_values: 3 * 32 * 32 - 1, ..all },
        Policy { answer_values: 9, ..all },
    ];
    for policy in small {
        let refused = Contract::parse(&bytes, &policy).unwrap_err();
        let named =
            matches!(refused, ContractError::TooMany { .. } | ContractError::TooLong { .. });
        assert!(named, "{policy:?}: {refused}");
    }
    let contract_bytes = bytes.len();
    assert!(Contract::parse(&bytes, &Policy { contract_bytes, ..all }).is_ok());
}

#[test]
fn values_go_to_their_slots_and_nowhere_else() {
    let contract = parse(&sample()).unwrap();
    let values: Vec<f32> = (0..3 * 32 * 32).map(|i| i as f32 + 1.0).collect();
    let slots = contract.request().slots().unwrap().map().pack(&values).unwrap();
    let at = |channel: usize, row: usize, column: usize| {
        slots[(row * 512 + column * 16 + channel + (1 << 14) - 511) % (1 << 14)]
    };
    let value =
        |channel: usize, row: usize, column: usize| (channel * 1024 + row * 32 + column + 1) as f64;
    for (channel, row, column) in [(0, 0, 0), (1, 7, 5), (2, 31, 31), (2, 0, 31), (0, 31, 0)] {
        assert_eq!(at(channel, row, column), value(channel, row, column));
        let (last, first) = (row == 31, row == 0);
        assert_eq!(
            at(3 + channel, row, column),
            if last { 0.0 } else { value(channel, row, column) }
        );
        assert_eq!(
            at(6 + channel, row, column),
            if first { 0.0 } else { value(channel, row, column) }
        );
        assert_eq!(at(9 + channel, row, column), 0.0);
    }
    let filled = slots.iter().filter(|slot| **slot != 0.0).count();
    assert_eq!(filled, 3 * 32 * (32 + 31 + 31));
    assert!(contract.request().slots().unwrap().map().pack(&values[1..]).is_none());
}

#[test]
fn answers_are_read_from_their_slots() {
    let mut data = sample();
    compact(&mut data).slots.reverse();
    let contract = parse(&data).unwrap();
    let slots: Vec<f64> = (0..16).map(f64::from).collect();
    let values = contract.answer().compact().unwrap().read(&slots).unwrap();
    assert_eq!(values[0], 9.0 * 12.5);
    assert_eq!(values[9], 0.0);
    assert!(contract.answer().compact().unwrap().read(&slots[..9]).is_none());
}

#[test]
fn the_largest_values_fit_at_the_largest_scale() {
    // What the door lets through must not fail later, when that would tell something of the input.
    for level in 1..=19 {
        let mut data = sample();
        slots(&mut data).level = level;
        let set = parse(&sample()).unwrap().set().clone();
        let bits = (set.modulus(level as usize).log2() - 8.0).min(54.0);
        slots(&mut data).scale = (bits - 1e-9).exp2();
        let contract = parse(&data).unwrap();
        let largest = vec![Complex64::new(crate::LARGEST_VALUE, 0.0); set.slots()];
        let coefficients = set.encoder().to_coefficients(&largest);
        let largest = coefficients.iter().fold(0.0_f64, |most, c| most.max(c.abs()));
        let quarter = set.modulus(level as usize).log2() - 2.0;
        assert!(
            (largest * contract.request().slots().unwrap().scale()).log2() <= quarter.min(62.0)
        );
        slots(&mut data).scale = (bits + 1e-9).exp2();
        assert!(matches!(parse(&data), Err(ContractError::Number { .. })));
    }
}
