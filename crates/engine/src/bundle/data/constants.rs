//! Complex vectors in an arena of single-precision numbers.

use std::collections::HashMap;

use blindsight_ckks::encoding::Complex64;
use serde::{Deserialize, Serialize};

use crate::bundle::BundleError;

/// A vector: its length, and where its real and its imaginary parts start; none if they are zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Reference(usize, Option<usize>, Option<usize>);

/// Slots of the largest ring: zeros take no room in the arena, so a length of their own bounds them.
const MOST_VALUES: usize = 1 << 16;

/// An arena that is filled. Equal vectors are stored once.
pub(super) struct Constants<'a> {
    arena: &'a mut Vec<f32>,
    known: HashMap<Vec<u32>, usize>,
}

impl<'a> Constants<'a> {
    pub(super) fn new(arena: &'a mut Vec<f32>) -> Self {
        Self { arena, known: HashMap::new() }
    }

    pub(super) fn add(&mut self, values: &[Complex64]) -> Reference {
        let re = self.part(values.iter().map(|z| z.re as f32).collect());
        let im = self.part(values.iter().map(|z| z.im as f32).collect());
        Reference(values.len(), re, im)
    }

    fn part(&mut self, values: Vec<f32>) -> Option<usize> {
        if values.iter().all(|&value| value == 0.0) {
            return None;
        }
        let bits = values.iter().map(|value| value.to_bits()).collect();
        let arena = &mut *self.arena;
        Some(*self.known.entry(bits).or_insert_with(|| {
            let start = arena.len();
            arena.extend(values);
            start
        }))
    }
}

impl Reference {
    /// The length of the vector.
    pub(super) fn len(&self) -> usize {
        self.0
    }

    /// Whether the vector lies within an arena of so many numbers, and could fill slots.
    pub(super) fn is_within(&self, count: usize) -> bool {
        let Self(length, re, im) = *self;
        let ends = |start: usize| start.checked_add(length).is_some_and(|end| end <= count);
        length <= MOST_VALUES && re.into_iter().chain(im).all(ends)
    }

    pub(super) fn read(&self, arena: &[f32]) -> Result<Vec<Complex64>, BundleError> {
        if !self.is_within(arena.len()) {
            return Err(BundleError::Constant);
        }
        let Self(length, re, im) = *self;
        let part = |start: Option<usize>, i: usize| start.map_or(0.0, |s| f64::from(arena[s + i]));
        Ok((0..length).map(|i| Complex64::new(part(re, i), part(im, i))).collect())
    }
}
