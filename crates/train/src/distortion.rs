//! Random affine distortion of pictures: turned, scaled, sheared and moved, as hands differ.

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::batches::Batch;

/// Random affine maps of pictures, each around the middle of the picture, with values interpolated
/// between four neighbours. Clean pictures stay among them: interpolation softens edges, and what is
/// classified has not been softened.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Distortion {
    /// The part of the pictures that are distorted.
    pub share: f32,
    /// The largest angle, in degrees.
    pub turn: f32,
    /// The largest change of size, as a part of it, of rows and columns each.
    pub scale: f32,
    /// The furthest that columns slip against each other, as a part of their distance.
    pub shear: f32,
    /// The furthest move, in pixels.
    pub shift: f32,
}

impl Default for Distortion {
    fn default() -> Self {
        Self { share: 0.7, turn: 15.0, scale: 0.15, shear: 0.2, shift: 2.0 }
    }
}

impl Distortion {
    /// What is wrong with it, if anything is.
    pub(crate) fn mistake(&self) -> Option<&'static str> {
        let Self { share, turn, scale, shear, shift } = *self;
        let within = |x: f32, most: f32| (0.0..=most).contains(&x);
        match () {
            () if !within(share, 1.0) => Some("the share of distorted pictures"),
            () if !within(turn, 180.0) => Some("the largest turn"),
            () if !within(scale, 0.9) => Some("the largest change of size"),
            () if !within(shear, 2.0) => Some("the largest shear"),
            () if !within(shift, 1024.0) => Some("the furthest move"),
            () => None,
        }
    }

    /// Distorts a share of a batch of pictures of channels, rows and columns.
    pub(crate) fn apply(&self, batch: &mut Batch, shape: [usize; 3], random: &mut ChaCha8Rng) {
        // One generator a picture, so that what a picture becomes does not depend on threads.
        let seeds: Vec<u64> = (0..batch.labels.len()).map(|_| random.random()).collect();
        let mut rows: Vec<_> = batch.inputs.rows_mut().into_iter().collect();
        rows.par_iter_mut().zip(seeds).for_each(|(row, seed)| {
            let mut random = ChaCha8Rng::seed_from_u64(seed);
            let map = self.draw(&mut random);
            if random.random::<f32>() >= self.share {
                return;
            }
            let from = row.to_vec();
            let to = row.as_slice_mut().expect("rows of a batch lie together");
            mapped(&from, shape, map, to);
        });
    }

    /// From a place in the new picture, seen from its middle, to one in the old picture: two rows of
    /// down, right and one.
    fn draw(&self, random: &mut impl Rng) -> [[f32; 3]; 2] {
        let mut most = |limit: f32| limit * (2.0 * random.random::<f32>() - 1.0);
        let (sine, cosine) = most(self.turn).to_radians().sin_cos();
        let [tall, wide] = [1.0 + most(self.scale), 1.0 + most(self.scale)];
        let shear = most(self.shear);
        let [down, right] = [most(self.shift), most(self.shift)];
        [
            [cosine / tall, -sine / tall, down],
            [(sine + shear * cosine) / wide, (cosine - shear * sine) / wide, right],
        ]
    }
}

/// Reads every pixel from where the map says; beyond the picture all is zero.
fn mapped(
    from: &[f32],
    [_, height, width]: [usize; 3],
    [rows, columns]: [[f32; 3]; 2],
    to: &mut [f32],
) {
    let middle = [height, width].map(|side| (side as f32 - 1.0) / 2.0);
    let place = |[a, b, c]: [f32; 3], y: f32, x: f32| a * y + b * x + c;
    let planes = from.chunks_exact(height * width).zip(to.chunks_exact_mut(height * width));
    for (from, to) in planes {
        for (index, pixel) in to.iter_mut().enumerate() {
            let (y, x) = ((index / width) as f32 - middle[0], (index % width) as f32 - middle[1]);
            let (y, x) = (place(rows, y, x) + middle[0], place(columns, y, x) + middle[1]);
            let (top, left) = (y.floor(), x.floor());
            let value = |row: f32, column: f32| {
                let inside =
                    (0.0..height as f32).contains(&row) && (0.0..width as f32).contains(&column);
                if inside { from[row as usize * width + column as usize] } else { 0.0 }
            };
            let between = |row: f32| {
                value(row, left) * (1.0 - (x - left)) + value(row, left + 1.0) * (x - left)
            };
            *pixel = between(top) * (1.0 - (y - top)) + between(top + 1.0) * (y - top);
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;

    const STILL: Distortion =
        Distortion { share: 1.0, turn: 0.0, scale: 0.0, shear: 0.0, shift: 0.0 };

    fn batch(pictures: usize) -> Batch {
        let values = (0..pictures * 12).map(|x| x as f32).collect();
        let inputs = Array2::from_shape_vec((pictures, 12), values).unwrap();
        Batch { inputs, labels: vec![0; pictures] }
    }

    #[test]
    fn maps_turn_and_move_pictures() {
        let from: Vec<f32> = (1..=9).map(|x| x as f32).collect();
        let run = |map| {
            let mut to = vec![0.0; 9];
            mapped(&from, [1, 3, 3], map, &mut to);
            to
        };
        assert_eq!(run([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]), from);
        assert_eq!(
            run([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]]),
            [3.0, 6.0, 9.0, 2.0, 5.0, 8.0, 1.0, 4.0, 7.0]
        );
        let half = run([[1.0, 0.0, 0.5], [0.0, 1.0, 0.0]]);
        assert_eq!(half, [2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 3.5, 4.0, 4.5]);
        assert_eq!(run([[1.0, 0.0, 9.0], [0.0, 1.0, 0.0]]), [0.0; 9]);
    }

    #[test]
    fn the_seed_says_what_becomes_of_a_share() {
        let clean = batch(400).inputs;
        let distorted = |distortion: Distortion, seed| {
            let mut batch = batch(400);
            distortion.apply(&mut batch, [1, 3, 4], &mut ChaCha8Rng::seed_from_u64(seed));
            batch.inputs
        };
        assert_eq!(distorted(STILL, 1), clean);
        let half = Distortion { share: 0.5, ..Distortion::default() };
        let found = distorted(half, 1);
        assert_eq!(found, distorted(half, 1));
        assert_ne!(found, distorted(half, 2));
        let same = found.rows().into_iter().zip(clean.rows()).filter(|(x, y)| x == y).count();
        // Half of 400, give or take four deviations of ten.
        assert!((160..=240).contains(&same), "{same}");
    }

    #[test]
    fn nonsense_is_named() {
        assert_eq!(Distortion::default().mistake(), None);
        let wrong = [
            Distortion { share: 1.1, ..STILL },
            Distortion { turn: -1.0, ..STILL },
            Distortion { scale: 1.0, ..STILL },
            Distortion { shear: f32::NAN, ..STILL },
            Distortion { shift: f32::INFINITY, ..STILL },
        ];
        for wrong in wrong {
            assert!(wrong.mistake().is_some(), "{wrong:?}");
        }
    }
}
