//! How precise each part of a program of squares must be.
//!
//! A program is run in the clear with the noise of one source alone: that of the request, of the
//! weights of a layer, of the rounding of its result. What it does to the scores says how many bits
//! that source needs. The modulus is the product of all these scales, so for a given error of the
//! scores it is smallest where all sources take an equal part in it.

use blindsight_ckks::parameters::Parameters;
use blindsight_engine::{Checked, Operation, Program};
use blindsight_model::tensor::Tensor;
use rayon::prelude::*;

use super::graded::{Layer, Scales};
use super::simulate::{Deviation, Exact, Simulation, Source};
use crate::noise::Gaussian;

/// `log2` of the scale at which sources are measured: noise is small, and what it does in
/// proportion to it.
const PROBE_BITS: f64 = 22.0;

/// Inputs that sources are measured on.
const PROBES: usize = 8;

/// The part of an even share that the rounding of the answer may take: it costs nothing.
const SHARE_OF_ANSWER: f64 = 0.25;

/// Fewest bits of a scale.
const LEAST_BITS: f64 = 6.0;

/// The noise of ciphertexts of a ring, in slots, as multiples of `1 / scale`.
#[derive(Clone, Copy, Debug)]
pub(super) struct RingNoise {
    /// The error of a fresh ciphertext.
    fresh: f64,
    /// A division, which rounds both halves.
    rounding: f64,
    /// The errors of a key in a key switch, before the division.
    switch: f64,
    degree: f64,
}

/// The noise of a program as it is.
pub(super) struct ProgramNoise<'a> {
    program: &'a Program,
    checked: &'a Checked,
    ring: RingNoise,
}

/// A source of noise with a scale of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Group {
    Request,
    /// The weights of the linear layers at a level.
    Weights(usize),
    /// The results of the linear layers at a level.
    Results(usize),
}

/// The noise of one group alone, at [`PROBE_BITS`].
struct Probe<'a> {
    program: &'a Program,
    ring: RingNoise,
    group: Group,
}

/// The deviation of an error in fresh ciphertexts and keys.
const FRESH: f64 = 3.19;

impl RingNoise {
    /// That of a ring whose special primes exceed digits by so many bits.
    fn new(degree: usize, digits: usize, margin_bits: f64) -> Self {
        let degree = degree as f64;
        // A slot is a sum of N coefficients times roots of unity: its real part has half of that
        // variance. Two thirds of a ternary secret's coefficients are not zero.
        let in_slot = |variance: f64| (degree / 2.0 * variance).sqrt();
        let digit = degree / 12.0 * (FRESH * (-margin_bits).exp2()).powi(2);
        Self {
            fresh: in_slot(FRESH * FRESH),
            rounding: in_slot((1.0 + degree * 2.0 / 3.0) / 12.0),
            switch: in_slot(digits as f64 * digit),
            degree,
        }
    }

    fn switched(self) -> f64 {
        self.switch.hypot(self.rounding)
    }

    /// The rounding of encoded weights that repeat with a period. Those of real numbers come in
    /// pairs, so that all of it is in the real part.
    fn weights(self, period: usize) -> f64 {
        (2.0 * period as f64).min(self.degree).mul_add(1.0 / 12.0, 0.0).sqrt()
    }
}

impl<'a> ProgramNoise<'a> {
    pub(super) fn new(program: &'a Program, checked: &'a Checked) -> Self {
        let set: &Parameters = checked.circuit.set();
        // The largest digit is what counts, of as many as a key has.
        let specs = checked.keys.specs().iter();
        let margin = |spec: &blindsight_ckks::keys::KeySpec| {
            set.special(spec.layout().special).log2() - spec.largest_digit_bits(set)
        };
        let margin_bits = specs.clone().map(margin).fold(f64::INFINITY, f64::min);
        let digits = specs.map(|spec| spec.layout().digits.len()).max().unwrap_or(1);
        Self { program, checked, ring: RingNoise::new(set.degree(), digits, margin_bits) }
    }
}

impl Deviation for ProgramNoise<'_> {
    fn of(&self, source: Source, step: Option<usize>) -> f64 {
        let Self { program, checked, ring } = self;
        let Some(step) = step else { return ring.fresh / checked.values[0].scale };
        let scale = checked.values[step + 1].scale;
        match (&program.steps[step].operation, source) {
            (Operation::Transform { input, transform }, _) => {
                let read = checked.values[*input].scale;
                let weights = program.transforms[*transform].weight_scale;
                match source {
                    Source::Copy { first: true } => ring.switch / read,
                    Source::Copy { first: false } => ring.switched() / read,
                    Source::Giant => ring.switched() / (read * weights),
                    Source::Weights { period } => ring.weights(period) / weights,
                    Source::Result | Source::Request => ring.rounding / scale,
                }
            }
            (Operation::Rotate { .. } | Operation::Square { .. }, Source::Result) => {
                ring.switched() / scale
            }
            (Operation::Rescale { .. }, Source::Result) => ring.rounding / scale,
            _ => 0.0,
        }
    }
}

impl Deviation for Probe<'_> {
    fn of(&self, source: Source, step: Option<usize>) -> f64 {
        let Self { program, ring, group } = self;
        let unit = (-PROBE_BITS).exp2();
        let Some(step) = step else {
            return if *group == Group::Request { ring.fresh * unit } else { 0.0 };
        };
        let deviation = match (&program.steps[step].operation, source) {
            (Operation::Transform { input, transform }, _) => {
                let plan = &program.transforms[*transform];
                match (source, *group) {
                    (Source::Copy { first: true }, Group::Request) if *input == 0 => ring.switch,
                    (Source::Copy { first: false }, Group::Request) if *input == 0 => {
                        ring.switched()
                    }
                    (Source::Weights { period }, Group::Weights(level)) if plan.level == level => {
                        ring.weights(period)
                    }
                    (Source::Result, Group::Results(level)) if plan.level == level => {
                        if plan.rescales > 0 { ring.rounding } else { 0.0 }
                    }
                    _ => 0.0,
                }
            }
            (Operation::Rescale { level: to, .. }, Source::Result) => match *group {
                Group::Results(level) if to + 1 == level => ring.rounding,
                _ => 0.0,
            },
            _ => 0.0,
        };
        deviation * unit
    }
}

/// The scales with which a program of so many layers, one after another from this level, has scores
/// with so large an error, root mean square, as a part of their range.
pub(super) fn scales(
    program: &Program,
    simulation: &Simulation<'_>,
    samples: &[Tensor],
    [degree, layers]: [usize; 2],
    error: f64,
) -> Scales {
    let top = layers + 1;
    let exact: Vec<Vec<f64>> = samples
        .par_iter()
        .take(PROBES)
        .map(|sample| simulation.scores(sample.values(), &Exact, &mut Gaussian::new(1)))
        .collect();
    // As with keys of the least margin, in as many digits as there are limbs.
    let ring = RingNoise::new(degree, top, blindsight_ckks::keys::KeyLayout::MARGIN_BITS);
    let share = error / ((2 * layers) as f64).sqrt();
    let bits = |group: Group, share: f64| {
        let probe = Probe { program, ring, group };
        let found = score_error(simulation, &probe, samples, &exact);
        (PROBE_BITS + (found / share).log2()).max(LEAST_BITS)
    };
    let layer = |index: usize| {
        let (level, last) = (top - index, index + 1 == layers);
        let share_of_result = if last { SHARE_OF_ANSWER * share } else { share };
        Layer {
            weights: bits(Group::Weights(level), share),
            result: bits(Group::Results(level), share_of_result),
        }
    };
    Scales { request: bits(Group::Request, share), layers: (0..layers).map(layer).collect() }
}

/// The error of a score, root mean square, in units of their bound.
pub(super) fn score_error(
    simulation: &Simulation<'_>,
    noise: &(impl Deviation + Sync),
    samples: &[Tensor],
    exact: &[Vec<f64>],
) -> f64 {
    let errors = samples.par_iter().zip(exact).enumerate().map(|(index, (sample, exact))| {
        let mut random = Gaussian::new(index as u64 + 1);
        let found = simulation.scores(sample.values(), noise, &mut random);
        let squares = found.iter().zip(exact).map(|(x, y)| (x - y).powi(2));
        squares.sum::<f64>() / exact.len().max(1) as f64
    });
    let count = samples.len().min(exact.len()).max(1);
    (errors.sum::<f64>() / count as f64).sqrt()
}
