//! Batches of samples in random order, pictures shifted at random.

use ndarray::Array2;
use rand::seq::SliceRandom;
use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::Samples;

/// Random shifts of pictures. Clean pictures stay among them: those are what is classified.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shifts {
    /// The furthest shift in each direction, in pixels.
    pub most: usize,
    /// The part of the pictures that are shifted.
    pub share: f32,
}

impl Default for Shifts {
    fn default() -> Self {
        Self { most: 2, share: 0.7 }
    }
}

/// Some inputs, one a row, with their labels.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) inputs: Array2<f32>,
    pub(crate) labels: Vec<usize>,
}

/// All samples once, in an order drawn from `random`. What is left over at the end is left out: a
/// small batch would count as much as a whole one.
pub(crate) fn shuffled<'a>(
    samples: &'a Samples,
    size: usize,
    shifts: Option<Shifts>,
    random: &'a mut ChaCha8Rng,
) -> impl Iterator<Item = Batch> + use<'a> {
    let mut order: Vec<usize> = (0..samples.len()).collect();
    order.shuffle(random);
    let size = size.min(order.len());
    let batches = order.len() / size;
    (0..batches).map(move |batch| {
        let chosen = &order[batch * size..][..size];
        let moves: Vec<_> =
            chosen.iter().map(|_| shifts.map_or([0; 2], |s| s.draw(random))).collect();
        gather(samples, chosen, &moves)
    })
}

/// All samples in their order, as they are.
pub(crate) fn in_order(samples: &Samples, size: usize) -> impl Iterator<Item = Batch> {
    (0..samples.len()).step_by(size).map(move |first| {
        let chosen: Vec<usize> = (first..samples.len().min(first + size)).collect();
        gather(samples, &chosen, &vec![[0; 2]; chosen.len()])
    })
}

impl Shifts {
    /// Rows and columns to shift a picture by.
    fn draw(self, random: &mut impl Rng) -> [isize; 2] {
        // Drawn in any case, so that the share does not change what follows.
        let most = self.most as i32;
        let shift = [0; 2].map(|_: i32| random.random_range(-most..=most) as isize);
        if random.random::<f32>() < self.share { shift } else { [0; 2] }
    }
}

fn gather(samples: &Samples, chosen: &[usize], moves: &[[isize; 2]]) -> Batch {
    let each = samples.each();
    let mut values = vec![0.0; chosen.len() * each];
    let rows = values.par_chunks_exact_mut(each).zip(chosen).zip(moves);
    rows.for_each(|((to, &at), shift)| shifted(samples.input(at), samples.shape(), *shift, to));
    let labels = chosen.iter().map(|&at| samples.labels()[at]).collect();
    let inputs = Array2::from_shape_vec((chosen.len(), each), values);
    Batch { inputs: inputs.expect("so many rows were made"), labels }
}

/// Moves every channel down and to the right; what comes in is zero, as `to` is.
fn shifted(
    from: &[f32],
    [_, height, width]: [usize; 3],
    [down, right]: [isize; 2],
    to: &mut [f32],
) {
    if [down, right] == [0; 2] {
        return to.copy_from_slice(from);
    }
    let overlap = |side: usize, by: isize| {
        let start = by.max(0) as usize;
        (start.min(side)..side.saturating_add_signed(by).min(side)).collect::<Vec<_>>()
    };
    let (rows, columns) = (overlap(height, down), overlap(width, right));
    let (Some(&first), Some(&last)) = (columns.first(), columns.last()) else { return };
    let planes = from.chunks_exact(height * width).zip(to.chunks_exact_mut(height * width));
    for (from, to) in planes {
        for &row in &rows {
            let source = row.wrapping_add_signed(-down) * width;
            let read = first.wrapping_add_signed(-right);
            let row = &mut to[row * width..][first..=last];
            row.copy_from_slice(&from[source + read..][..row.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn pictures_move_and_zeros_come_in() {
        let from: Vec<f32> = (1..=12).map(|x| x as f32).collect();
        let run = |shift| {
            let mut to = vec![0.0; 12];
            shifted(&from, [2, 2, 3], shift, &mut to);
            to
        };
        assert_eq!(run([0, 0]), from);
        assert_eq!(run([1, 0]), [0., 0., 0., 1., 2., 3., 0., 0., 0., 7., 8., 9.]);
        assert_eq!(run([0, -1]), [2., 3., 0., 5., 6., 0., 8., 9., 0., 11., 12., 0.]);
        assert_eq!(run([-1, 2]), [0., 0., 4., 0., 0., 0., 0., 0., 10., 0., 0., 0.]);
        assert_eq!(run([2, 0]), [0.0; 12]);
        assert_eq!(run([0, -3]), [0.0; 12]);
    }

    #[test]
    fn every_sample_comes_once_and_the_seed_says_when() {
        let samples =
            Samples::new([1, 1, 1], (0..10).map(|x| x as f32).collect(), (0..10).collect());
        let samples = samples.unwrap();
        let order = |seed| {
            let mut random = ChaCha8Rng::seed_from_u64(seed);
            let batches = shuffled(&samples, 3, None, &mut random);
            batches.flat_map(|batch| batch.labels).collect::<Vec<_>>()
        };
        let first = order(1);
        assert_eq!((first.len(), &first), (9, &order(1)));
        assert_ne!(first, order(2));
        let mut sorted = first;
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), 9);
        let all: Vec<_> = in_order(&samples, 4).flat_map(|batch| batch.labels).collect();
        assert_eq!(all, (0..10).collect::<Vec<_>>());
    }

    #[test]
    fn so_many_pictures_are_shifted() {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let shifts = Shifts { most: 2, share: 0.5 };
        let drawn: Vec<_> = (0..4000).map(|_| shifts.draw(&mut random)).collect();
        let clean = drawn.iter().filter(|shift| **shift == [0; 2]).count();
        // Half, and one in 25 of the others: 2,080, give or take four deviations of 32.
        assert!((1950..2210).contains(&clean), "{clean}");
        assert!(drawn.iter().flatten().all(|by| by.abs() <= 2));
    }
}
