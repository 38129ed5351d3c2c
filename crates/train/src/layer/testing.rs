//! Gradients against slopes that are measured.

use blindsight_model::sequential::Layer;
use blindsight_model::tensor::Shape;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Kind, Learning, Maps, Mode, learning};
use crate::fit::Range;

/// Compares all gradients of the sum of all results, each times a random number, with differences.
pub(super) fn check_slopes([channels, height, width]: [usize; 3], layer: Layer, tolerance: f64) {
    let source = Shape::new(channels, height, width).unwrap();
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut layer = learning(0, layer, source, &mut random).unwrap();
    let mut draw = |_| random.random_range(-1.0_f32..1.0);
    let maps = Maps::from_shape_simple_fn((3, source.elements()), || draw(()));
    for tensor in layer.tensors() {
        tensor.values.iter_mut().for_each(|x| *x += 0.3 * draw(()).abs());
    }
    let range = Some(Range { limit: 0.5, weight: 2.0 });
    let mode = Mode { training: true, range, ..Mode::default() };
    let result = layer.forward(maps.clone(), mode);
    let factors = result.map(|_| draw(()));
    let loss = |layer: &mut dyn Learning, maps: &Maps| {
        let result = layer.forward(maps.clone(), mode);
        let sum: f64 = result.iter().zip(&factors).map(|(x, f)| f64::from(x * f)).sum();
        sum + layer.penalty()
    };
    let gradient = layer.backward(factors.clone(), false);
    let found: Vec<Vec<f32>> =
        layer.tensors().iter().map(|tensor| tensor.gradient.clone()).collect();

    let step = 1e-2;
    let close = |measured: f64, found: f32, what: &str| {
        let bound = tolerance * (1.0 + measured.abs());
        assert!((measured - f64::from(found)).abs() < bound, "{what}: {measured} {found}");
    };
    for (at, &found) in gradient.indexed_iter() {
        let mut at_step = |step: f32| {
            let mut moved = maps.clone();
            moved[at] += step;
            loss(layer.as_mut(), &moved)
        };
        // A kink within the step has no slope.
        if maps[at].abs() < 2.0 * step || (maps[at].abs() - 0.5).abs() < 2.0 * step {
            continue;
        }
        let measured = (at_step(step) - at_step(-step)) / f64::from(2.0 * step);
        close(measured, found, &format!("source {at:?}"));
    }
    for (tensor, found) in found.iter().enumerate() {
        for (at, &found) in found.iter().enumerate() {
            assert_ne!(layer.tensors()[tensor].kind, Kind::Measured);
            let mut at_step = |step: f32| {
                layer.tensors()[tensor].values[at] += step;
                let loss = loss(layer.as_mut(), &maps);
                layer.tensors()[tensor].values[at] -= step;
                loss
            };
            let measured = (at_step(step) - at_step(-step)) / f64::from(2.0 * step);
            close(measured, found, &format!("tensor {tensor}, number {at}"));
        }
    }
}
