//! Contracts that answer with the label alone, and the keys that they want.

use blindsight_ckks::keys::KeyList;
use blindsight_exact::keys::expanded_byte_len;
use blindsight_exact::label::Classes;
use blindsight_exact::{DecisionError, KeyPiece, Lead};

use super::parse;
use crate::testing::{batch_sample, sample};
use crate::{
    AnswerForm, AnswerKind, Contract, ContractError, Key, KeyBundle, LabelData, Meaning, PartError,
    Policy,
};

fn label_data(contract: &mut Contract) -> &mut LabelData {
    match &mut contract.answer {
        AnswerForm::Label(label) => label,
        _ => unreachable!("the answer is a label"),
    }
}

#[test]
fn a_label_alone_is_another_contract_with_more_keys() {
    let scores = parse(&sample()).unwrap();
    let label = parse(&sample().with_label_alone(None)).unwrap();
    assert_eq!((label.id(), label.tells()), ("sample-10.label", AnswerKind::Label));
    assert_eq!(scores.tells(), AnswerKind::Scores);
    assert_eq!(label.classes(), scores.classes());
    assert_eq!(label.keys(), scores.keys());
    assert_eq!(label.answer().byte_len(label.set()), 3_637);
    let more = label.forecast().memory_bytes - scores.forecast().memory_bytes;
    let key = expanded_byte_len(label.bundle().exact().unwrap());
    assert!((key..key + 1_000_000).contains(&more), "{key}, {more}");
    assert!((0.4..0.6).contains(&(label.forecast().seconds - scores.forecast().seconds)));
    let missing = label.bundle().missing([scores.bundle()]);
    assert!(missing.scheme().is_empty());
    assert_eq!((missing.len(), missing.byte_len(label.set())), (15, 22_791_434));
    assert!(scores.bundle().missing([label.bundle()]).is_empty());
}

#[test]
fn weak_sets_and_too_many_classes_are_refused() {
    let refused = |change: &dyn Fn(&mut Contract)| {
        let mut contract = sample().with_label_alone(None);
        change(&mut contract);
        parse(&contract).unwrap_err()
    };
    let weak = refused(&|c| label_data(c).exact.lwe_log2_error = 44);
    assert!(matches!(weak, ContractError::Exact(_)), "{weak}");
    assert!(weak.to_string().contains("less than 128 bits"), "{weak}");
    let weak = refused(&|c| label_data(c).exact.log2_degree = 10);
    assert!(matches!(weak, ContractError::Exact(_)), "{weak}");
    let none = refused(&|c| c.classes.clear());
    assert!(
        matches!(none, ContractError::Decision(DecisionError::Classes(Classes { classes: 0, .. }))),
        "{none}"
    );
    let many = refused(&|c| c.classes = (0..24).map(|i| format!("class {i}")).collect());
    assert!(
        matches!(
            many,
            ContractError::Decision(DecisionError::Classes(Classes { classes: 24, .. }))
        ),
        "{many}"
    );
    let long = refused(&|c| c.id = "a".repeat(65));
    assert!(matches!(long, ContractError::Id), "{long}");
    let large = refused(&|c| {
        label_data(c).exact.bootstrap = [8, 6];
        label_data(c).exact.log2_degree = 12;
    });
    assert!(matches!(large, ContractError::TooMany { .. }), "{large}");
    let policy = Policy { key_bytes: 22_791_433, ..Policy::default() };
    let bytes = sample().with_label_alone(None).to_bytes();
    assert!(matches!(Contract::parse(&bytes, &policy), Err(ContractError::TooMany { .. })));
}

#[test]
fn a_lead_is_another_contract_with_the_same_keys() {
    let alone = parse(&sample().with_label_alone(None)).unwrap();
    let raw = sample().with_label_alone(Some(Lead::new(0.05).unwrap()));
    let lead = parse(&raw).unwrap();
    assert_eq!((lead.id(), lead.tells()), ("sample-10.lead", AnswerKind::LabelWithLead));
    assert_eq!(lead.answer().label().unwrap().lead().map(Lead::get), Some(0.05));
    assert_eq!(lead.bundle(), alone.bundle());
    for wrong in [0.0, -0.1, 1.1] {
        let mut raw = raw.clone();
        label_data(&mut raw).lead = Some(wrong);
        let refused = parse(&raw).unwrap_err();
        let is_lead = matches!(refused, ContractError::Decision(DecisionError::Lead { .. }));
        assert!(is_lead, "{wrong}: {refused}");
    }
    // The words of a contract without a lead are those from before there were leads.
    let text = String::from_utf8(sample().with_label_alone(None).to_bytes()).unwrap();
    assert!(!text.contains("lead"), "{text}");
}

#[test]
fn batches_do_not_answer_with_one_label() {
    let refused = parse(&batch_sample().with_label_alone(None)).unwrap_err();
    assert!(matches!(refused, ContractError::Number { .. }), "{refused}");
}

#[test]
fn encoders_have_no_label() {
    let mut encoder = sample();
    encoder.classes.clear();
    assert_eq!(parse(&encoder).unwrap().meaning(), &Meaning::Features);
    assert!(parse(&encoder.with_label_alone(None)).is_err());
}

#[test]
fn heads_are_read_as_they_were_written() {
    let contract = parse(&sample().with_label_alone(None)).unwrap();
    let set = contract.set();
    let all = contract.bundle();
    let empty = KeyList::default();
    let bundles = [
        all.clone(),
        KeyBundle::new(all.scheme().clone(), None),
        KeyBundle::new(empty.clone(), all.exact().cloned()),
        KeyBundle::new(empty, None),
    ];
    for bundle in &bundles {
        let head = bundle.head(set);
        assert_eq!(KeyBundle::from_head(set, &head).unwrap(), *bundle);
        for end in 0..head.len() {
            // Of a head with both, the first frame alone is a head, too.
            let read = KeyBundle::from_head(set, &head[..end]);
            assert!(read.is_err() || read.unwrap().exact() != bundle.exact(), "{end}");
        }
        for at in 0..head.len() {
            let mut damaged = head.clone();
            damaged[at] ^= 1;
            assert!(KeyBundle::from_head(set, &damaged).is_err(), "{at}");
        }
        assert!(KeyBundle::from_head(set, &[head.as_slice(), &head].concat()).is_err());
    }
    let digests = bundles.map(|bundle| bundle.digest(set));
    assert!((1..4).all(|i| !digests[..i].contains(&digests[i])));
    // As it was before there were labels.
    assert_eq!(digests[1], all.scheme().digest(set));
}

#[test]
fn what_is_missing_is_the_difference() {
    let contract = parse(&sample()).unwrap();
    let specs = contract.keys().specs();
    let part = |from: usize, to: usize| {
        KeyBundle::new(KeyList::new(specs[from..to].to_vec()).unwrap(), None)
    };
    let all = contract.bundle();
    assert_eq!(&all.missing([]), all);
    assert_eq!(all.missing([&part(0, 2)]).scheme().specs(), &specs[2..]);
    assert_eq!(all.missing([&part(3, 6), &part(0, 2)]), part(2, 3));
    assert!(all.missing([&part(0, 4), &part(2, 6)]).is_empty());
}

#[test]
fn parts_have_all_exact_keys_or_none() {
    let contract = parse(&sample().with_label_alone(None)).unwrap();
    let all = contract.bundle();
    let keys: Vec<Key<'_>> = all.keys().collect();
    assert_eq!((all.len(), keys.len()), (21, 21));
    assert_eq!(all.part(&keys).unwrap(), *all);
    assert_eq!(all.part(&keys[6..]).unwrap().scheme().len(), 0);
    assert!(all.part(&keys[..6]).unwrap().exact().is_none());
    assert_eq!(all.part(&keys[1..]).unwrap().len(), 20);
    let refused = all.part(&keys[7..]).unwrap_err();
    assert_eq!(refused, PartError::InPart { found: 14, expected: 15 });
    let twice = [&keys[6..20], &keys[6..7]].concat();
    assert_eq!(all.part(&twice).unwrap_err(), PartError::InPart { found: 15, expected: 15 });
    assert!(matches!(all.part(&[keys[0].clone(), keys[0].clone()]), Err(PartError::Keys(_))));
    let names: std::collections::HashSet<_> = keys.iter().map(Key::name).collect();
    assert_eq!(names.len(), 21);
    assert_eq!(KeyPiece::all(all.exact().unwrap()).count(), 15);
}
