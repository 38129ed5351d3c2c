//! What each pass keeps of each place.

use super::super::coverage::{ActivationCoverage, NEAR_BOUND};
use super::super::range::{bounds, usable};
use super::super::{ActivationRange, BINS, Histogram, MAX_MAGNITUDE, Margin, Range};
use crate::graph::ActivationKind;
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

    pub(super) fn absorb(&mut self, other: &Self) {
        for (largest, more) in self.0.iter_mut().zip(&other.0) {
            *largest = largest.max(*more);
        }
    }
}

/// Counts of x / B by channel: the second pass over an activation's input.
#[derive(Clone, Debug)]
pub(super) struct BoundedCounts {
    largest: Vec<f32>,
    kind: ActivationKind,
    margin: Margin,
    bounds: Vec<f32>,
    /// For every channel, [`BINS`] bins of equal width over [-1, 1].
    counts: Vec<Vec<u64>>,
    /// Whether the function of any value of the channel was not zero.
    active: Vec<bool>,
    near_bound: u64,
    largest_early: f32,
}

impl BoundedCounts {
    /// No counts yet, or `None` when all values of the first pass were zero.
    pub(super) fn new(
        largest: LargestByChannel,
        kind: ActivationKind,
        margin: Margin,
    ) -> Option<Self> {
        let LargestByChannel(largest) = largest;
        usable(&largest).then(|| Self {
            bounds: bounds(&largest, kind.is_homogeneous(), margin),
            counts: vec![vec![0; BINS]; largest.len()],
            active: vec![false; largest.len()],
            near_bound: 0,
            largest_early: 0.0,
            largest,
            kind,
            margin,
        })
    }

    /// Whether no value is larger than those of the first pass. `early` says that the picture is
    /// not of the last quarter.
    #[must_use]
    pub(super) fn record(&mut self, values: &Tensor, early: bool) -> bool {
        let mut seen_before = true;
        let channels = self.largest.iter().zip(&self.bounds).zip(&mut self.counts);
        let planes = values.planes().zip(&mut self.active);
        for (((&largest, &bound), counts), (plane, active)) in channels.zip(planes) {
            // In double precision, so that tiny negative values stay left of zero.
            let per_unit = BINS as f64 / 2.0 / f64::from(bound);
            for &x in plane {
                let place = f64::from(x) * per_unit + BINS as f64 / 2.0;
                counts[(place as usize).min(BINS - 1)] += 1;
            }
            seen_before &= plane.iter().all(|x| x.abs() <= largest);
            let near = plane.iter().filter(|x| x.abs() > NEAR_BOUND * bound);
            self.near_bound += near.count() as u64;
            let relu = self.kind == ActivationKind::Relu;
            *active |= plane.iter().any(|&x| x > 0.0 || (x < 0.0 && !relu));
            if early {
                let largest = |max: f32, x: &f32| max.max(x.abs());
                self.largest_early = plane.iter().fold(self.largest_early, largest);
            }
        }
        seen_before
    }

    pub(super) fn absorb(&mut self, other: &Self) {
        for (counts, more) in self.counts.iter_mut().flatten().zip(other.counts.iter().flatten()) {
            *counts += more;
        }
        for (active, also) in self.active.iter_mut().zip(&other.active) {
            *active |= also;
        }
        self.near_bound += other.near_bound;
        self.largest_early = self.largest_early.max(other.largest_early);
    }

    /// How well the values cover the interval.
    pub(super) fn coverage(&self) -> ActivationCoverage {
        let silent = self.active.iter().enumerate().filter(|&(_, &active)| !active);
        ActivationCoverage {
            channels: self.largest.len(),
            values: self.counts.iter().flatten().sum(),
            near_bound: self.near_bound,
            largest: self.largest.iter().copied().fold(0.0, f32::max),
            largest_early: self.largest_early,
            silent_channels: silent.map(|(channel, _)| channel).collect(),
        }
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
        ActivationRange::new(self.largest, self.kind.is_homogeneous(), self.margin, histogram)
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

    pub(super) fn absorb(&mut self, other: Self) {
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.histogram.absorb(other.histogram);
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
        let mut counts =
            BoundedCounts::new(largest.clone(), ActivationKind::Relu, margin(1.0)).unwrap();
        for _ in 0..32 {
            assert!(counts.record(&values, true));
        }
        let range = counts.finish().unwrap();
        assert_eq!(range.bounds(), [1.0, 4.0]);
        let filled: Vec<_> = filled_bins(range.histogram());
        // The first channel's values count a sixteenth.
        let expected = [(0, 32), (128, 2), (255, 2), (256, 32), (384, 34), (511, 34)];
        assert_eq!(filled, expected);

        let mut counts = BoundedCounts::new(largest, ActivationKind::Silu, margin(2.0)).unwrap();
        assert!(counts.record(&values, true));
        let range = counts.finish().unwrap();
        assert_eq!(range.bounds(), [8.0, 8.0]);
        assert_eq!(range.histogram().total(), 8);
    }

    #[test]
    fn rare_values_of_weak_channels_are_kept() {
        let values = map([1.0, 0.0, 0.0, 0.0, 100.0, 0.0, 0.0, 0.0]);
        let mut largest = LargestByChannel::new(values.shape());
        assert!(largest.record(&values));
        let mut counts = BoundedCounts::new(largest, ActivationKind::Relu, margin(1.0)).unwrap();
        assert!(counts.record(&values, true));
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
        assert!(BoundedCounts::new(zero, ActivationKind::Relu, margin(1.0)).is_none());
        let ones = LargestByChannel(vec![1.0, 2.0]);
        let mut counts = BoundedCounts::new(ones, ActivationKind::Relu, margin(1.5)).unwrap();
        assert!(counts.record(&map([1.0; 8]), true));
        assert!(!counts.record(&map([1.1; 8]), true));
        assert!(!counts.record(&map([f32::NAN; 8]), true));
        assert!(ScoreRecorder::default().record(&Tensor::zeros(shape)));
        let mut zero = ScoreRecorder::default();
        assert!(zero.record(&Tensor::zeros(shape)));
        assert!(zero.finish(margin(1.0)).is_none());
    }

    #[test]
    fn coverage_tells_what_the_values_do() {
        let values = map([1.0, 0.95, 0.5, -1.0, -2.0, -4.0, 0.0, -3.7]);
        let mut largest = LargestByChannel::new(values.shape());
        assert!(largest.record(&values));
        for (kind, silent) in [(ActivationKind::Relu, vec![1]), (ActivationKind::Identity, vec![])]
        {
            let mut early = BoundedCounts::new(largest.clone(), kind, margin(1.0)).unwrap();
            let mut late = early.clone();
            assert!(early.record(&map([0.5, 0.0, 0.0, 0.0, -3.0, 0.0, 0.0, 0.0]), true));
            assert!(late.record(&values, false));
            early.absorb(&late);
            let expected = ActivationCoverage {
                channels: 2,
                values: 16,
                near_bound: 5,
                largest: 4.0,
                largest_early: 3.0,
                silent_channels: silent,
            };
            assert_eq!(early.coverage(), expected);
        }
    }

    fn filled_bins(histogram: &Histogram) -> Vec<(usize, u64)> {
        let counts = histogram.counts().iter().copied().enumerate();
        counts.filter(|&(_, count)| count > 0).collect()
    }
}
