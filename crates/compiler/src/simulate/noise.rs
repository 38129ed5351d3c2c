//! How large the noise of ciphertexts is.

use blindsight_ckks::keys::KeySpec;
use blindsight_ckks::parameters::Parameters;
use blindsight_ckks_eval::bootstrap::BootstrapNoise;
use blindsight_engine::{Checked, Operation, Program};

use super::{Deviation, Source};
use crate::contract::Formats;
use crate::noise::{FRESH, in_slot};

/// The noise of ciphertexts of a ring, in slots, as multiples of `1 / scale`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RingNoise {
    /// The error of a fresh ciphertext.
    pub(crate) fresh: f64,
    /// A division, which rounds both halves.
    pub(crate) rounding: f64,
    /// The errors of a key in a key switch, before the division.
    pub(crate) switch: f64,
    degree: f64,
}

/// The noise of a program as it is.
pub(crate) struct ProgramNoise<'a> {
    program: &'a Program,
    checked: &'a Checked,
    ring: RingNoise,
    /// Of a score, as the answer is made small.
    answer: f64,
}

impl RingNoise {
    /// That of a ring whose special primes exceed digits by so many bits.
    pub(crate) fn new(degree: usize, digits: usize, margin_bits: f64) -> Self {
        let degree = degree as f64;
        let in_slot = |variance: f64| in_slot(degree, variance);
        let digit = degree / 12.0 * (FRESH * (-margin_bits).exp2()).powi(2);
        Self {
            fresh: in_slot(FRESH * FRESH),
            rounding: in_slot(rounding(degree)),
            switch: in_slot(digits as f64 * digit),
            degree,
        }
    }

    /// A key switch with its division.
    pub(crate) fn switched(self) -> f64 {
        self.switch.hypot(self.rounding)
    }

    /// The rounding of encoded weights that repeat with a period: coefficients come in pairs, whose
    /// differences are off by half at most; every second sum is by one.
    pub(crate) fn weights(self, period: usize) -> [f64; 2] {
        let coefficients = (2.0 * period as f64).min(self.degree);
        [48.0, 8.0].map(|part| (coefficients / part).sqrt())
    }
}

/// The variance of a coefficient that is rounded in both halves: two thirds of a ternary secret's
/// coefficients are not zero.
fn rounding(degree: f64) -> f64 {
    (1.0 + degree * 2.0 / 3.0) / 12.0
}

impl<'a> ProgramNoise<'a> {
    pub(crate) fn new(program: &'a Program, checked: &'a Checked, formats: &Formats) -> Self {
        let set: &Parameters = checked.circuit.set();
        // The largest digit is what counts, of as many as a key has.
        let specs = checked.keys.specs().iter();
        let margin = |spec: &KeySpec| {
            set.special(spec.layout().special).log2() - spec.largest_digit_bits(set)
        };
        let margin_bits = specs.clone().map(margin).fold(f64::INFINITY, f64::min);
        let digits = specs.map(|spec| spec.layout().digits.len()).max().unwrap_or(1);
        let ring = RingNoise::new(set.degree(), digits, margin_bits);
        // So many coefficients are left, and divided by what an answer's modulus is smaller by.
        let coefficients = 2.0 * formats.answer_period as f64;
        let sent = f64::from(formats.answer_log2_modulus).exp2() / set.prime(1);
        let scale = formats.answer_scale * sent;
        let answer = in_slot(coefficients, rounding(set.degree() as f64)) / scale;
        Self { program, checked, ring, answer }
    }
}

impl Deviation for ProgramNoise<'_> {
    fn of(&self, source: Source, step: Option<usize>) -> [f64; 2] {
        let Self { program, checked, ring, .. } = self;
        let both = |deviation: f64| [deviation; 2];
        let Some(step) = step else { return both(ring.fresh / checked.values[0].scale) };
        let scale = checked.values[step + 1].scale;
        match (&program.steps[step].operation, source) {
            (Operation::Transform { input, transform }, _) => {
                let read = checked.values[*input].scale;
                let weights = program.transforms[*transform].weight_scale;
                match source {
                    Source::Copy { first: true } => both(ring.switch / read),
                    Source::Copy { first: false } => both(ring.switched() / read),
                    Source::Giant => both(ring.switched() / (read * weights)),
                    Source::Weights { period } => ring.weights(period).map(|d| d / weights),
                    Source::Result => both(ring.rounding / scale),
                    Source::Request | Source::Product => [0.0; 2],
                }
            }
            (Operation::Rotate { .. } | Operation::Square { .. }, Source::Result) => {
                both(ring.switched() / scale)
            }
            (Operation::Polynomial { .. }, Source::Product) => both(ring.switched() / scale),
            (Operation::Rescale { .. }, Source::Result) => both(ring.rounding / scale),
            _ => [0.0; 2],
        }
    }

    fn of_bootstraps(&self) -> Option<BootstrapNoise> {
        // There is no other bootstrap.
        Some(BootstrapNoise::DEGREE_15)
    }

    fn of_answer(&self) -> f64 {
        self.answer
    }
}
