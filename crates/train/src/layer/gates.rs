//! Gates before the elements that a layer reads, many of which close (Louizos, Welling and Kingma
//! 2018): a gate is a random number between 0 and 1, and often exactly one of the two, whose
//! distribution is learnt.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Kind, Maps, Tensor};
use crate::fit::L0;

/// How far from steps the distribution is, and what it is stretched to before it is cut off at 0 and
/// 1: those of the paper.
const BETA: f32 = 2.0 / 3.0;
const LOW: f32 = -0.1;
const HIGH: f32 = 1.1;

/// What gates begin with: nearly all are open.
const START: f32 = 2.0;

pub(super) struct Gates {
    /// Where each gate's distribution lies: far above zero it is open, far below closed.
    pub(super) places: Tensor,
    l0: L0,
    random: ChaCha8Rng,
    /// The gates of the last batch in training, and their slopes by their places.
    drawn: Vec<[f32; 2]>,
    /// What the gates of the last batch in training stood before.
    source: Maps,
}

impl Gates {
    pub(super) fn new(count: usize, l0: L0, seed: u64) -> Self {
        Self {
            places: Tensor::new(Kind::Learnt, vec![START; count]),
            l0,
            random: ChaCha8Rng::seed_from_u64(seed),
            drawn: Vec::new(),
            source: Maps::default((0, 0)),
        }
    }

    /// What passes: in training gates are drawn, the same for the whole batch; else they are what
    /// they are without chance.
    pub(super) fn pass(&mut self, mut source: Maps, training: bool) -> Maps {
        if !training {
            let gates: Vec<f32> = self.places.values.iter().map(|&place| still(place)).collect();
            return times(source, gates.iter());
        }
        let random = &mut self.random;
        let noise: Vec<f32> =
            self.places.values.iter().map(|_| random.random_range(1e-6..1.0_f32 - 1e-6)).collect();
        self.draw(&noise);
        std::mem::swap(&mut self.source, &mut source);
        times(self.source.clone(), self.drawn.iter().map(|[gate, _]| gate))
    }

    fn draw(&mut self, noise: &[f32]) {
        let gate = |(place, u): (&f32, &f32)| {
            let part = sigmoid((place + (u / (1.0 - u)).ln()) / BETA);
            let wide = part * (HIGH - LOW) + LOW;
            let slope = (HIGH - LOW) * part * (1.0 - part) / BETA;
            [wide.clamp(0.0, 1.0), if (0.0..1.0).contains(&wide) { slope } else { 0.0 }]
        };
        self.drawn = self.places.values.iter().zip(noise).map(gate).collect();
    }

    /// The gradient by the source, from that by what passed; adds those by the gates' places.
    pub(super) fn back(&mut self, gradient: Maps) -> Maps {
        let excess = self.penalty() > 0.0;
        let each = self.l0.weight / self.places.values.len() as f32;
        let columns = gradient.columns().into_iter().zip(self.source.columns()).zip(&self.drawn);
        let places = self.places.values.iter().zip(&mut self.places.gradient);
        for (((gradient, source), [_, slope]), (place, to)) in columns.zip(places) {
            *to += slope * gradient.dot(&source);
            if excess {
                let open = open(*place);
                *to += each * open * (1.0 - open);
            }
        }
        times(gradient, self.drawn.iter().map(|[gate, _]| gate))
    }

    /// What gates that are expected to be open, beyond the most that may be, add to the loss.
    pub(super) fn penalty(&self) -> f64 {
        let expected: f64 = self.places.values.iter().map(|&place| f64::from(open(place))).sum();
        let excess = (expected - self.l0.most as f64).max(0.0);
        f64::from(self.l0.weight) * excess / self.places.values.len() as f64
    }

    /// The gates without chance, of which only the most that may be open are.
    pub(super) fn closed(&self) -> Vec<f32> {
        let places = &self.places.values;
        let mut order: Vec<usize> = (0..places.len()).collect();
        order.sort_by(|&a, &b| places[b].total_cmp(&places[a]));
        let mut gates = vec![0.0; places.len()];
        for &at in order.iter().take(self.l0.most) {
            gates[at] = still(places[at]);
        }
        gates
    }
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// The gate without chance.
fn still(place: f32) -> f32 {
    (sigmoid(place) * (HIGH - LOW) + LOW).clamp(0.0, 1.0)
}

/// The chance that a gate is not closed.
fn open(place: f32) -> f32 {
    sigmoid(place - BETA * (-LOW / HIGH).ln())
}

/// Every column times its factor.
fn times<'a>(mut maps: Maps, factors: impl Iterator<Item = &'a f32>) -> Maps {
    for (mut column, &factor) in maps.columns_mut().into_iter().zip(factors) {
        column.mapv_inplace(|x| x * factor);
    }
    maps
}

#[cfg(test)]
mod tests {
    use super::*;

    const L: L0 = L0 { most: 1, weight: 0.3 };

    /// With the same draw, a gate's place has the slope that was computed.
    #[test]
    fn gradients_are_slopes() {
        let maps =
            Maps::from_shape_fn((3, 4), |(row, column)| (row * 4 + column) as f32 * 0.2 - 1.0);
        let noise = [0.25, 0.4, 0.6, 0.7];
        let at = |places: &[f32]| {
            let mut gates = Gates::new(4, L, 1);
            gates.places.values = places.to_vec();
            gates.draw(&noise);
            gates.source = maps.clone();
            gates
        };
        let loss = |places: &[f32]| {
            let gates = at(places);
            let passed = times(maps.clone(), gates.drawn.iter().map(|[gate, _]| gate));
            passed.iter().map(|x| f64::from(x * x)).sum::<f64>() / 2.0 + gates.penalty()
        };
        let places = [0.1, -0.2, 0.3, -0.4];
        let mut gates = at(&places);
        let passed = times(maps.clone(), gates.drawn.iter().map(|[gate, _]| gate));
        let back = gates.back(passed.clone());
        for (column, [gate, _]) in gates.drawn.iter().enumerate() {
            assert!(*gate > 0.0 && *gate < 1.0);
            assert!((back[[1, column]] - gate * passed[[1, column]]).abs() < 1e-6);
        }
        for (place, found) in gates.places.gradient.iter().enumerate() {
            let moved = |step: f32| {
                let mut places = places;
                places[place] += step;
                loss(&places)
            };
            let measured = (moved(1e-2) - moved(-1e-2)) / 2e-2;
            assert!((measured - f64::from(*found)).abs() < 1e-3, "{place}: {measured} {found}");
        }
    }

    #[test]
    fn no_more_stay_open_than_may() {
        let mut gates = Gates::new(4, L0 { most: 2, weight: 1.0 }, 1);
        gates.places.values = vec![9.0, -9.0, 3.0, 4.0];
        assert_eq!(gates.closed(), [1.0, 0.0, 0.0, 1.0]);
        gates.places.values = vec![-9.0; 4];
        assert_eq!(gates.closed(), [0.0; 4]);
        assert_eq!(gates.penalty(), 0.0);
    }
}
