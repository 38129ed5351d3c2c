//! How the rows of an affine map are laid out in the slots.

use super::GeneralError;
use super::carrier::Carrier;
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

/// What a plan costs, in weighted copies of a ciphertext.
#[derive(Clone, Copy, Debug)]
struct Prices {
    /// A ciphertext of the result.
    part: usize,
    /// A weighted copy whose weights take a word for each slot.
    whole: usize,
}

impl Plan {
    /// The cheapest form. A `clean` result has no slot with a value beyond its range.
    pub(super) fn cheapest<'a>(
        affine: &Affine,
        layout_of: impl Fn(usize) -> &'a Layout,
        clean: bool,
        carrier: &Carrier,
    ) -> Result<Self, GeneralError> {
        let (shape, slots) = (affine.shape, carrier.set().slots());
        let prices = Prices::of(carrier);
        let mut plans: Vec<(usize, Self)> = Vec::new();
        let period = shape.elements().next_power_of_two();
        if period <= slots {
            let blocks = match &affine.terms[..] {
                // Blocks leave sums of parts behind.
                [(value, _)] if !clean => layout_of(*value).even_copies(slots),
                _ => None,
            };
            let parts = affine.terms.iter().map(|(value, _)| layout_of(*value).parts());
            let parts: usize = parts.sum();
            let (period, block) = match blocks {
                // Blocks share the rows.
                Some(block) => (period / (slots / block).min(period), Some(block)),
                None => (period, None),
            };
            let cost = prices.part + prices.whole * period * parts.max(1);
            plans.push((cost, Self::Folded { period, block }));
        }
        let first = affine.terms.first().filter(|_| shape.plane() > 1);
        let in_place = |(value, matrix): &(usize, Sparse)| {
            layout_of(*value).in_place(shape, matrix, carrier.most_parts(), slots)
        };
        for layout in first.map(in_place).into_iter().flatten() {
            let diagonals = |(value, matrix): &(usize, Sparse)| {
                Diagonals::count(matrix, layout_of(*value), &layout, slots)
            };
            let count: usize = affine.terms.iter().map(diagonals).sum();
            plans.push((prices.part * layout.parts() + count, Self::InPlace(layout)));
        }
        let cheapest = plans.into_iter().min_by_key(|(cost, _)| *cost);
        cheapest.map(|(_, plan)| plan).ok_or(GeneralError::Slots { shape, slots })
    }
}

impl Prices {
    fn of(carrier: &Carrier) -> Self {
        match carrier {
            // Weights are always whole.
            Carrier::Leveled(_) => Self { part: 0, whole: 1 },
            // A bootstrap takes as long as 4,500 weighted copies. A megabyte of weights, read and
            // kept, is worth a dozen.
            Carrier::Bootstrapped(_) => Self { part: 4500, whole: 12 },
        }
    }
}
