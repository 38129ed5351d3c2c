//! How far a calibration can be trusted: whether the pictures have shown what there is.

use std::fmt;

/// Fewer pictures than this are a reason to warn.
pub const ENOUGH_PICTURES: u64 = 300;
/// A value above this share of its channel's bound is near it.
pub const NEAR_BOUND: f32 = 0.9;
/// A largest value that grew by more than this share in the last quarter of the pictures would
/// probably grow further.
pub const SETTLED: f64 = 0.05;

/// What a calibration's pictures have shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Coverage {
    /// Number of pictures.
    pub pictures: u64,
    /// The activations in execution order.
    pub activations: Vec<ActivationCoverage>,
    /// What is to be doubted.
    pub warnings: Vec<CoverageWarning>,
}

impl Coverage {
    pub(super) fn new(pictures: u64, activations: Vec<ActivationCoverage>) -> Self {
        let mut warnings = Vec::new();
        if pictures < ENOUGH_PICTURES {
            warnings.push(CoverageWarning::FewPictures { pictures });
        }
        for (activation, coverage) in activations.iter().enumerate() {
            let moved = coverage.moved();
            if moved > SETTLED {
                warnings.push(CoverageWarning::Unsettled { activation, moved });
            }
            if !coverage.silent_channels.is_empty() {
                let silent = coverage.silent_channels.clone();
                let channels = coverage.channels;
                warnings.push(CoverageWarning::Silent { activation, silent, channels });
            }
        }
        Self { pictures, activations, warnings }
    }
}

impl fmt::Display for Coverage {
    /// Sentences, one a line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let share = self.activations.iter().map(ActivationCoverage::near_share);
        write!(
            f,
            "{} pictures were measured; of the values of an activation, at most {:.4} % are above \
             {:.0} % of their bound.",
            self.pictures,
            100.0 * share.fold(0.0, f64::max),
            100.0 * NEAR_BOUND,
        )?;
        self.warnings.iter().try_for_each(|warning| write!(f, "\n{warning}"))
    }
}

/// What the pictures have shown of one activation's input.
#[derive(Clone, Debug, PartialEq)]
pub struct ActivationCoverage {
    /// Number of channels.
    pub channels: usize,
    /// Number of values, all pictures and channels together.
    pub values: u64,
    /// How many are above [`NEAR_BOUND`] of their channel's bound. A margin above its reciprocal
    /// leaves none there.
    pub near_bound: u64,
    /// Largest magnitude of all.
    pub largest: f32,
    /// Largest magnitude before the last quarter of the pictures.
    pub largest_early: f32,
    /// Channels for which the activation gave zero for every value of every picture.
    pub silent_channels: Vec<usize>,
}

impl ActivationCoverage {
    /// The share of the values that are near their bound, from 0 to 1.
    #[must_use]
    pub fn near_share(&self) -> f64 {
        self.near_bound as f64 / self.values.max(1) as f64
    }

    /// By how much the largest magnitude grew in the last quarter of the pictures: 0.1 is a tenth.
    /// Infinite when there was none before.
    #[must_use]
    pub fn moved(&self) -> f64 {
        if self.largest > self.largest_early {
            f64::from(self.largest) / f64::from(self.largest_early) - 1.0
        } else {
            0.0
        }
    }
}

/// A reason to doubt a calibration.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum CoverageWarning {
    /// Rare values may not have been seen.
    FewPictures {
        /// Number of pictures.
        pictures: u64,
    },
    /// The bound still grew.
    Unsettled {
        /// The activation, from 0 in execution order.
        activation: usize,
        /// By which share the largest value grew in the last quarter of the pictures.
        moved: f64,
    },
    /// Channels for which the activation always gave zero.
    Silent {
        /// The activation, from 0 in execution order.
        activation: usize,
        /// Which channels.
        silent: Vec<usize>,
        /// Number of all channels.
        channels: usize,
    },
}

impl fmt::Display for CoverageWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FewPictures { pictures } => write!(
                f,
                "With only {pictures} pictures, rare values may not have been seen: take \
                 {ENOUGH_PICTURES} or more."
            ),
            Self::Unsettled { activation, moved } if moved.is_finite() => write!(
                f,
                "The largest value of activation {activation} grew by {:.0} % in the last quarter \
                 of the pictures: its bound has not settled, take more.",
                100.0 * moved
            ),
            Self::Unsettled { activation, .. } => write!(
                f,
                "Activation {activation} had only zeros before the last quarter of the pictures: \
                 its bound has not settled, take more."
            ),
            Self::Silent { activation, silent, channels } => write!(
                f,
                "Activation {activation} gave zero in {} of {channels} channels for every picture.",
                silent.len()
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn activation(largest: f32, largest_early: f32, silent: &[usize]) -> ActivationCoverage {
        ActivationCoverage {
            channels: 16,
            values: 4000,
            near_bound: 3,
            largest,
            largest_early,
            silent_channels: silent.to_vec(),
        }
    }

    #[test]
    fn good_coverage_has_no_warnings() {
        let good = Coverage::new(300, vec![activation(1.0, 1.0, &[]), activation(1.04, 1.0, &[])]);
        assert_eq!(good.warnings, []);
        assert_eq!(
            good.to_string(),
            "300 pictures were measured; of the values of an activation, at most 0.0750 % are \
             above 90 % of their bound."
        );
    }

    #[test]
    fn each_doubt_is_a_sentence() {
        let activations = vec![
            activation(1.0, 0.8, &[]),
            activation(1.0, 0.0, &[]),
            activation(2.0, 2.0, &[3, 5]),
        ];
        let coverage = Coverage::new(299, activations);
        let sentences: Vec<_> = coverage.warnings.iter().map(ToString::to_string).collect();
        assert_eq!(
            sentences,
            [
                "With only 299 pictures, rare values may not have been seen: take 300 or more.",
                "The largest value of activation 0 grew by 25 % in the last quarter of the \
                 pictures: its bound has not settled, take more.",
                "Activation 1 had only zeros before the last quarter of the pictures: its bound \
                 has not settled, take more.",
                "Activation 2 gave zero in 2 of 16 channels for every picture.",
            ]
        );
        assert_eq!(coverage.to_string().lines().count(), 5);
    }
}
