//! Signs that need not be taken: those of sums that are always the same, and those that nobody reads.
//!
//! Training leaves some: a batch normalisation whose gain went to zero, weights that were rounded away.

use blindsight_exact_eval::network::Sum;

use super::Scaled;

/// Leaves them out. Every layer keeps one value at least.
pub(super) fn prune(layers: &mut [Scaled]) {
    for index in 1..layers.len() {
        let (before, after) = layers.split_at_mut(index);
        fold_constants(&before[index - 1], &mut after[0]);
    }
    // From behind: what an unread value reads may then be unread itself.
    for index in (1..layers.len()).rev() {
        let (before, after) = layers.split_at_mut(index);
        drop_unread(&mut before[index - 1], &mut after[0]);
    }
}

/// Signs of sums without terms go into the constants of those who read them.
fn fold_constants(before: &Scaled, after: &mut Scaled) {
    let sign = |at: u32| {
        let Sum { terms, constant } = &before.layer.sums[at as usize];
        terms.is_empty().then_some(if *constant > 0.0 { 1.0 } else { -1.0 })
    };
    let magnitude = after.layer.magnitude;
    for sum in &mut after.layer.sums {
        let known = sum.terms.iter().filter_map(|&(at, w)| Some(sign(at)? * f64::from(w)));
        let constant = sum.constant + known.sum::<f64>() * magnitude;
        // As files have it.
        sum.constant = f64::from(constant as f32);
        sum.terms.retain(|&(at, _)| sign(at).is_none());
    }
}

fn drop_unread(before: &mut Scaled, after: &mut Scaled) {
    let mut read = vec![false; before.layer.sums.len()];
    for (at, _) in after.layer.sums.iter().flat_map(|sum| &sum.terms) {
        read[*at as usize] = true;
    }
    if read.iter().all(|read| !read) {
        read.iter_mut().take(1).for_each(|first| *first = true);
    }
    // How many before it stay.
    let mut kept = 0;
    let places: Vec<u32> = read
        .iter()
        .map(|read| {
            let at = kept;
            kept += u32::from(*read);
            at
        })
        .collect();
    for (at, _) in after.layer.sums.iter_mut().flat_map(|sum| &mut sum.terms) {
        *at = places[*at as usize];
    }
    let mut reads = read.iter();
    before.layer.sums.retain(|_| reads.next().copied().unwrap_or(true));
    let mut reads = read.iter();
    before.rounds.retain(|_| reads.next().copied().unwrap_or(true));
}

#[cfg(test)]
mod tests {
    use blindsight_exact_eval::network::Layer;

    use super::*;

    fn scaled(magnitude: f64, sums: &[(&[(u32, i32)], f64)]) -> Scaled {
        let sum =
            |&(terms, constant): &(&[(u32, i32)], f64)| Sum { terms: terms.to_vec(), constant };
        let sums: Vec<Sum> = sums.iter().map(sum).collect();
        Scaled {
            rounds: (0..sums.len()).map(|i| i as f64).collect(),
            layer: Layer { magnitude, sums },
        }
    }

    #[test]
    fn known_signs_become_constants_and_unread_ones_go() {
        let mut layers = [
            scaled(0.25, &[(&[(0, 1)], 0.0), (&[], 0.25), (&[(1, 2)], 0.0), (&[], 0.0)]),
            // The second reads what is known alone, and so is known.
            scaled(0.125, &[(&[(0, 1), (1, 2), (3, 1)], 0.0), (&[(1, 1), (3, -1)], -0.5)]),
            scaled(0.0625, &[(&[(0, 3), (1, 2)], 0.5)]),
        ];
        prune(&mut layers);
        assert_eq!(layers[0].layer.sums, scaled(0.25, &[(&[(0, 1)], 0.0)]).layer.sums);
        assert_eq!(layers[0].rounds, [0.0]);
        // Twice plus, once minus an eighth; -1/2 and two eighths.
        assert_eq!(layers[1].layer.sums, scaled(0.125, &[(&[(0, 1)], 0.125)]).layer.sums);
        assert_eq!(layers[2].layer.sums, scaled(0.1, &[(&[(0, 3)], 0.375)]).layer.sums);
    }

    #[test]
    fn every_layer_keeps_a_value() {
        let mut layers =
            [scaled(0.25, &[(&[], 0.1), (&[], 0.2)]), scaled(0.25, &[(&[(1, 1)], 0.0)])];
        prune(&mut layers);
        assert_eq!(layers[0].layer.sums.len(), 1);
        assert_eq!(layers[1].layer.sums, [Sum { terms: vec![], constant: 0.25 }]);
    }
}
