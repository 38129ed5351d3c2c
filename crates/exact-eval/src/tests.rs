//! On real keys of the real set: noise against its formulas, and labels from end to end.

use std::sync::{Arc, LazyLock};

use blindsight_ckks::ciphertext::Ciphertext;
use blindsight_ckks::encoding::Complex64;
use blindsight_ckks::parameters::{Literal as SchemeLiteral, Parameters};
use blindsight_ckks_client::{ClientSeed, KeyFamily, SecretRng, decrypt_coefficients, encrypt};
use blindsight_ckks_eval::{Context, Evaluator, KeySet};
use blindsight_exact::keys::expanded_byte_len;
use blindsight_exact::{ExactParameters, KeyPart, KeyPiece, LabelCiphertext, LabelCode, Literal};
use blindsight_exact_client::{ExactFamily, Under};
use tfhe::core_crypto::prelude::{CiphertextModulus, CiphertextModulusLog, LweCiphertext};

use crate::argmax::Circle;
use crate::signs::Switched;
use crate::{Entropy, ExactError, ExactKey, Lwe, ScoreLayout, ScoreSelection};

mod decisions;

/// A client, and an evaluator with what the client sent.
pub(crate) struct Both {
    scheme: Arc<Parameters>,
    pub(crate) set: &'static ExactParameters,
    keys: &'static KeyFamily,
    pub(crate) family: ExactFamily<'static>,
    pub(crate) evaluator: ExactKey,
}

pub(crate) fn both() -> &'static Both {
    static BOTH: LazyLock<Both> = LazyLock::new(|| {
        let scheme = Arc::new(Parameters::new(SchemeLiteral::bootstrapped_2_15()).unwrap());
        let set = ExactParameters::new(Literal::degree_2048(), &scheme).unwrap();
        let set: &'static ExactParameters = Box::leak(Box::new(set));
        let keys = KeyFamily::new(&scheme, &ClientSeed::from_bytes(&[21; 32]));
        let keys: &'static KeyFamily = Box::leak(Box::new(keys));
        let family = ExactFamily::new(set, &scheme, keys).unwrap();
        let frame = |piece| Ok::<_, ExactError>(family.piece(piece).to_bytes(set));
        let evaluator = ExactKey::read(set, frame).unwrap();
        Both { scheme, set, keys, family, evaluator }
    });
    &BOTH
}

/// Numbers that no test depends on.
pub(crate) fn numbers(count: usize, seed: u64) -> Vec<f64> {
    let word = |i: u64| (seed << 32 | i).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mixed = |w: u64| (w ^ w >> 29).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    (0..count as u64).map(|i| (mixed(word(i)) >> 11) as f64 / 2_f64.powi(52) - 1.0).collect()
}

fn ciphertext(slots: &[f64], scale: f64, level: usize, seed: u8) -> Ciphertext {
    let both = both();
    let slots: Vec<Complex64> = slots.iter().map(|x| Complex64::new(*x, 0.0)).collect();
    let mut rng = SecretRng::from_key(&[seed; 32]);
    encrypt(&both.scheme, both.keys.secret(), &slots, scale, level, &mut rng).unwrap().expand()
}

/// The phase as a part of the circle, between -1/2 and 1/2.
pub(crate) fn phase(lwe: &Lwe) -> f64 {
    both().family.phase(Under::Ring, lwe.mask(), lwe.body()) as i64 as f64 / 2_f64.powi(64)
}

fn deviation(errors: &[f64]) -> f64 {
    (errors.iter().map(|e| e * e).sum::<f64>() / errors.len() as f64).sqrt()
}

/// What the bridge adds is what its formula says, on every coefficient that it could take.
#[test]
fn the_bridge_is_as_noisy_as_computed() {
    let both = both();
    let q = both.scheme.prime(1);
    let mut errors = Vec::new();
    for seed in 0..3 {
        let slots = numbers(both.scheme.slots(), u64::from(seed));
        let ciphertext = ciphertext(&slots, 2_f64.powi(20), 1, seed);
        let exact = decrypt_coefficients(&both.scheme, both.keys.secret(), &ciphertext);
        for (index, lwe) in
            both.evaluator.bridge().coefficients(&ciphertext).unwrap().iter().enumerate()
        {
            // A mask of 2048 for each of 2048 coefficients: every eighth is enough.
            if index % 8 == 0 {
                let error = phase(lwe) - exact[index * both.set.parts()] / q;
                errors.push(error - error.round());
            }
        }
    }
    let (found, expected) = (deviation(&errors), both.set.noise().bridge);
    // Five standard deviations of the estimate.
    let tolerance = 5.0 / (2.0 * errors.len() as f64).sqrt();
    assert!(
        (found / expected - 1.0).abs() < tolerance,
        "2^{}, 2^{}",
        found.log2(),
        expected.log2()
    );
}

/// The modulus switch is centred where a sign table expects it, and as noisy as computed: on the
/// samples of the key switch, whose messages are known.
#[test]
fn the_modulus_switch_is_centred_and_as_noisy_as_computed() {
    let both = both();
    let key = both.family.piece(KeyPiece::of(KeyPart::KeySwitch, both.set).next().unwrap());
    let steps = 4096.0;
    let mut errors = Vec::new();
    for sample in 0..3000 {
        let (mask, body) = key.sample(both.set, sample);
        let exact = both.family.phase(Under::Lwe, &mask, body[0]) as f64 / 2_f64.powi(64) * steps;
        let words = [mask, body].concat();
        let lwe = LweCiphertext::from_container(words, CiphertextModulus::new_native());
        let switched = Switched::new(lwe, CiphertextModulusLog(12));
        let upper = |step: &usize| (*step as u64) << 52;
        let mask: Vec<u64> = switched.mask.iter().map(upper).collect();
        let found =
            both.family.phase(Under::Lwe, &mask, upper(&switched.body)) as f64 / 2_f64.powi(52);
        // Half a step below: what is positive comes to step 0 and above.
        let error = found - (exact - 0.5);
        errors.push(error - steps * (error / steps).round());
    }
    let count = errors.len() as f64;
    let mean = errors.iter().sum::<f64>() / count;
    let (found, expected) = (deviation(&errors), both.set.noise().modulus_switch * steps);
    assert!(mean.abs() < 5.0 * expected / count.sqrt(), "mean {mean} of {expected}");
    assert!((found / expected - 1.0).abs() < 5.0 / (2.0 * count).sqrt(), "{found}, {expected}");
}

/// Key switch and bootstrap, on numbers on both sides of zero.
#[test]
fn signs_are_right_and_as_noisy_as_computed() {
    let both = both();
    let slots = vec![0.1; 32];
    // Every ciphertext under S will do: a constant, by the bridge.
    let ciphertext = ciphertext(&slots, both.scheme.prime(1), 1, 9);
    let base = both.evaluator.bridge().coefficient_0(&ciphertext).unwrap();
    assert!((phase(&base) - 0.1).abs() < 1e-4);
    let parts = [-0.49, -0.25, -0.012, 0.012, 0.25, 0.49];
    let inputs = (0..12).map(|i| {
        let constant = parts[i % 6] - 0.1 * (1.0 - 2.0 * (i / 6) as f64);
        let factor = 1 - 2 * (i / 6) as i64;
        (both.evaluator.sum(constant, [(factor, &base)]), 0.125)
    });
    let signs = both.evaluator.signs(inputs.collect());
    let errors: Vec<f64> = signs
        .iter()
        .enumerate()
        .map(|(i, sign)| phase(sign) - 0.125 * parts[i % 6].signum())
        .collect();
    let (found, expected) = (deviation(&errors), both.set.noise().bootstrap);
    assert!(
        found < 3.0 * expected && found > expected / 3.0,
        "2^{}, 2^{}",
        found.log2(),
        expected.log2()
    );
}

fn selection(slots: usize, bound: f64) -> (Context, ScoreSelection) {
    let context = Context::new(both().scheme.clone());
    let scale = 2_f64.powf(29.5);
    let layout = ScoreLayout { level: 2, scale, period: 16, slots: (0..slots).collect(), bound };
    let selection = ScoreSelection::new(&context, &layout.products().unwrap()).unwrap();
    (context, selection)
}

/// Scores of a ciphertext under `S`, and the part of the circle that their bound is.
fn scores_under_s(scores: &[f64], bound: f64, seed: u8) -> (Vec<Lwe>, f64) {
    let mut slots = scores.to_vec();
    slots.resize(16, 0.3);
    let ciphertext = ciphertext(&slots, 2_f64.powf(29.5), 2, seed);
    let (context, selection) = selection(scores.len(), bound);
    let evaluator = Evaluator { context: &context, keys: &KeySet::default() };
    let selected = selection.apply(evaluator, &[ciphertext]).unwrap();
    let bridge = both().evaluator.bridge();
    (selected.iter().map(|c| bridge.coefficient_0(c).unwrap()).collect(), selection.unit())
}

fn label(scores: &[f64], seed: u8) -> (LabelCiphertext, Option<usize>) {
    let both = both();
    let (scores, _) = scores_under_s(scores, 1.0, seed);
    let label = both.evaluator.label(&scores, &mut Entropy::from_key([seed; 32])).unwrap();
    let bytes = label.to_bytes(both.set);
    let read = LabelCiphertext::from_bytes(both.set, &bytes).unwrap();
    let code = LabelCode::new(both.set, scores.len()).unwrap();
    (label, both.family.decrypt(code, &read))
}

#[test]
fn scores_come_out_of_their_slots() {
    let both = both();
    let scores = numbers(10, 4);
    let mut slots = scores.clone();
    slots.resize(16, -0.7);
    let (context, selection) = selection(10, 1.0);
    let evaluator = Evaluator { context: &context, keys: &KeySet::default() };
    let selected =
        selection.apply(evaluator, &[ciphertext(&slots, 2_f64.powf(29.5), 2, 5)]).unwrap();
    for (score, selected) in scores.iter().zip(&selected) {
        let found = phase(&both.evaluator.bridge().coefficient_0(selected).unwrap());
        let error = found - score * selection.unit();
        assert!(error.abs() < 8.0 * both.set.noise().bridge, "{error}");
    }
}

#[test]
fn labels_are_those_of_the_largest_scores() {
    for (seed, best) in [(1, 0), (2, 9), (3, 4)] {
        let mut scores = numbers(10, seed);
        scores.iter_mut().for_each(|x| *x *= 0.95);
        scores[best] = 0.99;
        assert_eq!(label(&scores, seed as u8).1, Some(best));
    }
}

/// The same scores, hidden twice, share neither mask nor phase.
#[test]
fn answers_are_randomised() {
    let both = both();
    let scores: Vec<Lwe> = [0.2, -0.1].map(|x| crate::answer::trivial_score(both.set, x)).to_vec();
    let [a, b] = [1, 2]
        .map(|seed| both.evaluator.label(&scores, &mut Entropy::from_key([seed; 32])).unwrap());
    let different = a.mask.iter().zip(&b.mask).filter(|(x, y)| x != y).count();
    assert!(different > 2000, "{different}");
    let code = LabelCode::new(both.set, 2).unwrap();
    assert_eq!([&a, &b].map(|label| both.family.decrypt(code, label)), [Some(0), Some(0)]);
}

#[test]
fn wrong_inputs_are_typed_errors() {
    let both = both();
    let level_2 = ciphertext(&[0.0; 32], 1e6, 2, 1);
    let error = both.evaluator.bridge().coefficient_0(&level_2).unwrap_err();
    assert!(matches!(error, ExactError::Level { level: 2 }));
    let mut entropy = Entropy::from_key([1; 32]);
    for scores in [0, 1, 100] {
        let scores = vec![crate::answer::trivial_score(both.set, 0.0); scores];
        assert!(matches!(both.evaluator.label(&scores, &mut entropy), Err(ExactError::Classes(_))));
    }
    let context = Context::new(both.scheme.clone());
    let good = ScoreLayout { level: 2, scale: 1e9, period: 16, slots: vec![0, 1], bound: 1.0 };
    let changes: [fn(&mut ScoreLayout); 9] = [
        |l| l.level = 1,
        |l| l.level = 99,
        |l| l.scale = f64::NAN,
        |l| l.scale = 1e300,
        |l| l.period = 12,
        |l| l.period = 1 << 20,
        |l| l.slots = vec![0, 16],
        |l| l.bound = f64::NAN,
        |l| l.bound = 0.0,
    ];
    for (index, change) in changes.into_iter().enumerate() {
        let mut layout = good.clone();
        change(&mut layout);
        let refused = layout.products().and_then(|p| ScoreSelection::new(&context, &p));
        assert!(refused.is_err(), "change {index}");
    }
}

/// A piece in another's place, and one that cannot be had.
#[test]
fn wrong_keys_are_refused() {
    let both = both();
    let zero = KeyPiece::of(KeyPart::Zero, both.set).next().unwrap();
    let small = both.family.piece(zero).to_bytes(both.set);
    let refused = ExactKey::read(both.set, |_| Ok::<_, ExactError>(&small));
    assert!(matches!(refused, Err(ExactError::Key(_))));
    let gone = ExactKey::read(both.set, |_| Err::<Vec<u8>, _>(ExactError::Entropy));
    assert!(matches!(gone, Err(ExactError::Entropy)));
}

#[test]
fn keys_occupy_what_was_expected() {
    let key = &both().evaluator;
    let (found, expected) = (key.byte_len() as f64, expanded_byte_len(key.set()) as f64);
    assert!((1.0..1.03).contains(&(found / expected)), "{found}, {expected}");
}

/// Two hundred random answers: with BLINDSIGHT_LONG, five minutes on two threads.
#[test]
fn two_hundred_random_scores_have_their_labels() {
    if std::env::var_os("BLINDSIGHT_LONG").is_none() {
        return;
    }
    let mut right = 0;
    for seed in 0..200_u8 {
        let scores = numbers(10, 1000 + u64::from(seed));
        let best = (0..10).max_by(|&i, &j| scores[i].total_cmp(&scores[j]));
        let (_, label) = label(&scores, seed);
        assert!(label.is_some_and(|label| label < 10), "{seed}: {label:?}");
        right += usize::from(label == best);
    }
    eprintln!("{right} of 200 labels are those of the largest scores");
    assert!(right >= 190, "{right} of 200");
}
