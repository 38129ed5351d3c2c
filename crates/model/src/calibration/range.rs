//! Where the values of one place in the network lie.

use super::{Histogram, Margin};

/// A bound is at least this share of what its layer's largest channel needs without margin: a
/// channel that hardly ever lived on the measured pictures may live on others.
///
/// Part of the file format, because bounds are not written but computed.
pub const LEAST_SHARE: f32 = 0.05;

/// Where the inputs of one activation lie.
///
/// A function with f(s x) = s f(x) for s > 0 has a bound for every channel, because the scale of
/// a channel can move from the weights that make it to those that read it. Another has one for
/// all channels.
#[derive(Clone, Debug, PartialEq)]
pub struct ActivationRange {
    largest: Vec<f32>,
    per_channel: bool,
    margin: Margin,
    histogram: Histogram,
}

impl ActivationRange {
    /// A range, or `None` when there are no channels, a magnitude is not one that can be
    /// measured, all are zero or the histogram is not over [-1, 1].
    pub(super) fn new(
        largest: Vec<f32>,
        per_channel: bool,
        margin: Margin,
        histogram: Histogram,
    ) -> Option<Self> {
        let sound = usable(&largest) && histogram.limit() == 1.0;
        sound.then_some(Self { largest, per_channel, margin, histogram })
    }

    /// Number of channels.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.largest.len()
    }

    /// Largest magnitude seen in every channel.
    #[must_use]
    pub fn largest(&self) -> &[f32] {
        &self.largest
    }

    /// Whether the bounds of the channels differ.
    #[must_use]
    pub const fn per_channel(&self) -> bool {
        self.per_channel
    }

    /// The factor between the largest magnitude and the bound.
    #[must_use]
    pub const fn margin(&self) -> Margin {
        self.margin
    }

    /// The bound B > 0 of every channel: the encrypted network is right while the magnitudes stay
    /// below them. None is less than the largest magnitude seen.
    #[must_use]
    pub fn bounds(&self) -> Vec<f32> {
        bounds(&self.largest, self.per_channel, self.margin)
    }

    /// How often x / B was seen where in [-1, 1], all channels together. A value counts as the
    /// square of its channel's bound, relative to the largest bound, because the error that the
    /// fit leaves there is multiplied with the bound. Bins with any value count at least 1.
    #[must_use]
    pub const fn histogram(&self) -> &Histogram {
        &self.histogram
    }
}

/// Whether every magnitude can be measured and one is positive.
pub(super) fn usable(largest: &[f32]) -> bool {
    let possible = |x: &f32| (0.0..=super::MAX_MAGNITUDE).contains(x);
    largest.iter().all(possible) && largest.iter().any(|&x| x > 0.0)
}

/// The bounds of channels with these largest magnitudes.
pub(super) fn bounds(largest: &[f32], per_channel: bool, margin: Margin) -> Vec<f32> {
    let top = largest.iter().copied().fold(0.0, f32::max);
    let bound = |&channel: &f32| {
        if per_channel {
            (channel * margin.factor()).max(top * LEAST_SHARE)
        } else {
            top * margin.factor()
        }
    };
    largest.iter().map(bound).collect()
}

/// Where the scores lie, all classes together.
#[derive(Clone, Debug, PartialEq)]
pub struct Range {
    pub(super) min: f32,
    pub(super) max: f32,
    pub(super) bound: f32,
    pub(super) histogram: Histogram,
}

impl Range {
    /// Smallest value seen.
    #[must_use]
    pub const fn min(&self) -> f32 {
        self.min
    }

    /// Largest value seen.
    #[must_use]
    pub const fn max(&self) -> f32 {
        self.max
    }

    /// Largest magnitude seen.
    #[must_use]
    pub fn max_magnitude(&self) -> f32 {
        self.min.abs().max(self.max.abs())
    }

    /// The bound B > 0: the encrypted network is right while the magnitude stays below it.
    /// Never less than [`Range::max_magnitude`].
    #[must_use]
    pub const fn bound(&self) -> f32 {
        self.bound
    }

    /// How often values were seen where.
    #[must_use]
    pub const fn histogram(&self) -> &Histogram {
        &self.histogram
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibration::BINS;

    #[test]
    fn bounds_leave_the_margin_and_never_vanish() {
        let margin = Margin::new(1.5).unwrap();
        let largest = [2.0, 0.0, 4.0, 0.1];
        assert_eq!(bounds(&largest, true, margin), [3.0, 0.2, 6.0, 0.2]);
        assert_eq!(bounds(&largest, false, margin), [6.0; 4]);
    }

    #[test]
    fn impossible_ranges_are_refused() {
        let margin = Margin::new(1.0).unwrap();
        let histogram = |limit| Histogram::new(limit, vec![1; BINS]).unwrap();
        let range =
            |largest: &[f32]| ActivationRange::new(largest.to_vec(), true, margin, histogram(1.0));
        assert!(range(&[0.0, 1.0]).is_some());
        for bad in [&[][..], &[0.0, 0.0], &[1.0, -1.0], &[f32::NAN, 1.0], &[f32::INFINITY], &[1e7]]
        {
            assert_eq!(range(bad), None, "{bad:?}");
        }
        let wide = ActivationRange::new(vec![1.0], true, margin, histogram(2.0));
        assert_eq!(wide, None);
    }
}
