//! Pieces of the key and answers stay what they were in earlier releases, byte for byte, and answers of
//! earlier releases still decrypt. `BLINDSIGHT_WRITE_GOLDEN=1` writes the files anew, when a change of
//! format or parameter set is meant. What keys a seed gives is in `pinned_keys.rs`.

#![allow(clippy::unwrap_used, reason = "these are tests, helpers included")]

#[path = "../../ckks-client/tests/shared/attack.rs"]
mod attack;
#[path = "../../ckks-client/tests/shared/golden_file.rs"]
mod golden_file;

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use blindsight_ckks::parameters::{Literal as SchemeLiteral, Parameters};
use blindsight_ckks_client::{ClientSeed, KeyFamily, SecretRng};
use blindsight_exact::label::LABEL_BITS;
use blindsight_exact::picture::SCORE_BITS;
use blindsight_exact::wire::KeyHead;
use blindsight_exact::{
    BinaryPicture, ClassSet, Decision, DecisionCode, ExactParameters, ExactScores, KeyPart,
    KeyPiece, LabelCiphertext, LabelCode, Lead, Literal, Outcome, SeededPiece,
};
use blindsight_exact_client::{ExactFamily, Under};

use attack::attack;
use golden_file::golden;

static SCHEME: LazyLock<Parameters> =
    LazyLock::new(|| Parameters::new(SchemeLiteral::bootstrapped_2_15()).unwrap());
static SET: LazyLock<ExactParameters> =
    LazyLock::new(|| ExactParameters::new(Literal::degree_2048(), &SCHEME).unwrap());
static KEYS: LazyLock<KeyFamily> =
    LazyLock::new(|| KeyFamily::new(&SCHEME, &ClientSeed::from_bytes(&[4; 32])));
static FAMILY: LazyLock<ExactFamily<'static>> =
    LazyLock::new(|| ExactFamily::new(&SET, &SCHEME, &KEYS).unwrap());

/// A part of the circle under `S`, modulo `2^bits`: a mask and a body.
fn sample(part: f64, bits: u32, rng: &mut SecretRng) -> (Vec<u16>, u16) {
    let mask: Vec<u16> =
        (0..SET.degree()).map(|_| (rng.next_u64() >> (64 - bits)) as u16).collect();
    let upper: Vec<u64> = mask.iter().map(|a| u64::from(*a) << (64 - bits)).collect();
    // Minus the mask times the secret, where the body is 0.
    let product = FAMILY.phase(Under::Ring, &upper, 0) >> (64 - bits);
    let message = (part * f64::from(1 << bits)).round() as i64 as u64;
    let body = message.wrapping_sub(product) & ((1 << bits) - 1);
    (mask, body as u16)
}

/// A part of the circle, as an answer.
fn answer(part: f64) -> LabelCiphertext {
    let (mask, body) = sample(part, LABEL_BITS, &mut SecretRng::from_key(&[2; 32]));
    LabelCiphertext { mask, body }
}

/// Dark and bright pixels, mixed.
fn pixels() -> Vec<bool> {
    (0..PIXELS as u32).map(|i| i.wrapping_mul(0x9E37_79B9) >> 31 == 1).collect()
}

fn picture() -> BinaryPicture {
    FAMILY.encrypt_picture(&pixels(), &mut SecretRng::from_key(&[5; 32])).unwrap()
}

const PIXELS: usize = 784;
const SCORES: [f64; 2] = [0.25, -0.125];

fn scores() -> ExactScores {
    let mut rng = SecretRng::from_key(&[6; 32]);
    ExactScores(SCORES.iter().map(|part| sample(*part, SCORE_BITS, &mut rng)).collect())
}

fn shared(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../exact/tests/golden").join(name)
}

fn first(part: KeyPart) -> KeyPiece {
    KeyPiece::of(part, &SET).next().unwrap()
}

/// The shortest piece: the others have the same form.
#[test]
fn piece_of_a_key() {
    let today = FAMILY.piece(first(KeyPart::Zero));
    let file = golden(&shared("zero_piece.bin"), &today.to_bytes(&SET));
    assert_eq!(SeededPiece::from_bytes(&SET, first(KeyPart::Zero), &file), Ok(today));
}

#[test]
fn head_of_a_key() {
    let file = golden(&shared("key_head.bin"), &KeyHead::to_bytes(&SET, &SCHEME));
    assert_eq!(KeyHead::from_bytes(&file, &SCHEME), Ok(SET.clone()));
}

#[test]
fn answer_of_a_third_of_the_circle() {
    let file = golden(&shared("answer.bin"), &answer(6.0 / 18.0).to_bytes(&SET));
    let read = LabelCiphertext::from_bytes(&SET, &file).unwrap();
    assert_eq!(FAMILY.decrypt(LabelCode::new(&SET, 10).unwrap(), &read), Some(6));
    let outcome = |classes, decision| {
        FAMILY.outcome(&DecisionCode::new(&SET, classes, decision).unwrap(), &read)
    };
    let lead = || Decision::LabelWithLead { lead: Lead::new(0.02).unwrap() };
    let among = Decision::Among { classes: ClassSet::new(vec![1, 2]).unwrap() };
    assert_eq!(outcome(10, Decision::Label), Some(Outcome::Class(6)));
    assert_eq!(outcome(3, lead()), Some(Outcome::Class(1)));
    assert_eq!(outcome(10, among), Some(Outcome::Among(true)));
}

#[test]
fn picture_for_signs() {
    let file = golden(&shared("picture.bin"), &picture().to_bytes(&SET));
    let read = BinaryPicture::from_bytes(&SET, PIXELS, &file).unwrap();
    // Coefficient 0 of the body and of the mask times `S`, which is a mask of one number.
    let mask = BinaryPicture::mask(&SET, &read.seed);
    let turned: Vec<u64> =
        std::iter::once(mask[0]).chain(mask[1..].iter().rev().map(|a| a.wrapping_neg())).collect();
    let phase = FAMILY.phase(Under::Ring, &turned, read.body(0)) as i64;
    assert_eq!(phase > 0, pixels()[0]);
    assert!((phase.unsigned_abs() as f64 / 2_f64.powi(48) - 1.0).abs() < 0.01, "{phase}");
}

#[test]
fn scores_of_signs() {
    let file = golden(&shared("scores.bin"), &scores().to_bytes(&SET));
    let read = ExactScores::from_bytes(&SET, SCORES.len(), &file).unwrap();
    assert_eq!(FAMILY.decrypt_scores(&read), SCORES);
}

#[test]
fn damaged_pictures_and_scores_are_refused_or_have_one_form() {
    attack(&picture().to_bytes(&SET), 3000, |bytes| {
        let read = BinaryPicture::from_bytes(&SET, PIXELS, bytes);
        read.ok().map(|picture| picture.to_bytes(&SET))
    });
    attack(&scores().to_bytes(&SET), 3000, |bytes| {
        let read = ExactScores::from_bytes(&SET, SCORES.len(), bytes);
        read.ok().map(|scores| scores.to_bytes(&SET))
    });
}

#[test]
fn damaged_pieces_are_refused_or_have_one_form() {
    for piece in [KeyPart::Zero, KeyPart::KeySwitch].map(first) {
        attack(&FAMILY.piece(piece).to_bytes(&SET), 2000, |bytes| {
            SeededPiece::from_bytes(&SET, piece, bytes).ok().map(|object| object.to_bytes(&SET))
        });
    }
}

#[test]
fn damaged_heads_are_refused_or_have_one_form() {
    attack(&KeyHead::to_bytes(&SET, &SCHEME), 3000, |bytes| {
        let read = KeyHead::from_bytes(bytes, &SCHEME);
        read.ok().map(|set| KeyHead::to_bytes(&set, &SCHEME))
    });
}

#[test]
fn damaged_answers_are_refused_or_have_one_form() {
    attack(&answer(0.25).to_bytes(&SET), 3000, |bytes| {
        LabelCiphertext::from_bytes(&SET, bytes).ok().map(|object| object.to_bytes(&SET))
    });
}
