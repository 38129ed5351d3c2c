//! Means of windows that do not overlap.

use blindsight_model::tensor::Shape;
use ndarray::Axis;

use super::{Learning, Maps, Mode};

pub(super) struct Pool {
    elements: usize,
    results: usize,
    /// For every element that is read, the window that it counts to.
    windows: Vec<(usize, usize)>,
    part: f32,
}

impl Pool {
    pub(super) fn new(source: Shape, side: usize) -> Self {
        let (rows, columns) = (source.height() / side, source.width() / side);
        let mut windows = Vec::new();
        for channel in 0..source.channels() {
            // What is left over at the bottom and at the right is not read.
            for (row, column) in pairs(rows * side, columns * side) {
                let at = (channel * source.height() + row) * source.width() + column;
                windows.push((at, (channel * rows + row / side) * columns + column / side));
            }
        }
        let results = source.channels() * rows * columns;
        let part = 1.0 / (side * side) as f32;
        Self { elements: source.elements(), results, windows, part }
    }
}

fn pairs(rows: usize, columns: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..rows).flat_map(move |row| (0..columns).map(move |column| (row, column)))
}

impl Learning for Pool {
    fn forward(&mut self, source: Maps, _: Mode) -> Maps {
        let mut result = Maps::zeros((source.nrows(), self.results));
        for (mut to, from) in result.axis_iter_mut(Axis(0)).zip(source.axis_iter(Axis(0))) {
            for &(at, window) in &self.windows {
                to[window] += self.part * from[at];
            }
        }
        result
    }

    fn backward(&mut self, gradient: Maps, _: bool) -> Maps {
        let mut result = Maps::zeros((gradient.nrows(), self.elements));
        for (mut to, from) in result.axis_iter_mut(Axis(0)).zip(gradient.axis_iter(Axis(0))) {
            for &(at, window) in &self.windows {
                to[at] = self.part * from[window];
            }
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use blindsight_model::sequential::Layer;

    use crate::layer::testing::check_slopes;

    #[test]
    fn gradients_are_slopes() {
        check_slopes([2, 4, 5], Layer::AveragePool { side: 2 }, 1e-3);
    }
}
