//! Contracts of networks of signs.

use blindsight_exact::{BinaryPicture, ExactScores, Lead};

use super::parse;
use crate::testing::{batch_sample, sample, sign_sample};
use crate::{
    AnswerForm, AnswerKind, Contract, ContractError as E, ExactData, RequestForm, SignsData,
};

type Change = fn(&mut Contract);
type Refused = fn(&E) -> bool;

fn exact_data(contract: &mut Contract) -> &mut ExactData {
    match &mut contract.answer {
        AnswerForm::Exact(data) => data,
        _ => unreachable!("the answer is under TFHE"),
    }
}

#[test]
fn keys_are_those_of_labels_of_the_scheme() {
    let signs = parse(&sign_sample()).unwrap();
    assert_eq!((signs.tells(), signs.classes().len()), (AnswerKind::Scores, 10));
    let request = signs.request().signs().unwrap();
    assert_eq!((request.signs(), signs.request().inputs()), (784, 1));
    assert_eq!(signs.request().byte_len(signs.set()), BinaryPicture::byte_len(784) as u64);
    let scores = ExactScores::byte_len(request.exact(), 10) as u64;
    assert_eq!(signs.answer().byte_len(signs.set()), scores);
    let label = parse(&sample().with_label_alone(None)).unwrap();
    assert!(signs.bundle().missing([label.bundle()]).is_empty());
    assert_eq!(label.bundle().missing([signs.bundle()]).len(), label.keys().len());
}

#[test]
fn signs_are_those_of_values() {
    let signs = parse(&sign_sample()).unwrap();
    let request = signs.request().signs().unwrap();
    let mut values = vec![-1.0; 784];
    (values[0], values[1], values[783]) = (0.25, 0.0, 64.0);
    let found = request.of(&values).unwrap();
    assert_eq!((found[0], found[1], found[2], found[783]), (true, false, false, true));
    assert!(request.of(&values[1..]).is_none());
}

#[test]
fn a_network_of_signs_may_answer_with_labels_alone() {
    for lead in [None, Some(Lead::new(0.05).unwrap())] {
        let label = sign_sample().with_label_alone(lead);
        assert_eq!(label.forecast.memory_bytes, sign_sample().forecast.memory_bytes);
        let label = parse(&label).unwrap();
        assert!(label.request().signs().is_some());
        assert_eq!(label.bundle(), parse(&sign_sample()).unwrap().bundle());
    }
}

const HOSTILE: &[(&str, Change, Refused)] = &[
    ("signs with an answer of CKKS", |c| c.answer = sample().answer, |e| matches!(e, E::Request)),
    (
        "signs with an answer to batches",
        |c| c.answer = batch_sample().answer,
        |e| matches!(e, E::Scheme(_) | E::Number { .. } | E::Request),
    ),
    ("slots with scores of TFHE", |c| c.request = sample().request, |e| matches!(e, E::Request)),
    ("keys of CKKS", |c| c.keys = sample().keys, |e| matches!(e, E::TooMany { most: 0, .. })),
    (
        "more signs than values",
        |c| c.request = RequestForm::Signs(SignsData { signs: 785 }),
        |e| matches!(e, E::Length { field: "the signs of a request", .. }),
    ),
    (
        "more signs than a sample has coefficients",
        |c| {
            c.input.shape = [1, 1, 2049];
            c.request = RequestForm::Signs(SignsData { signs: 2049 });
        },
        |e| matches!(e, E::TooMany { what: "signs of a request", most: 2048, .. }),
    ),
    ("a weak set", |c| exact_data(c).exact.lwe_log2_error = 44, |e| matches!(e, E::Exact(_))),
    ("no scores", |c| exact_data(c).values = 0, |e| matches!(e, E::Number { .. })),
    ("scores without end", |c| exact_data(c).values = u32::MAX, |e| matches!(e, E::TooMany { .. })),
    ("scores that nobody named", |c| exact_data(c).values = 11, |e| matches!(e, E::Length { .. })),
    ("a unit of zero", |c| exact_data(c).unit = 0.0, |e| matches!(e, E::Number { .. })),
    ("a unit without end", |c| exact_data(c).unit = 1e300, |e| matches!(e, E::Number { .. })),
];

#[test]
fn hostile_contracts_are_refused() {
    for (what, change, refused) in HOSTILE {
        let mut contract = sign_sample();
        change(&mut contract);
        let error = parse(&contract).expect_err(what);
        assert!(refused(&error), "{what}: {error}");
    }
}
