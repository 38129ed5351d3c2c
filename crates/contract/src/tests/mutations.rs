//! Contracts changed at random: refused or accepted, never a panic.

use blindsight_ring::sampling::{Seed, StreamId, UniformExpander};

use crate::testing::sample;
use crate::{Contract, Policy};

/// Seeded randomness.
struct Dice {
    words: Vec<u64>,
    next: usize,
}

impl Dice {
    fn new(seed: u8) -> Self {
        let mut words = vec![0; 1 << 16];
        let expander = UniformExpander::new(&Seed::from_bytes([seed; 32]), StreamId::new(0, 0, 0));
        expander.fill_u64(1 << 49, &mut words);
        Self { words, next: 0 }
    }

    fn below(&mut self, bound: usize) -> usize {
        self.next += 1;
        self.words[self.next % self.words.len()] as usize % bound
    }
}

/// Places of numbers in a text.
fn numbers(text: &[u8]) -> Vec<(usize, usize)> {
    let digit = |at: usize| text[at].is_ascii_digit();
    let starts = (1..text.len()).filter(|&at| digit(at) && !digit(at - 1));
    starts.map(|at| (at, (at..text.len()).find(|&end| !digit(end)).unwrap_or(at))).collect()
}

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
    let original = sample().to_bytes();
    let places = numbers(&original);
    let mut dice = Dice::new(7);
    let mut accepted = 0;
    // Whose tables all those share that leave the scheme alone.
    let _kept = Contract::parse(&original, &Policy::default()).unwrap();
    for round in 0..4_000 {
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
            let mut chosen: Vec<_> = (0..count).map(|_| places[dice.below(places.len())]).collect();
            chosen.sort_unstable_by(|a, b| b.cmp(a));
            chosen.dedup();
            for (start, end) in chosen {
                let number = NUMBERS[dice.below(NUMBERS.len())];
                bytes.splice(start..end, number.bytes());
            }
        }
        accepted += usize::from(Contract::parse(&bytes, &Policy::default()).is_ok());
    }
    // Some changes are harmless: if none were accepted, nothing behind the reader was tried.
    assert!((20..3_000).contains(&accepted), "{accepted} were accepted");
}
