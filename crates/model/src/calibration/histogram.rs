//! A histogram whose interval grows with the values, in one pass.

/// Number of bins, of equal width.
pub const BINS: usize = 512;

/// Largest magnitude that is recorded; a network with larger values is broken.
pub const MAX_MAGNITUDE: f32 = 1_048_576.0;

/// The first interval; small enough for any real network to fill at least one bin.
const FIRST_LIMIT: f32 = 1.0 / 1024.0;

/// Counts of values in [`BINS`] bins over [-limit, limit], limit a power of two.
///
/// When a value lies outside, the limit doubles and neighbouring bins merge, which is exact. In
/// the end the largest magnitude is more than half the limit, so at least half the bins are used.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    limit: f32,
    counts: Vec<u64>,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { limit: FIRST_LIMIT, counts: vec![0; BINS] }
    }
}

impl Histogram {
    /// A histogram with known counts, or `None` when there are not [`BINS`] of them, all are
    /// zero, their sum overflows, or the limit is not one that a histogram can have.
    #[must_use]
    pub fn new(limit: f32, counts: Vec<u64>) -> Option<Self> {
        let possible = limit.to_bits() & ((1 << 23) - 1) == 0
            && (FIRST_LIMIT..=MAX_MAGNITUDE).contains(&limit);
        let sum = counts.iter().try_fold(0_u64, |sum, &count| sum.checked_add(count));
        let sound = possible && counts.len() == BINS && sum.is_some_and(|sum| sum > 0);
        sound.then_some(Self { limit, counts })
    }

    /// The bins cover [-limit, limit].
    #[must_use]
    pub const fn limit(&self) -> f32 {
        self.limit
    }

    /// Counts of the bins, from -limit upwards.
    #[must_use]
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// Number of values recorded.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Middle and count of every bin, from -limit upwards.
    pub fn bins(&self) -> impl ExactSizeIterator<Item = (f64, u64)> {
        let limit = f64::from(self.limit);
        let middle = move |bin: usize| limit * ((2 * bin + 1) as f64 / BINS as f64 - 1.0);
        self.counts.iter().enumerate().map(move |(bin, &count)| (middle(bin), count))
    }

    /// Records the values, or records none and answers `false` when one is not finite or exceeds
    /// [`MAX_MAGNITUDE`].
    #[must_use]
    pub fn record(&mut self, values: &[f32]) -> bool {
        let sane = |x: &f32| x.abs() <= MAX_MAGNITUDE;
        if !values.iter().all(sane) {
            return false;
        }
        let largest = values.iter().fold(0.0_f32, |max, x| max.max(x.abs()));
        while self.limit < largest {
            self.double();
        }
        let per_unit = BINS as f32 / (2.0 * self.limit);
        for x in values {
            // The limit itself belongs to the last bin.
            let bin = (((x + self.limit) * per_unit) as usize).min(BINS - 1);
            self.counts[bin] += 1;
        }
        true
    }

    /// Adds the values that another histogram recorded.
    pub(super) fn absorb(&mut self, mut other: Self) {
        while self.limit < other.limit {
            self.double();
        }
        while other.limit < self.limit {
            other.double();
        }
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count += more;
        }
    }

    fn double(&mut self) {
        let mut merged = vec![0; BINS];
        for (pair, two) in self.counts.chunks_exact(2).enumerate() {
            merged[BINS / 4 + pair] = two[0] + two[1];
        }
        self.limit *= 2.0;
        self.counts = merged;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;

    use super::*;

    #[test]
    fn values_fall_into_their_bins() {
        let mut histogram = Histogram::default();
        assert!(histogram.record(&[-1.0, -0.999, 0.0, 0.001, 1.0]));
        assert_eq!(histogram.limit(), 1.0);
        let filled: Vec<_> =
            histogram.counts().iter().enumerate().filter(|&(_, &count)| count > 0).collect();
        assert_eq!(filled, [(0, &2), (256, &2), (511, &1)]);
        let middles: Vec<f64> = histogram.bins().map(|(middle, _)| middle).collect();
        assert_eq!((middles[0], middles[511]), (-1.0 + 1.0 / 512.0, 1.0 - 1.0 / 512.0));
    }

    #[test]
    fn broken_values_are_not_recorded() {
        for bad in [f32::NAN, f32::INFINITY, 2.0 * MAX_MAGNITUDE] {
            let mut histogram = Histogram::default();
            assert!(!histogram.record(&[0.5, bad]));
            assert_eq!(histogram, Histogram::default());
        }
        assert!(Histogram::default().record(&[-MAX_MAGNITUDE]));
    }

    #[test]
    fn impossible_histograms_are_refused() {
        let ones = vec![1; BINS];
        assert!(Histogram::new(4.0, ones.clone()).is_some());
        for limit in [3.0, 0.0, -4.0, f32::NAN, f32::INFINITY, 2.0 * MAX_MAGNITUDE] {
            assert_eq!(Histogram::new(limit, ones.clone()), None, "{limit}");
        }
        assert_eq!(Histogram::new(4.0, vec![1; BINS - 1]), None);
        assert_eq!(Histogram::new(4.0, vec![0; BINS]), None);
        assert_eq!(Histogram::new(4.0, vec![u64::MAX; BINS]), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            rng_seed: RngSeed::Fixed(1),
            ..ProptestConfig::default()
        })]
        #[test]
        fn order_and_batches_do_not_matter(
            values in prop::collection::vec(-100.0_f32..100.0, 1..40),
            split in any::<prop::sample::Index>(),
        ) {
            let mut at_once = Histogram::default();
            prop_assert!(at_once.record(&values));
            let (first, second) = values.split_at(split.index(values.len()));
            let mut in_parts = Histogram::default();
            prop_assert!(in_parts.record(second));
            let mut apart = in_parts.clone();
            prop_assert!(in_parts.record(first));
            prop_assert_eq!(&at_once, &in_parts);
            let mut other = Histogram::default();
            prop_assert!(other.record(first));
            apart.absorb(other);
            prop_assert_eq!(at_once, apart);
        }
    }
}
