//! Rows of comparisons, and whether all of a row are won.

use crate::argmax::Circle;

/// For each row of numbers plus or minus `out`: whether all of them are positive. Two steps, of which
/// a row of one number takes the first alone.
pub(crate) fn all_positive<C: Circle>(
    circle: &C,
    rows: Vec<Vec<C::Value>>,
    out: f64,
) -> Vec<C::Value> {
    let lengths: Vec<usize> = rows.iter().map(Vec::len).collect();
    let numbers = rows.into_iter().flat_map(|row| {
        let magnitude = magnitude(row.len(), out);
        row.into_iter().map(move |number| (number, magnitude))
    });
    let mut signs = circle.signs(numbers.collect()).into_iter();
    let mut rows: Vec<Vec<C::Value>> =
        lengths.into_iter().map(|length| signs.by_ref().take(length).collect()).collect();
    let counted = rows.iter().filter(|row| row.len() > 1).map(|row| {
        // Positive only if all are.
        let constant = -(row.len() as f64 - 1.0) * magnitude(row.len(), out);
        (circle.sum(constant, row.iter().map(|win| (1, win))), out)
    });
    let mut counted = circle.signs(counted.collect()).into_iter();
    let all = |row: &mut Vec<C::Value>| if row.len() > 1 { counted.next() } else { row.pop() };
    rows.iter_mut().filter_map(all).collect()
}

/// A sum of `count` signs, less what makes it positive only if all are, reaches from one of them to
/// `1 - 2 count` of them: that is to leave one of them free before half the circle. A single sign is
/// not counted, but used in the step after.
pub(crate) fn magnitude(count: usize, out: f64) -> f64 {
    if count == 1 { out } else { 0.25 / count as f64 }
}
