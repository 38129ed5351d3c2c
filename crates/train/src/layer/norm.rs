//! Batch normalisation (Ioffe and Szegedy 2015).

use blindsight_model::sequential::EPSILON;
use blindsight_model::tensor::Shape;
use ndarray::{Array3, ArrayView3, ArrayViewMut3, Axis};

use super::{Kind, Learning, Maps, Mode, Tensor};

/// How much of the running statistics a batch replaces: PyTorch's default.
const MOMENTUM: f32 = 0.1;

pub(super) struct Norm {
    channels: usize,
    gain: Tensor,
    shift: Tensor,
    mean: Tensor,
    variance: Tensor,
    /// The last batch in training, without its mean and of deviation 1.
    normal: Array3<f32>,
    /// One over the deviation of every channel of that batch.
    factors: Vec<f32>,
}

impl Norm {
    pub(super) fn new(source: Shape) -> Self {
        let channels = source.channels();
        Self {
            channels,
            gain: Tensor::new(Kind::Learnt, vec![1.0; channels]),
            shift: Tensor::new(Kind::Learnt, vec![0.0; channels]),
            mean: Tensor::new(Kind::Measured, vec![0.0; channels]),
            variance: Tensor::new(Kind::Measured, vec![1.0; channels]),
            normal: Array3::default((0, 0, 0)),
            factors: Vec::new(),
        }
    }

    /// Pictures, channels, elements of a channel.
    fn dims(&self, maps: &Maps) -> (usize, usize, usize) {
        (maps.nrows(), self.channels, maps.ncols() / self.channels)
    }

    /// Mean and variance of every channel; the running ones move towards them.
    fn measure(&mut self, maps: ArrayView3<'_, f32>) -> Vec<(f32, f32)> {
        let count = (maps.len() / self.channels) as f64;
        let mut statistics = Vec::with_capacity(self.channels);
        for (channel, plane) in maps.axis_iter(Axis(1)).enumerate() {
            let mean = plane.iter().map(|&x| f64::from(x)).sum::<f64>() / count;
            let square = plane.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>();
            let unbiased = square / (count - 1.0).max(1.0);
            for (running, now) in [(&mut self.mean, mean), (&mut self.variance, unbiased)] {
                let running = &mut running.values[channel];
                *running += MOMENTUM * (now as f32 - *running);
            }
            statistics.push((mean as f32, (square / count) as f32));
        }
        statistics
    }
}

impl Learning for Norm {
    fn forward(&mut self, mut source: Maps, mode: Mode) -> Maps {
        let dims = self.dims(&source);
        let mut maps = view(&mut source, dims);
        let statistics = if mode.training {
            self.measure(maps.view())
        } else {
            self.mean.values.iter().copied().zip(self.variance.values.iter().copied()).collect()
        };
        let factor = |&(_, variance): &(f32, f32)| (variance + EPSILON as f32).sqrt().recip();
        self.factors = statistics.iter().map(factor).collect();
        for (channel, mut plane) in maps.axis_iter_mut(Axis(1)).enumerate() {
            let (mean, factor) = (statistics[channel].0, self.factors[channel]);
            plane.mapv_inplace(|x| (x - mean) * factor);
        }
        if mode.training {
            self.normal = maps.to_owned();
        }
        for (channel, mut plane) in maps.axis_iter_mut(Axis(1)).enumerate() {
            let (gain, shift) = (self.gain.values[channel], self.shift.values[channel]);
            plane.mapv_inplace(|x| gain * x + shift);
        }
        source
    }

    fn backward(&mut self, mut gradient: Maps, _: bool) -> Maps {
        let dims = self.dims(&gradient);
        let mut maps = view(&mut gradient, dims);
        let count = (dims.0 * dims.2) as f32;
        let planes = maps.axis_iter_mut(Axis(1)).zip(self.normal.axis_iter(Axis(1)));
        for (channel, (mut plane, normal)) in planes.enumerate() {
            let sum: f32 = plane.sum();
            let product: f32 = plane.iter().zip(normal).map(|(g, x)| g * x).sum();
            self.shift.gradient[channel] += sum;
            self.gain.gradient[channel] += product;
            let scale = self.gain.values[channel] * self.factors[channel];
            plane.zip_mut_with(&normal, |g, x| {
                *g = scale * (*g - (sum + x * product) / count);
            });
        }
        gradient
    }

    fn begin_at(&mut self, start: f32) {
        self.shift.values.fill(start);
    }

    fn tensors(&mut self) -> Vec<&mut Tensor> {
        vec![&mut self.gain, &mut self.shift, &mut self.mean, &mut self.variance]
    }
}

fn view(maps: &mut Maps, dims: (usize, usize, usize)) -> ArrayViewMut3<'_, f32> {
    let all = maps.as_slice_mut().expect("results of layers have the standard layout");
    ArrayViewMut3::from_shape(dims, all).expect("channels are whole")
}

#[cfg(test)]
mod tests {
    use blindsight_model::sequential::Layer;

    use super::*;
    use crate::layer::testing::check_slopes;

    #[test]
    fn gradients_are_slopes() {
        check_slopes([2, 2, 2], Layer::BatchNorm, 5e-3);
    }

    #[test]
    fn running_statistics_follow_the_batches() {
        let mut norm = Norm::new(Shape::new(1, 1, 2).unwrap());
        let batch = ndarray::arr2(&[[1.0, 3.0], [5.0, 7.0]]);
        let mode = Mode { training: true, ..Mode::default() };
        for _ in 0..200 {
            norm.forward(batch.clone(), mode);
        }
        assert!((norm.mean.values[0] - 4.0).abs() < 1e-4);
        assert!((norm.variance.values[0] - 20.0 / 3.0).abs() < 1e-4);
        let result = norm.forward(batch, Mode::default());
        assert!((result[[0, 0]] + 3.0 / (20.0_f32 / 3.0).sqrt()).abs() < 1e-4);
    }
}
