//! What each pass keeps of each place.

use super::super::range::{bounds, usable};
use super::super::{ActivationRange, BINS, Histogram, MAX_MAGNITUDE, Margin, Range};
use crate::tensor::{Shape, Tensor};

/// The largest magnitude of every channel: the first pass over an activation's input.
#[derive(Clone, Debug)]
pub(super) struct LargestByChannel(Vec<f32>);

impl LargestByChannel {
    pub(super) fn new(shape: Shape) -> Self {
        Self(vec![0.0; shape.channels()])
    }

    /// Whether all values are finite and below the limit.
    #[must_use]
    pub(super) fn record(&mut self, values: &Tensor) -> bool {
        let sane = |x: &f32| x.abs() <= MAX_MAGNITUDE;
        for (largest, plane) in self.0.iter_mut().zip(values.planes()) {
            *largest = plane.iter().fold(*largest, |max, x| max.max(x.abs()));
        }
        values.values().iter().all(sane)
    }
}

/// Counts of x / B by channel: the second pass over an activation's input.
#[derive(Clone, Debug)]
pub(super) struct BoundedCounts {
    largest: Vec<f32>,
    per_channel: bool,
    margin: Margin,
    bounds: Vec<f32>,
    /// For every channel, [`BINS`] bins of equal width over [-1, 1].
    counts: Vec<Vec<u64>>,
}

impl BoundedCounts {
    /// No counts yet, or `None` when all values of the first pass were zero.
    pub(super) fn new(
        largest: LargestByChannel,
        per_channel: bool,
        margin: Margin,
    ) -> Option<Self> {
        let LargestByChannel(largest) = largest;
        usable(&largest).then(|| Self {
            bounds: bounds(&largest, per_channel, margin),
            counts: vec![vec![0; BINS]; largest.len()],
            largest,
            per_channel,
            margin,
        })
    }

    /// Whether no value is larger than those of the first pass.
    #[must_use]
    pub(super) fn record(&mut self, values: &Tensor) -> bool {
        let mut seen_before = true;
        let channels = self.largest.iter().zip(&self.bounds).zip(&mut self.counts);
        for (((&largest, &bound), counts), plane) in channels.zip(values.planes()) {
            // In double precision, so that tiny negative values stay left of zero.
            let per_unit = BINS as f64 / 2.0 / f64::from(bound);
            for &x in plane {
                seen_before &= x.abs() <= largest;
                let place = f64::from(x) * per_unit + BINS as f64 / 2.0;
                counts[(place as usize).min(BINS - 1)] += 1;
            }
        }
        seen_before
    }

    /// The range, or `None` when nothing was counted.
    pub(super) fn finish(self) -> Option<ActivationRange> {
        let top = self.bounds.iter().copied().fold(0.0, f32::max);
        let mut pooled = vec![0.0; BINS];
        for (&bound, counts) in self.bounds.iter().zip(&self.counts) {
            let weight = f64::from(bound / top).powi(2);
            for (sum, &count) in pooled.iter_mut().zip(counts) {
                *sum += weight * count as f64;
            }
        }
        // A rare value must not vanish: it sets where the density ends.
        let whole = |sum: f64| {
            let count = sum.round() as u64;
            if sum > 0.0 { count.max(1) } else { 0 }
        };
        let histogram = Histogram::new(1.0, pooled.into_iter().map(whole).collect())?;
        ActivationRange::new(self.largest, self.per_channel, self.margin, histogram)
    }
}

/// Collects the range of the scores, in one pass.
#[derive(Clone, Debug)]
pub(super) struct ScoreRecorder {
    min: f32,
    max: f32,
    histogram: Histogram,
}

impl Default for ScoreRecorder {
    fn default() -> Self {
        Self { min: f32::INFINITY, max: f32::NEG_INFINITY, histogram: Histogram::default() }
    }
}

impl ScoreRecorder {
    /// Whether all values could be recorded.
    #[must_use]
    pub(super) fn record(&mut self, values: &Tensor) -> bool {
        let recorded = self.histogram.record(values.values());
        if recorded {
            self.min = values.values().iter().copied().fold(self.min, f32::min);
            self.max = values.values().iter().copied().fold(self.max, f32::max);
        }
        recorded
    }

    /// The range, or `None` when all values were zero.
    pub(super) fn finish(self, margin: Margin) -> Option<Range> {
        let Self { min, max, histogram } = self;
        let bound = min.abs().max(max.abs()) * margin.factor();
        (bound > 0.0).then_some(Range { min, max, bound, histogram })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(values: [f32; 8]) -> Tensor {
        Tensor::new(Shape::new(2, 2, 2).unwrap(), values.to_vec()).unwrap()
    }

    fn margin(factor: f32) -> Margin {
        Margin::new(factor).unwrap()
    }

    #[test]
    fn channels_are_counted_by_the_square_of_their_bounds() {
        let values = map([1.0, -0.5, 0.5, -1e-9, 4.0, -4.0, 0.0, 2.0]);
        let mut largest = LargestByChannel::new(values.shape());
        assert!(largest.record(&values));
        assert_eq!(largest.0, [1.0, 4.0]);
        let mut counts = BoundedCounts::new(largest.clone(), true, margin(1.0)).unwrap();
        for _ in 0..32 {
            assert!(counts.record(&values));
        }
        let range = counts.finish().unwrap();
        assert_eq!(range.bounds(), [1.0, 4.0]);
        let filled: Vec<_> = filled_bins(range.histogram());
        // The first channel's values count a sixteenth.
        let expected = [(0, 32), (128, 2), (255, 2), (256, 32), (384, 34), (511, 34)];
        assert_eq!(filled, expected);

        let mut counts = BoundedCounts::new(largest, false, margin(2.0)).unwrap();
        assert!(counts.record(&values));
        let range = counts.finish().unwrap();
        assert_eq!(range.bounds(), [8.0, 8.0]);
        assert_eq!(range.histogram().total(), 8);
    }

    #[test]
    fn rare_values_of_weak_channels_are_kept() {
        let values = map([1.0, 0.0, 0.0, 0.0, 100.0, 0.0, 0.0, 0.0]);
        let mut largest = LargestByChannel::new(values.shape());
        assert!(largest.record(&values));
        let mut counts = BoundedCounts::new(largest, true, margin(1.0)).unwrap();
        assert!(counts.record(&values));
        // The floor of 5 makes the one lie at 0.2.
        let filled = filled_bins(counts.finish().unwrap().histogram());
        assert_eq!(filled, [(256, 3), (307, 1), (511, 1)]);
    }

    #[test]
    fn broken_and_larger_values_are_noticed() {
        for bad in [f32::NAN, f32::INFINITY, 2.0 * MAX_MAGNITUDE] {
            let values = map([0.0, bad, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
            let mut largest = LargestByChannel::new(values.shape());
            assert!(!largest.record(&values), "{bad}");
        }
        let shape = Shape::new(2, 2, 2).unwrap();
        let zero = LargestByChannel::new(shape);
        assert!(BoundedCounts::new(zero, true, margin(1.0)).is_none());
        let ones = LargestByChannel(vec![1.0, 2.0]);
        let mut counts = BoundedCounts::new(ones, true, margin(1.5)).unwrap();
        assert!(counts.record(&map([1.0; 8])));
        assert!(!counts.record(&map([1.1; 8])));
        assert!(!counts.record(&map([f32::NAN; 8])));
        assert!(ScoreRecorder::default().record(&Tensor::zeros(shape)));
        let mut zero = ScoreRecorder::default();
        assert!(zero.record(&Tensor::zeros(shape)));
        assert!(zero.finish(margin(1.0)).is_none());
    }

    fn filled_bins(histogram: &Histogram) -> Vec<(usize, u64)> {
        let counts = histogram.counts().iter().copied().enumerate();
        counts.filter(|&(_, count)| count > 0).collect()
    }
}
