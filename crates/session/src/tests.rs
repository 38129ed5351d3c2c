use blindsight_ckks::ciphertext::SeededCiphertext;
use blindsight_ckks::encoding::Complex64;
use blindsight_ckks::evaluation_key::SeededKey;
use blindsight_ckks::keys::{KeyKind, KeyLayout, KeyList, KeySpec};
use blindsight_ckks::parameters::{Literal, Parameters};
use blindsight_ckks::response::CompactCiphertext;
use blindsight_ckks::wire::ExpectedScale;
use blindsight_ckks_client::{ClientSeed, KeyFamily, SecretRng, decrypt, encrypt};
use blindsight_contract::testing::{sample, sign_sample, slots};
use blindsight_contract::{
    AcceptedContract, Contract, Key, KeyBundle, Policy, PreparationData, SchemeData,
};
use blindsight_exact::label::LABEL_BITS;
use blindsight_exact::{ExactScores, LabelCiphertext, Lead, SeededPiece};

use crate::{PrepareError, Session, SessionError, prepare};

fn accepted(change: impl FnOnce(&mut Contract)) -> AcceptedContract {
    let mut contract = sample();
    change(&mut contract);
    Contract::parse(&contract.to_bytes(), &Policy::default()).unwrap()
}

fn seed() -> ClientSeed {
    ClientSeed::from_bytes(&[5; 32])
}

fn rng(seed: u8) -> SecretRng {
    SecretRng::from_key(&[seed; 32])
}

/// The same model in a smaller scheme: another ring, and one key.
fn other_scheme() -> AcceptedContract {
    accepted(|contract| {
        let preset = Literal::bootstrapped_2_15();
        let literal = Literal {
            log_degree: 14,
            chain: preset.chain[..6].to_vec(),
            wide_special: Vec::new(),
            sparse_weight: None,
            ..preset
        };
        contract.scheme = SchemeData::of(&literal);
        let set = Parameters::new(literal).unwrap();
        let layout = KeyLayout::balanced(&set, 2, 1).unwrap();
        let spec = KeySpec::new(&set, KeyKind::Relinearisation, layout).unwrap();
        contract.keys = vec![blindsight_contract::KeyData::of(&spec)];
        slots(contract).slots.truncate(1);
        slots(contract).slots[0].slot = 0;
        // 8192 slots: rows of 32 pixels with 8 slots each.
        slots(contract).slots[0].strides = [1, 256, 8];
    })
}

#[test]
fn a_request_holds_the_slots() {
    for contract in [accepted(|_| ()), other_scheme()] {
        let session = Session::new(&contract, &seed());
        let values: Vec<f32> = (0..3072).map(|i| (i % 129) as f32 - 64.0).collect();
        let request = session.encrypt(&contract, &values, &mut rng(1)).unwrap();
        let set = contract.set();
        assert_eq!(request.len() as u64, contract.request().byte_len(set));
        let scale = ExpectedScale::Exactly(contract.request().slots().unwrap().scale());
        let level = contract.request().slots().unwrap().level();
        let read = SeededCiphertext::from_bytes(set, &request, level, scale).unwrap();
        let family = KeyFamily::new(set, &seed());
        let slots = decrypt(set, family.secret(), &read.expand());
        for (slot, value) in
            slots.iter().zip(contract.request().slots().unwrap().map().pack(&values).unwrap())
        {
            assert!((slot.re - value).abs() < 1e-4, "{slot} is not {value}");
        }
        let again = session.encrypt(&contract, &values, &mut rng(2)).unwrap();
        assert_ne!(request, again);
    }
}

/// An answer that a server with the right slots would give.
fn answer(contract: &AcceptedContract, log2_modulus: u32, period: usize) -> Vec<u8> {
    let set = contract.set();
    let base = set.prime(1);
    let family = KeyFamily::new(set, &seed());
    let slots: Vec<Complex64> =
        (0..period).map(|slot| Complex64::new((slot as f64 - 4.0) / 8.0, 0.0)).collect();
    let scale = contract.answer().compact().unwrap().expected().scale;
    let ExpectedScale::Exactly(scale) = scale else { unreachable!("a contract has one scale") };
    let scale = scale * base / f64::from(1_u32 << log2_modulus);
    let fresh = encrypt(set, family.secret(), &slots, scale, 1, &mut rng(3)).unwrap();
    let compact = CompactCiphertext::from_base_level(set, &fresh.expand(), log2_modulus, period);
    compact.unwrap().to_bytes(set)
}

#[test]
fn an_answer_becomes_values() {
    let contract = accepted(|_| ());
    let session = Session::new(&contract, &seed());
    let bytes = answer(&contract, 22, 16);
    assert_eq!(bytes.len() as u64, contract.answer().byte_len(contract.set()));
    let values = session.decrypt(&contract, &bytes).unwrap();
    assert_eq!(values.len(), 10);
    for (index, value) in values.iter().enumerate() {
        let expected = (index as f64 - 4.0) / 8.0 * 12.5;
        // 43 units of rounding in each of 32 coefficients, in units of 12.5 / 2^17.
        let bound = 6.0 * 43.0 * 32_f64.sqrt() / 131_072.0 * 12.5;
        assert!((value - expected).abs() < bound, "{value} is not {expected}");
    }
}

#[test]
fn hostile_answers_are_refused_or_finite() {
    let contract = accepted(|_| ());
    let session = Session::new(&contract, &seed());
    let good = answer(&contract, 22, 16);
    let refused = |bytes: &[u8]| session.decrypt(&contract, bytes).unwrap_err();
    for bytes in [&[][..], b"BSGT", &[0; 90_000], &good[..good.len() - 1]] {
        assert!(matches!(refused(bytes), SessionError::Answer(_)));
    }
    assert!(matches!(refused(&[&good[..], &[0]].concat()), SessionError::Answer(_)));
    let other = SessionError::AnswerModulus { found: 20, expected: 22 };
    assert_eq!(refused(&answer(&contract, 20, 16)), other);
    assert!(matches!(refused(&answer(&contract, 22, 32)), SessionError::Answer(_)));
    // Damaged anywhere, mostly found by the checksum, never a panic.
    for at in (0..good.len()).step_by(997) {
        let mut bytes = good.clone();
        bytes[at] ^= 0x80;
        assert!(session.decrypt(&contract, &bytes).is_err());
    }
    // An answer under somebody else's secret is noise, but it is numbers.
    let stranger = Session::new(&contract, &ClientSeed::from_bytes(&[6; 32]));
    let values = stranger.decrypt(&contract, &good).unwrap();
    assert!(values.iter().all(|value| value.is_finite()));
}

#[test]
fn inputs_that_do_not_fit_are_refused() {
    let contract = accepted(|_| ());
    let session = Session::new(&contract, &seed());
    let refused = |values: &[f32]| session.encrypt(&contract, values, &mut rng(4)).unwrap_err();
    for found in [0, 3071, 3073] {
        let expected = 3072;
        assert_eq!(refused(&vec![0.0; found]), SessionError::Count { found, expected, most: 1 });
    }
    for bad in [f32::NAN, f32::INFINITY, -f32::INFINITY, 64.001, -1e30] {
        let mut values = vec![64.0; 3072];
        values[77] = bad;
        assert_eq!(refused(&values), SessionError::Value { index: 77 });
    }
}

#[test]
fn whatever_a_contract_says_of_pictures_every_picture_encrypts() {
    let contract = accepted(|contract| {
        contract.input.preparation =
            PreparationData::Picture { mean: vec![0.0, 1.0, 0.5], deviation: vec![1.0 / 64.0; 3] };
    });
    let session = Session::new(&contract, &seed());
    for level in [0, 255] {
        let values = prepare(&[level; 3072], contract.input()).unwrap();
        assert!(session.encrypt(&contract, &values, &mut rng(5)).is_ok());
    }
}

#[test]
fn other_schemes_are_refused() {
    let (ours, other) = (accepted(|_| ()), other_scheme());
    let session = Session::new(&ours, &seed());
    let refused = SessionError::OtherScheme;
    assert_eq!(session.encrypt(&other, &[0.0; 3072], &mut rng(6)), Err(refused.clone()));
    assert_eq!(session.decrypt(&other, &[]), Err(refused.clone()));
    assert_eq!(session.missing(&other, &[]), Err(refused));
    // Keys of the larger scheme do not exist in the smaller one.
    let small = Session::new(&other, &seed());
    assert!(matches!(small.head(ours.bundle()), Err(SessionError::Key(_))));
    assert!(matches!(small.bundle_lengths(ours.bundle()), Err(SessionError::Key(_))));
    for spec in ours.keys().specs().iter().filter(|spec| spec.level() > 6) {
        assert!(matches!(small.evaluation_key(spec), Err(SessionError::Key(_))));
    }
    assert_ne!(Session::identity(&ours), Session::identity(&other));
    assert_ne!(session.scheme(), small.scheme());
}

#[test]
fn models_of_one_scheme_share_their_keys() {
    let first = accepted(|contract| {
        contract.keys.pop();
    });
    let second = accepted(|contract| {
        contract.id = "second".to_owned();
        contract.keys.remove(0);
    });
    let [one, two] = [&first, &second].map(|contract| Session::new(contract, &seed()));
    let missing = two.missing(&second, &[first.bundle().clone()]).unwrap();
    assert_eq!(missing.scheme().specs(), &second.keys().specs()[4..]);
    for spec in first.keys().specs().iter().filter(|spec| second.keys().position(spec).is_some()) {
        assert!(one.evaluation_key(spec).unwrap() == two.evaluation_key(spec).unwrap());
    }
}

#[test]
fn a_bundle_is_as_long_as_it_says() {
    let contract = label_alone();
    let session = Session::new(&contract, &seed());
    let part = KeyList::new(contract.keys().specs()[..2].to_vec()).unwrap();
    let part = KeyBundle::new(part, None);
    for keys in [contract.bundle(), &part] {
        let head = session.head(keys).unwrap();
        assert_eq!(KeyBundle::from_head(contract.set(), &head).unwrap(), *keys);
        let lengths = session.bundle_lengths(keys).unwrap();
        assert_eq!(lengths[0], head.len() as u64);
        // Of the pieces of exact keys that are alike, one.
        for (key, length) in keys.keys().zip(&lengths[1..]).take(7) {
            let bytes = session.key(&key).unwrap();
            assert_eq!(bytes.len() as u64, *length);
            match key {
                Key::Scheme(spec) => {
                    drop(SeededKey::from_bytes(contract.set(), spec, &bytes).unwrap());
                }
                Key::Exact(set, piece) => {
                    SeededPiece::from_bytes(set, piece, &bytes).unwrap();
                }
            }
        }
    }
}

fn label_alone() -> AcceptedContract {
    accepted(|contract| *contract = contract.clone().with_label_alone(None))
}

#[test]
fn labels_are_decrypted() {
    let (scores, contract) = (accepted(|_| ()), label_alone());
    let session = Session::new(&scores, &seed());
    let reading = contract.answer().label().unwrap();
    // Under a mask of zeros, a body is what it holds.
    let holding = |part: f64| {
        let set = reading.exact();
        let body = (part * f64::from(1 << LABEL_BITS)).round() as u16;
        LabelCiphertext { mask: vec![0; set.degree()], body }.to_bytes(set)
    };
    for label in 0..10 {
        let answer = holding(label as f64 * reading.code().answers().spacing());
        assert_eq!(session.decrypt_label(&contract, &answer), Ok(Some(label)));
    }
    let lead = Some(Lead::new(0.1).unwrap());
    let leads = accepted(|contract| *contract = contract.clone().with_label_alone(lead));
    let spacing = leads.answer().label().unwrap().code().answers().spacing();
    for (answer, label) in [(0, None), (1, Some(0)), (10, Some(9))] {
        let answer = holding(f64::from(answer) * spacing);
        assert_eq!(session.decrypt_label(&leads, &answer), Ok(label));
    }
    let nothing = holding(0.75);
    assert_eq!(session.decrypt_label(&contract, &nothing), Err(SessionError::AnswerLabel));
    let cut = session.decrypt_label(&contract, &nothing[..nothing.len() - 1]);
    assert!(matches!(cut, Err(SessionError::Label(_))), "{cut:?}");
    assert_eq!(session.decrypt(&contract, &nothing), Err(SessionError::LabelAlone));
    assert_eq!(session.decrypt_label(&scores, &nothing), Err(SessionError::NoLabel));
    let other = session.decrypt_label(&other_scheme(), &nothing);
    assert_eq!(other, Err(SessionError::OtherScheme));
}

#[test]
fn scores_of_signs_are_decrypted() {
    let contract = accepted(|contract| *contract = sign_sample());
    let session = Session::new(&contract, &seed());
    let exact = contract.answer().exact().unwrap();
    // Under a mask of zeros, a body is what it holds: a quarter of the circle and its negative.
    let score = |body: u16| (vec![0; exact.degree()], body);
    let scores: Vec<_> = (0..10).map(|i| score(if i == 3 { 1 << 14 } else { 3 << 14 })).collect();
    let bytes = ExactScores(scores).to_bytes(exact);
    assert_eq!(bytes.len() as u64, contract.answer().byte_len(contract.set()));
    let found = session.decrypt(&contract, &bytes).unwrap();
    for (index, score) in found.iter().enumerate() {
        assert_eq!(*score, if index == 3 { 20.0 } else { -20.0 }, "a quarter of 80");
    }
    for wrong in [&[][..], b"BSGT", &bytes[1..], &bytes[..bytes.len() - 1]] {
        let refused = session.decrypt(&contract, wrong);
        assert!(matches!(refused, Err(SessionError::Label(_))), "{refused:?}");
    }
    assert_eq!(session.decrypt_label(&contract, &bytes), Err(SessionError::NoLabel));
}

#[test]
fn signs_of_values_are_all_that_is_sent_of_them() {
    let contract = accepted(|contract| *contract = sign_sample());
    let session = Session::new(&contract, &seed());
    let request = |scale: f32, seed| {
        let values: Vec<f32> = (0..784).map(|i| (i as f32).sin() * scale).collect();
        session.encrypt(&contract, &values, &mut rng(seed)).unwrap()
    };
    assert_eq!(request(1.0, 1), request(60.0, 1), "the same signs");
    assert_ne!(request(1.0, 1), request(-1.0, 1));
    assert_ne!(request(1.0, 1), request(1.0, 2));
}

#[test]
fn pictures_are_normalised_by_channel() {
    let contract = accepted(|contract| {
        contract.input.preparation =
            PreparationData::Picture { mean: vec![0.0, 0.5, 1.0], deviation: vec![0.5, 0.25, 1.0] };
    });
    let rgb: Vec<u8> = [255, 255, 0].repeat(1024);
    let values = prepare(&rgb, contract.input()).unwrap();
    assert_eq!([values[0], values[1024], values[2048]], [2.0, 2.0, -1.0]);
    assert_eq!(values.len(), 3072);
    let size = PrepareError::Size { side: 32, expected: 3072, found: 3071 };
    assert_eq!(prepare(&rgb[1..], contract.input()), Err(size));
}

#[test]
fn one_channel_is_grey_and_tensors_are_no_pictures() {
    let grey = accepted(|contract| {
        contract.input.shape = [1, 16, 16];
        contract.input.preparation =
            PreparationData::Picture { mean: vec![0.0], deviation: vec![1.0] };
        slots(contract).slots.truncate(1);
        slots(contract).slots[0].extent = [1, 16, 16];
    });
    let pixels = [[255, 255, 255], [0, 0, 0], [100, 100, 100], [255, 0, 0]];
    let rgb = pixels.repeat(64).concat();
    let values = prepare(&rgb, grey.input()).unwrap();
    let levels: Vec<f32> = values[..4].iter().map(|value| (value * 255.0).round()).collect();
    assert_eq!(levels, [255.0, 0.0, 100.0, 54.0]);
    let tensor = accepted(|c| c.input.preparation = PreparationData::Tensor {});
    assert_eq!(prepare(&[0; 3072], tensor.input()), Err(PrepareError::NoPictures));
}
