//! How the rows of an affine map are laid out in the slots.

use super::GeneralError;
use super::carrier::{Carrier, LinearLevels};
use super::diagonals::Diagonals;
use super::layout::Layout;
use super::network::Affine;
use super::price::{KEY_IN_SWITCHES, Prices};
use super::sparse::Sparse;
use super::spread::Spread;

/// How the rows of a matrix are laid out.
pub(super) enum Plan {
    /// In place of what is read.
    InPlace(Layout),
    /// Spread over the slots `t = r mod period` (of block `r / period` alone, where the input is
    /// there once in each of several), and summed up.
    Folded { period: usize, block: Option<usize> },
    /// In the slots `t = r mod period`, all around, as what is read is there all around.
    Repeated { period: usize },
    /// As folded, of what is read once it is spread over the slots: each ciphertext of each term.
    Spread { period: usize, of: Vec<(usize, Spread)>, levels: [LinearLevels; 2] },
}

/// What is to be planned.
pub(super) struct Task<'a> {
    pub(super) affine: &'a Affine,
    /// Whether the result may have no slot with a value beyond its range.
    pub(super) clean: bool,
    /// The rows of the matrices that will read the result, where these are no convolutions.
    pub(super) rows_after: usize,
    /// The rows of the windows of a pool that reads it, where windows share no row.
    pub(super) window: Option<usize>,
}

impl Plan {
    /// The cheapest form.
    pub(super) fn cheapest<'a>(
        task: &Task<'_>,
        layout_of: impl Fn(usize) -> &'a Layout,
        carrier: &Carrier,
    ) -> Result<Self, GeneralError> {
        let Task { affine, clean, rows_after, window } = *task;
        let (shape, slots) = (affine.shape, carrier.set().slots());
        let prices = Prices::of(carrier, carrier.request_level())?;
        // Weights that repeat take next to no memory. They need masks, for which there is no level
        // without bootstraps.
        let repeats = carrier.bootstrap().is_some();
        let mut plans: Vec<(f64, Self)> = Vec::new();
        let rows = shape.elements().next_power_of_two();
        if rows <= slots {
            let blocks = match &affine.terms[..] {
                // Blocks leave sums of parts behind.
                [(value, _)] if !clean => layout_of(*value).even_copies(slots),
                _ => None,
            };
            let parts = affine.terms.iter().map(|(value, _)| layout_of(*value).parts());
            let parts: usize = parts.sum();
            let (period, block) = match blocks {
                // Blocks share the rows.
                Some(block) => (rows / (slots / block).min(rows), Some(block)),
                None => (rows, None),
            };
            let result = prices.part + prices.left;
            let mut cost = result + prices.layer(parts.max(1), period * parts.max(1), slots);
            cost += prices.sum_up(block.unwrap_or(slots) / period);
            if block.is_some() && repeats {
                // Weights that read a result that is there but once do not repeat.
                cost += prices.layer(1, rows_after, slots);
            }
            plans.push((cost, Self::Folded { period, block }));
            if let Some(levels) = carrier.two_linear(carrier.request_level())? {
                let spread = spread(affine, &layout_of, rows, slots, &prices);
                let plan = |of| Self::Spread { period: rows, of, levels };
                plans.extend(spread.map(|(cost, of)| (result + cost, plan(of))));
            }
            let repeated = repeated(affine, &layout_of, rows, slots);
            if let Some(period) = repeated.filter(|_| repeats) {
                let terms = affine.terms.len();
                let cost = result + prices.layer(terms, period * terms, period);
                plans.push((cost, Self::Repeated { period }));
            }
        }
        let first = affine.terms.first().filter(|_| shape.plane() > 1);
        let in_place = |(value, matrix): &(usize, Sparse)| {
            let forms = carrier.parts(window).into_iter();
            let layouts =
                forms.map(|parts| layout_of(*value).in_place(shape, matrix, parts, slots));
            layouts.flatten().collect::<Vec<_>>()
        };
        for layout in first.map(in_place).into_iter().flatten() {
            let diagonals = |(value, matrix): &(usize, Sparse)| {
                Diagonals::count(matrix, layout_of(*value), &layout, slots)
            };
            let count: usize = affine.terms.iter().map(diagonals).sum();
            let read = affine.terms.iter().map(|(value, _)| layout_of(*value).parts());
            let transforms = read.sum::<usize>() * layout.parts();
            let weights = if repeats { 0 } else { slots };
            let left = layout.parts() / layout.phases;
            let result = prices.part * layout.parts() as f64 + prices.left * left as f64;
            let cost = result + prices.layer(transforms, count, weights);
            plans.push((cost, Self::InPlace(layout)));
        }
        let cheapest = plans.into_iter().min_by(|(x, _), (y, _)| x.total_cmp(y));
        cheapest.map(|(_, plan)| plan).ok_or(GeneralError::Slots { shape, slots })
    }
}

/// How all terms are spread, and the price.
fn spread<'a>(
    affine: &Affine,
    layout_of: impl Fn(usize) -> &'a Layout,
    rows: usize,
    slots: usize,
    prices: &Prices,
) -> Option<(f64, Vec<(usize, Spread)>)> {
    let keys = prices.switch * (2 * KEY_IN_SWITCHES) as f64;
    let (mut cost, mut all) = (keys + prices.sum_up(slots / rows), Vec::new());
    for (term, (value, _)) in affine.terms.iter().enumerate() {
        let from = layout_of(*value);
        for part in 0..from.parts() {
            let (price, spread) = Spread::cheapest(rows, (from, part), slots, prices)?;
            cost += price;
            all.push((term, spread));
        }
    }
    Some((cost, all))
}

/// The period of a result whose terms are all there again and again.
fn repeated<'a>(
    affine: &Affine,
    layout_of: impl Fn(usize) -> &'a Layout,
    rows: usize,
    slots: usize,
) -> Option<usize> {
    let mut distances = affine.terms.iter().map(|(value, _)| layout_of(*value).even_copies(slots));
    distances.try_fold(rows, |period, distance| Some(period.max(distance?)))
}
