//! Contracts changed at random: refused or accepted, never a panic.

use crate::testing::{Dice, NumberPlaces, sample, sign_sample};
use crate::{Contract, Policy};

const NUMBERS: [&str; 22] = [
    "0",
    "1",
    "2",
    "3",
    "15",
    "16",
    "19",
    "20",
    "31",
    "32",
    "33",
    "64",
    "65537",
    "16383",
    "16384",
    "786433",
    "2147483647",
    "4294967295",
    "1125899904679937",
    "18446744073709551615",
    "0.5",
    "1e-9",
];

#[test]
fn changed_contracts_never_panic() {
    change(&sample(), 4_000);
    change(&sign_sample(), 1_000);
    change(&sign_sample().with_label_alone(None), 1_000);
}

fn change(original: &Contract, rounds: usize) {
    let original = original.to_bytes();
    let places = NumberPlaces::of(&original);
    let mut dice = Dice::new(7);
    let mut accepted = 0;
    // Whose tables all those share that leave the scheme alone.
    let _kept = Contract::parse(&original, &Policy::default()).unwrap();
    for round in 0..rounds {
        let mut bytes = original.clone();
        if round % 4 == 0 {
            // Any bytes anywhere.
            for _ in 0..=dice.below(3) {
                let at = dice.below(bytes.len());
                bytes[at] = dice.below(256) as u8;
            }
        } else if round % 4 == 1 {
            let at = dice.below(bytes.len());
            let end = at + dice.below(bytes.len() - at).min(40);
            bytes.drain(at..end);
        } else {
            // Other numbers: what gets past the reader of JSON. From the end, so that places stay.
            let count = 1 + dice.below(2);
            bytes = places.replaced(&original, count, &NUMBERS, &mut dice);
        }
        accepted += usize::from(Contract::parse(&bytes, &Policy::default()).is_ok());
    }
    // Some changes are harmless: if none were accepted, nothing behind the reader was tried.
    assert!((20..rounds * 3 / 4).contains(&accepted), "{accepted} were accepted");
}
