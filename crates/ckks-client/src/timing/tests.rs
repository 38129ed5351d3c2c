//! What is measured. The measurements take a minute or two: they run with `BLINDSIGHT_LONG=1`.

use blindsight_ckks::encoding::Complex64;
use blindsight_ckks::keys::{KeyKind, KeyLayout, KeySpec};
use blindsight_ckks::response::CompactCiphertext;
use blindsight_ring::sampling::Seed;

use super::*;
use crate::key_generation::generate_seeded_key;
use crate::sampling::{DiscreteGaussian, ternary};
use crate::testing::{rng, set};
use crate::{SecretKey, decrypt, decrypt_response, encrypt};

const SCALE: f64 = 1_073_741_824.0;

fn long() -> bool {
    std::env::var_os("BLINDSIGHT_LONG").is_some()
}

/// Zeros, or a fresh random secret; made by the same steps, so that both lie alike in memory.
fn secret(rng: &mut SecretRng, random: bool) -> SecretKey {
    let drawn = SecretKey::generate(set(), rng);
    let times = |c: &i8| c * i8::from(random);
    let [dense, sparse] = [drawn.dense(), drawn.sparse()].map(|s| s.iter().map(times).collect());
    SecretKey::of(set(), dense, sparse)
}

/// The words, or as many of one kind.
fn replayed(words: impl Iterator<Item = u64>, random: bool, constant: u64) -> SecretRng {
    SecretRng::replaying(words.map(|word| if random { word } else { constant }).collect())
}

#[track_caller]
fn assert_same(what: &str, verdict: Verdict) {
    let Verdict { t, visible } = verdict;
    eprintln!("timing of {what}: |t| = {t:.2}, visible from {:.2} %", 100.0 * visible);
    assert!(!verdict.leaks(), "{what} takes another time for other secrets: |t| = {t:.1}");
}

#[test]
fn the_statistic_is_welchs() {
    // Means 2 and 3, variances 1 and 1, three samples each: t = 1 / sqrt(2/3).
    let [a, b] = [[1.0, 2.0, 3.0], [2.0, 3.0, 4.0]].map(|kind| Moments::of(kind.iter()));
    assert!((welch(&a, &b) - 1.5_f64.sqrt()).abs() < 1e-12);
    // What cropping finds: a difference among the fast, hidden by a few slow ones.
    let mut noise = rng(1);
    let mut samples = |base: f64| -> Vec<f64> {
        let mut noise = |_| (noise.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
        let mut kind: Vec<f64> = (0..2000).map(|i| base + noise(i)).collect();
        kind.extend([1e6, 3e6]);
        kind
    };
    assert!(judge(&[samples(100.0), samples(100.1)]).leaks());
    assert!(!judge(&[samples(100.0), samples(100.0)]).leaks());
    assert!(judge(&[vec![1.0; 9], vec![2.0; 9]]).leaks());
}

/// A sum that looks only at coefficients that are not zero: what must never be written.
#[test]
fn a_leak_is_found() {
    let mut random = rng(2);
    let leaky = |secret: &mut SecretKey| {
        let mut sum = 0_i64;
        for (at, &c) in secret.dense().iter().enumerate() {
            if c != 0 {
                sum = black_box(sum + i64::from(c) * at as i64);
            }
        }
        sum
    };
    let verdict = compare_again(100, |kind| secret(&mut random, kind), leaky);
    assert!(verdict.leaks(), "{verdict:?}");
}

#[test]
fn samplers_take_the_same_time_whatever_they_return() {
    if !long() {
        return;
    }
    let degree = set().degree();
    let mut random = rng(3);
    // Fields of two bits: 1 is the coefficient 0, and 3, which would be rejected, never comes.
    let word = |mut field: Box<dyn FnMut() -> u64 + '_>| (0..32).fold(0, |w, _| w << 2 | field());
    let ones = word(Box::new(|| 1));
    let mut words = |kind: bool| {
        let mut field = || loop {
            let field = random.next_u64() & 3;
            if field != 3 {
                return field;
            }
        };
        let drawn: Vec<u64> = (0..64).map(|_| word(Box::new(&mut field))).collect();
        replayed(drawn.into_iter(), kind, ones)
    };
    let zeros = ternary::uniform(&mut words(false), degree);
    assert!(zeros.iter().all(|&c| c == 0));
    let verdict = compare_again(2000, words, |words| ternary::uniform(words, degree));
    assert_same("the dense secret's sampler", verdict);

    // All at the front, or anywhere. Draws stay below their bounds, so none is rejected.
    let weight = set().literal().sparse_weight.unwrap();
    let mut random = rng(4);
    let verdict = compare_again(
        1000,
        |kind| {
            let bounds = (1..=degree as u64).rev();
            replayed(bounds.map(|bound| random.next_u64() % bound), kind, 0)
        },
        |words| ternary::sparse(words, degree, weight),
    );
    assert_same("the sparse secret's sampler", verdict);

    let mut random = rng(5);
    let verdict = compare_again(
        2000,
        |kind| replayed((0..256).map(|_| random.next_u64()), kind, 0),
        |words| {
            let mut out = vec![0; degree];
            DiscreteGaussian.fill(words, &mut out);
            out
        },
    );
    assert_same("the errors' sampler", verdict);
}

#[test]
fn encryption_takes_the_same_time_for_all_secrets() {
    if !long() {
        return;
    }
    let mut random = rng(6);
    let slots = [Complex64::new(0.5, -0.25)];
    let verdict = compare_again(
        1000,
        |kind| (secret(&mut random, kind), rng(7)),
        |(secret, _)| encrypt(set(), secret, &slots, SCALE, 3, &mut rng(7)).unwrap(),
    );
    assert_same("encryption", verdict);
}

#[test]
fn key_generation_takes_the_same_time_for_all_secrets() {
    if !long() {
        return;
    }
    let mut random = rng(8);
    for (what, kind, layout) in [
        ("a key of the square", KeyKind::Relinearisation, KeyLayout::balanced(set(), 3, 1)),
        ("the key to the sparse secret", KeyKind::DenseToSparse, KeyLayout::balanced(set(), 1, 1)),
    ] {
        let spec = KeySpec::new(set(), kind, layout.unwrap()).unwrap();
        let verdict = compare_again(
            500,
            |kind| secret(&mut random, kind),
            |secret| {
                let seed = Seed::from_bytes([9; 32]);
                generate_seeded_key(set(), secret, &spec, seed, &mut rng(9))
            },
        );
        assert_same(what, verdict);
    }
}

#[test]
fn decryption_takes_the_same_time_for_all_secrets() {
    if !long() {
        return;
    }
    let mut random = rng(10);
    let slots = [Complex64::new(0.5, -0.25)];
    // What is decrypted has the same values for both kinds.
    let mut encrypted = |kind| {
        let secret = secret(&mut random, kind);
        let fresh = encrypt(set(), &secret, &slots, SCALE, 2, &mut rng(11)).unwrap();
        (secret, fresh.expand())
    };
    let verdict = compare_again(1000, &mut encrypted, |(secret, ciphertext)| {
        decrypt(set(), secret, ciphertext)
    });
    assert_same("decryption", verdict);

    let mut random = rng(12);
    let verdict = compare_again(
        1000,
        |kind| {
            let secret = secret(&mut random, kind);
            let fresh = encrypt(set(), &secret, &slots, 1e6, 1, &mut rng(13)).unwrap();
            let answer = CompactCiphertext::from_base_level(set(), &fresh.expand(), 20, 16);
            (secret, answer.unwrap())
        },
        |(secret, answer)| decrypt_response(set(), secret, answer),
    );
    assert_same("decryption of an answer", verdict);
}
