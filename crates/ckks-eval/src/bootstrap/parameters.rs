//! What a functional bootstrap is made of, above the scheme's parameter set.

use std::sync::Arc;

use blindsight_ckks::keys::{KeyError, KeyLayout};
use blindsight_ckks::parameters::Parameters;
use thiserror::Error;

use super::exponential::{ExponentialError, ExponentialSeries};
use super::failure::log2_overflow_probability;
use super::groups::StepGroup;
use crate::key_uses::KeyLevels;

/// Everything that is chosen about a bootstrap; [`BootstrapParameters::new`] checks it against the
/// scheme.
#[derive(Debug, Clone, PartialEq)]
pub struct BootstrapLiteral {
    /// The groups of slots-to-coefficients, in order of application: smallest stages first. Each
    /// consumes one prime.
    pub slots_to_coefficients: Vec<StepGroup>,
    /// Primes that a linear layer consumes together: border masks and weights share one rescale.
    pub linear: usize,
    /// Primes of the activation polynomial: four levels reach degree 15, five reach degree 31.
    pub activation: usize,
    /// Squarings after the series: `r` of them take `exp(2 pi i y / 2^r)` to `exp(2 pi i y)`.
    pub squarings: usize,
    /// Primes of the Chebyshev series: five levels reach degree 31.
    pub chebyshev: usize,
    /// The groups of coefficients-to-slots, in order of application: largest stages first. Each
    /// consumes one prime.
    pub coefficients_to_slots: Vec<StepGroup>,
    /// The scale of a ciphertext that leaves coefficients-to-slots.
    pub top_scale: f64,
    /// The bound `K` on the integer part after raising the modulus.
    pub integer_bound: u32,
    /// The part of the circle that a value at the end of its range fills: `t = fill * x / B`.
    pub fill: f64,
    /// `log2` of a bound on the probability that one bootstrap leaves `integer_bound`.
    pub declared_log2_failure: f64,
}

/// A checked bootstrap of a parameter set.
#[derive(Debug, Clone)]
pub struct BootstrapParameters {
    set: Arc<Parameters>,
    literal: BootstrapLiteral,
    series: ExponentialSeries,
    /// `scales[l - 1]` is the scale of a ciphertext with `l` limbs between the end of the
    /// activation and the end of coefficients-to-slots.
    scales: Vec<f64>,
    key_levels: KeyLevels,
}

/// Numbers of limbs at the boundaries of the circuit, bottom first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Levels {
    /// After slots-to-coefficients, where the modulus is raised.
    pub base: usize,
    /// Entering slots-to-coefficients.
    pub slots_to_coefficients: usize,
    /// Leaving the activation and entering a linear layer.
    pub linear: usize,
    /// Entering the activation polynomial.
    pub activation: usize,
    /// Entering the squarings of the exponential.
    pub squarings: usize,
    /// Leaving coefficients-to-slots and entering the Chebyshev polynomial.
    pub chebyshev: usize,
    /// The whole chain: after raising the modulus.
    pub top: usize,
}

/// Why a bootstrap cannot be run with a parameter set.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BootstrapParameterError {
    /// The steps need another number of primes than the chain has.
    #[error("the bootstrap needs a chain of {needed} primes, the scheme has one of {found}")]
    Chain {
        /// Primes that the steps consume, and the smallest.
        needed: usize,
        /// Primes of the scheme.
        found: usize,
    },
    /// The groups are not the stages of the ring's transform, each once.
    #[error("the groups of {direction} are not the stages of a transform of {slots} slots")]
    Groups {
        /// Which transform.
        direction: &'static str,
        /// Slots of the ring.
        slots: usize,
    },
    /// The scheme has no sparse secret.
    #[error("a bootstrap needs a sparse secret, and the scheme has none")]
    NoSparseSecret,
    /// The fill is not a part of the circle.
    #[error("the fill must be between 0 and 1/2, not {0}")]
    Fill(f64),
    /// The exponential does not converge.
    #[error(transparent)]
    Exponential(#[from] ExponentialError),
    /// A scale left the range in which products stay below the modulus and above the noise.
    #[error("the scale at level {level} is 2^{log2:.2}, outside 2^25..2^36")]
    Scale {
        /// Limbs at this point of the circuit.
        level: usize,
        /// `log2` of the scale.
        log2: f64,
    },
    /// The bound on the integer part does not hold with the declared probability.
    #[error(
        "the integer part leaves its bound with probability 2^{actual:.1}, declared 2^{declared:.1}"
    )]
    Failure {
        /// `log2` of the probability in one bootstrap.
        actual: f64,
        /// `log2` of the declared bound.
        declared: f64,
    },
    /// The scheme has no keys of the shape that the bootstrap needs.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Keys out of the raised modulus have special primes that other keys at the top lack, so that
    /// their sums do not meet.
    #[error("keys out of the raised modulus use special primes that other keys at the top lack")]
    RaisedSpecial,
}

impl BootstrapParameters {
    /// Checks a bootstrap against its scheme.
    ///
    /// # Errors
    /// When they do not fit, or the bootstrap would be imprecise or likely to fail: see
    /// [`BootstrapParameterError`].
    pub fn new(
        set: Arc<Parameters>,
        literal: BootstrapLiteral,
    ) -> Result<Self, BootstrapParameterError> {
        let levels = literal.levels();
        let (needed, found) = (levels.top, set.top_level());
        if needed != found {
            return Err(BootstrapParameterError::Chain { needed, found });
        }
        literal.check_groups(set.slots())?;
        // Written so that a NaN fails.
        if !(literal.fill > 0.0 && literal.fill < 0.5) {
            return Err(BootstrapParameterError::Fill(literal.fill));
        }
        let squarings = u32::try_from(literal.squarings).unwrap_or(u32::MAX);
        let degree = (1_usize << literal.chebyshev.min(16)) - 1;
        let series = ExponentialSeries::new(literal.integer_bound, squarings, degree)?;
        let scales = scales(&set, &literal)?;
        let key_levels = KeyLevels::new(&set, &literal.key_levels())?;
        let (raised, top) = (KeyLayout::raised(&set)?.special, key_levels.at(levels.top)?.special);
        if raised.wide > top.wide || raised.narrow > top.narrow {
            return Err(BootstrapParameterError::RaisedSpecial);
        }
        let parameters = Self { set, literal, series, scales, key_levels };
        let (actual, declared) =
            (parameters.log2_failure()?, parameters.literal.declared_log2_failure);
        // Written so that a NaN fails.
        if actual <= declared {
            Ok(parameters)
        } else {
            Err(BootstrapParameterError::Failure { actual, declared })
        }
    }

    /// The scheme.
    #[must_use]
    pub fn set(&self) -> &Arc<Parameters> {
        &self.set
    }

    /// The data the bootstrap was made from.
    #[must_use]
    pub fn literal(&self) -> &BootstrapLiteral {
        &self.literal
    }

    /// The levels at which the steps of the circuit start.
    #[must_use]
    pub fn levels(&self) -> Levels {
        self.literal.levels()
    }

    /// The scale of a ciphertext with `level` limbs, from the output of coefficients-to-slots down
    /// to the output of the activation, which linear layers keep.
    ///
    /// # Panics
    /// When the level lies outside.
    #[must_use]
    pub fn scale(&self, level: usize) -> f64 {
        self.scales[level - self.levels().linear]
    }

    /// The scale of linear layers: what goes into a bootstrap, and comes out of it.
    #[must_use]
    pub fn linear_scale(&self) -> f64 {
        self.scales[0]
    }

    /// The highest degree of an activation that there are levels for.
    #[must_use]
    pub fn activation_degree(&self) -> usize {
        (1 << self.literal.activation) - 1
    }

    /// How far the output of coefficients-to-slots, and with it every ciphertext between two
    /// bootstraps, stands rotated to the left.
    #[must_use]
    pub fn slot_shift(&self) -> usize {
        let slots = self.set.slots();
        self.literal.coefficients_to_slots.iter().map(|g| g.shift(slots)).sum()
    }

    /// The rotation before the last group of slots-to-coefficients that undoes all shifts which
    /// the groups leave behind by starting at their lowest diagonal.
    #[must_use]
    pub fn realign(&self) -> i64 {
        let slots = self.set.slots();
        let own: usize = self.literal.slots_to_coefficients.iter().map(|g| g.shift(slots)).sum();
        -((self.slot_shift() + own) as i64)
    }

    /// The series of the exponential.
    #[must_use]
    pub fn series(&self) -> &ExponentialSeries {
        &self.series
    }

    /// The levels at which keys of circuits around this bootstrap are made.
    #[must_use]
    pub fn key_levels(&self) -> &KeyLevels {
        &self.key_levels
    }

    /// `log2` of the probability that one bootstrap meets an integer part beyond its bound.
    ///
    /// # Errors
    /// When the scheme has no sparse secret.
    pub fn log2_failure(&self) -> Result<f64, BootstrapParameterError> {
        let weight = self.set.literal().sparse_weight;
        let weight = weight.ok_or(BootstrapParameterError::NoSparseSecret)?;
        Ok(log2_overflow_probability(weight, self.literal.integer_bound, self.set.slots()))
    }
}

impl BootstrapLiteral {
    /// The bootstrap of [`Literal::bootstrapped_2_15`](blindsight_ckks::parameters::Literal::bootstrapped_2_15):
    /// activations of degree 15.
    #[must_use]
    pub fn degree_15() -> Self {
        let slots = 1 << 14;
        let group = |first_len, last_len, babies, hoisted| StepGroup {
            first_len,
            last_len,
            babies,
            hoisted,
        };
        Self {
            slots_to_coefficients: vec![
                group(2, slots / 128, 16, 3),
                group(slots / 64, slots, 8, 3),
            ],
            linear: 2,
            activation: 4,
            squarings: 2,
            chebyshev: 5,
            coefficients_to_slots: vec![
                group(slots / 16, slots, 8, 1),
                group(slots / 512, slots / 32, 8, 2),
                group(2, slots / 1024, 8, 2),
            ],
            top_scale: 8_589_934_592.0,
            integer_bound: 12,
            fill: 0.45,
            declared_log2_failure: -58.0,
        }
    }

    fn levels(&self) -> Levels {
        let base = 1;
        let slots_to_coefficients = base + self.slots_to_coefficients.len();
        let linear = slots_to_coefficients + self.linear;
        let activation = linear + self.activation;
        let squarings = activation + self.squarings;
        let chebyshev = squarings + self.chebyshev;
        let top = chebyshev + self.coefficients_to_slots.len();
        Levels { base, slots_to_coefficients, linear, activation, squarings, chebyshev, top }
    }

    /// Keys of one digit up to linear layers, of two digits above.
    fn key_levels(&self) -> Vec<(usize, usize)> {
        let levels = self.levels();
        let low = (levels.base..=levels.slots_to_coefficients).chain([levels.linear]);
        let high = levels.chebyshev..=levels.top;
        low.map(|level| (level, 1)).chain(high.map(|level| (level, 2))).collect()
    }

    fn check_groups(&self, slots: usize) -> Result<(), BootstrapParameterError> {
        let covers = |groups: Vec<&StepGroup>| {
            let joined = groups.windows(2).all(|pair| pair[1].first_len == 2 * pair[0].last_len);
            groups.iter().all(|group| group.is_sound(slots))
                && joined
                && groups.first().is_some_and(|group| group.first_len == 2)
                && groups.last().is_some_and(|group| group.last_len == slots)
        };
        let direction = "slots-to-coefficients";
        if !covers(self.slots_to_coefficients.iter().collect()) {
            return Err(BootstrapParameterError::Groups { direction, slots });
        }
        let direction = "coefficients-to-slots";
        if !covers(self.coefficients_to_slots.iter().rev().collect()) {
            return Err(BootstrapParameterError::Groups { direction, slots });
        }
        Ok(())
    }
}

/// Squaring and rescaling takes scale `s` at level `l` to `s^2 / q_l` at level `l - 1`: the top
/// scale fixes all others, from the linear layers up.
fn scales(
    set: &Parameters,
    literal: &BootstrapLiteral,
) -> Result<Vec<f64>, BootstrapParameterError> {
    let levels = literal.levels();
    let mut scales = vec![literal.top_scale];
    for level in (levels.linear..=levels.chebyshev).rev() {
        let scale = scales[scales.len() - 1];
        if !(25.0..=36.0).contains(&scale.log2()) {
            return Err(BootstrapParameterError::Scale { level, log2: scale.log2() });
        }
        if level > levels.linear {
            scales.push(scale * scale / set.prime(level));
        }
    }
    scales.reverse();
    Ok(scales)
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use blindsight_ckks::parameters::Literal;
    use blindsight_ring::arith::is_prime;

    use super::*;

    static SET: LazyLock<Arc<Parameters>> =
        LazyLock::new(|| Arc::new(Parameters::new(Literal::bootstrapped_2_15()).unwrap()));

    fn with(
        change: impl FnOnce(&mut BootstrapLiteral),
    ) -> Result<BootstrapParameters, BootstrapParameterError> {
        let mut literal = BootstrapLiteral::degree_15();
        change(&mut literal);
        BootstrapParameters::new(SET.clone(), literal)
    }

    #[test]
    fn the_preset_is_sound() {
        let parameters = with(|_| ()).unwrap();
        let levels = parameters.levels();
        assert_eq!((levels.slots_to_coefficients, levels.linear, levels.top), (3, 5, 19));
        assert_eq!((parameters.slot_shift(), parameters.realign()), (511, -638));
        assert_eq!(parameters.activation_degree(), 15);
        assert_eq!(parameters.scale(levels.chebyshev), 2_f64.powi(33));
        assert_eq!(parameters.scale(levels.linear), parameters.linear_scale());
    }

    /// One more wide special prime covers the digits of the top without narrow ones, which the
    /// keys out of the raised modulus are made with.
    #[test]
    fn keys_out_of_the_raised_modulus_share_the_special_primes_of_the_top() {
        let mut literal = SET.literal().clone();
        let least = literal.wide_special.iter().min().unwrap();
        let step = 2 << literal.log_degree;
        let more = (1..).map(|k| least - k * step).find(|q| is_prime(*q)).unwrap();
        literal.wide_special.push(more);
        let set = Arc::new(Parameters::new(literal).unwrap());
        let refused = BootstrapParameters::new(set, BootstrapLiteral::degree_15());
        assert!(matches!(refused, Err(BootstrapParameterError::RaisedSpecial)));
    }

    #[test]
    fn inconsistent_literals_are_refused() {
        let refused = with(|l| l.activation = 5).unwrap_err();
        assert!(matches!(refused, BootstrapParameterError::Chain { needed: 20, found: 19 }));
        let refused = with(|l| l.integer_bound = 9).unwrap_err();
        assert!(matches!(refused, BootstrapParameterError::Failure { .. }));
        let refused = with(|l| l.top_scale = 2_f64.powi(37)).unwrap_err();
        assert!(matches!(refused, BootstrapParameterError::Scale { .. }));
        let refused = with(|l| l.top_scale = f64::NAN).unwrap_err();
        assert!(matches!(refused, BootstrapParameterError::Scale { .. }));
        let refused = with(|l| l.integer_bound = 40).unwrap_err();
        assert!(matches!(refused, BootstrapParameterError::Exponential(_)));
        for fill in [0.0, 0.5, -1.0, f64::NAN] {
            let refused = with(|l| l.fill = fill).unwrap_err();
            assert!(matches!(refused, BootstrapParameterError::Fill(_)));
        }
        let changes: [fn(&mut BootstrapLiteral); 5] = [
            |l| l.slots_to_coefficients[0].last_len = 64,
            |l| l.slots_to_coefficients.swap(0, 1),
            |l| l.coefficients_to_slots[2].first_len = 4,
            |l| l.coefficients_to_slots[1].babies = 7,
            |l| l.coefficients_to_slots[0].hoisted = 0,
        ];
        for change in changes {
            let refused = with(change).unwrap_err();
            assert!(matches!(refused, BootstrapParameterError::Groups { .. }));
        }
    }
}
