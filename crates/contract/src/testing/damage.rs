//! Texts changed at random, the same in every run: what readers of them must survive.

use blindsight_ring::sampling::{Seed, StreamId, UniformExpander};

/// Seeded randomness.
#[derive(Debug)]
pub struct Dice {
    words: Vec<u64>,
    next: usize,
}

impl Dice {
    /// Dice whose falls follow from `seed`.
    #[must_use]
    pub fn new(seed: u8) -> Self {
        let mut words = vec![0; 1 << 16];
        let expander = UniformExpander::new(&Seed::from_bytes([seed; 32]), StreamId::new(0, 0, 0));
        expander.fill_u64(1 << 49, &mut words);
        Self { words, next: 0 }
    }

    /// A number below `bound`, which is not zero. They repeat after 2^16.
    pub fn below(&mut self, bound: usize) -> usize {
        self.next += 1;
        self.words[self.next % self.words.len()] as usize % bound
    }
}

/// Where the numbers of a text in JSON are: the runs of its digits.
#[derive(Debug)]
pub struct NumberPlaces(Vec<(usize, usize)>);

impl NumberPlaces {
    /// Finds them.
    #[must_use]
    pub fn of(text: &[u8]) -> Self {
        let digit = |at: usize| text[at].is_ascii_digit();
        let starts = (1..text.len()).filter(|&at| digit(at) && !digit(at - 1));
        let end = |at| (at..text.len()).find(|&end| !digit(end)).unwrap_or(at);
        Self(starts.map(|at| (at, end(at))).collect())
    }

    /// The same text with at most `count` of them replaced by some of `numbers`.
    #[must_use]
    pub fn replaced(
        &self,
        text: &[u8],
        count: usize,
        numbers: &[&str],
        dice: &mut Dice,
    ) -> Vec<u8> {
        let mut text = text.to_vec();
        let mut chosen: Vec<_> = (0..count).map(|_| self.0[dice.below(self.0.len())]).collect();
        // From the end, so that places stay.
        chosen.sort_unstable_by(|a, b| b.cmp(a));
        chosen.dedup();
        for (start, end) in chosen {
            text.splice(start..end, numbers[dice.below(numbers.len())].bytes());
        }
        text
    }
}
