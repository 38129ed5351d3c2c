//! Bundles changed at random and sealed again: refused or accepted, never a panic.

use blindsight_contract::testing::{Dice, NumberPlaces};

use super::parts::{HEADER, Parts, seal};
use super::read;

/// The bundles that are changed.
fn bundles() -> Vec<Parts> {
    vec![
        Parts::light(),
        #[cfg(feature = "exact")]
        super::signs::parts(),
    ]
}

#[test]
fn changed_bytes_never_panic() {
    bundles().iter().for_each(change_bytes);
}

fn change_bytes(parts: &Parts) {
    let good = parts.join();
    let mut dice = Dice::new(3);
    let _kept = read(&good).unwrap();
    for _ in 0..1_500 {
        let mut bytes = good.clone();
        for _ in 0..=dice.below(3) {
            let at = if dice.below(3) == 0 { dice.below(HEADER) } else { dice.below(bytes.len()) };
            bytes[at] = dice.below(256) as u8;
        }
        seal(&mut bytes);
        let _ = read(&bytes);
    }
}

const NUMBERS: [&str; 20] = [
    "0",
    "1",
    "2",
    "3",
    "5",
    "16",
    "19",
    "20",
    "32",
    "16384",
    "65535",
    "65537",
    "4294967295",
    "18446744073709551615",
    "-1",
    "-9223372036854775808",
    "0.5",
    "1e300",
    "1e-300",
    "null",
];

/// Other numbers and missing pieces: what gets past unpacking.
#[test]
fn changed_programs_never_panic() {
    bundles().iter().for_each(change_programs);
}

fn change_programs(parts: &Parts) {
    let text = serde_json::to_vec(&parts.program).unwrap();
    let places = NumberPlaces::of(&text);
    let mut dice = Dice::new(4);
    let _kept = read(&parts.join()).unwrap();
    let mut accepted = 0;
    for round in 0..1_500 {
        let mut text = text.clone();
        let mut parts = parts.clone();
        if round % 8 == 0 {
            let at = dice.below(parts.constants.len());
            parts.constants[at] = dice.below(256) as u8;
        } else if round % 8 == 1 {
            let at = dice.below(text.len());
            text[at] = dice.below(128) as u8;
        } else {
            text = places.replaced(&text, 1 + round % 2, &NUMBERS, &mut dice);
        }
        accepted += usize::from(read(&parts.join_program(&text)).is_ok());
    }
    // Some changes are harmless: if none were accepted, nothing behind the reader was tried.
    assert!((20..1_450).contains(&accepted), "{accepted} were accepted");
}
