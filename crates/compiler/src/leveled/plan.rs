//! How the rows of an affine map are laid out in the slots.

use super::LeveledError;
use super::diagonals::Diagonals;
use super::layout::Layout;
use super::network::Affine;
use super::sparse::Sparse;

/// How the rows of a matrix are laid out.
pub(super) enum Plan {
    /// In place of what is read.
    InPlace(Layout),
    /// Spread over the slots `t = r mod period` (of block `r / period` alone, where the input is
    /// there once in each of several), and summed up.
    Folded { period: usize, block: Option<usize> },
}

impl Plan {
    /// The form with the fewest diagonals. A `clean` result has no slot with a value beyond its
    /// range.
    pub(super) fn cheapest<'a>(
        affine: &Affine,
        layout_of: impl Fn(usize) -> &'a Layout,
        clean: bool,
        slots: usize,
    ) -> Result<Self, LeveledError> {
        let shape = affine.shape;
        let mut plans: Vec<(usize, Self)> = Vec::new();
        let period = shape.elements().next_power_of_two();
        if period <= slots {
            let blocks = match &affine.terms[..] {
                // Blocks leave sums of parts behind.
                [(value, _)] if !clean => layout_of(*value).even_copies(slots),
                _ => None,
            };
            plans.push(match blocks {
                Some(block) => {
                    // Blocks share the rows.
                    let period = period / (slots / block).min(period);
                    (period, Self::Folded { period, block: Some(block) })
                }
                None => (period * affine.terms.len(), Self::Folded { period, block: None }),
            });
        }
        let first = affine.terms.first().filter(|_| shape.plane() > 1);
        let in_place = first.map(|(value, _)| layout_of(*value).in_place(shape, slots));
        for layout in in_place.into_iter().flatten() {
            let diagonals = |(value, matrix): &(usize, Sparse)| {
                Diagonals::between(matrix, layout_of(*value), &layout, slots).by_offset.len()
            };
            let count = affine.terms.iter().map(diagonals).sum();
            plans.push((count, Self::InPlace(layout)));
        }
        let cheapest = plans.into_iter().min_by_key(|(diagonals, _)| *diagonals);
        cheapest.map(|(_, plan)| plan).ok_or(LeveledError::Slots { shape, slots })
    }
}
