//! How precise each part of a program of squares must be.
//!
//! A program is run in the clear with the noise of one source alone: that of the request, of the
//! weights of a layer, of the rounding of its result. What it does to the scores says how many bits
//! that source needs. The modulus is the product of all these scales, so for a given error of the
//! scores it is smallest where all sources take an equal part in it.

use blindsight_ckks::keys::KeyLayout;
use blindsight_engine::{Checked, Operation, Program};
use blindsight_model::tensor::Tensor;
use rayon::prelude::*;

use super::GeneralError;
use super::graded::{Layer, Scales};
use crate::agreement::Purpose;
use crate::noise::Gaussian;
use crate::simulate::{Deviation, Exact, RingNoise, Simulation, Source, score_error};

/// `log2` of the scale at which sources are measured: noise is small, and what it does in
/// proportion to it.
const PROBE_BITS: f64 = 22.0;

/// The error of a score that programs are made for, root mean square: at most this part of the
/// scores' range,
const SHARE_OF_RANGE: f64 = 1.0 / 50.0;

/// and at most this part of the lead of the best score over the second, or of what stands for it in
/// features, that all but a twentieth of the inputs have. What leads by so little that it matters is rare, then.
const SHARE_OF_LEAD: f64 = 1.0 / 20.0;

/// The least error that is asked for, as a part of the range: where two scores lie as near, they are
/// the same.
const LEAST_ERROR: f64 = 1.0 / 4096.0;

/// Inputs that sources are measured on.
const PROBES: usize = 8;

/// The part of an even share that the rounding of the answer may take: it costs nothing.
const SHARE_OF_ANSWER: f64 = 0.25;

/// Fewest bits of a scale: below, weights of all sizes would be rounded to nothing.
const LEAST_BITS: f64 = 2.0;

/// How often shares are made even: each time their difference gets smaller by half or more.
const ROUNDS: usize = 12;

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

impl Deviation for Probe<'_> {
    fn of(&self, source: Source, step: Option<usize>) -> [f64; 2] {
        let Self { program, ring, group } = self;
        let none = [0.0; 2];
        let both = |deviation: f64| [deviation; 2];
        let deviation = match step.map(|step| &program.steps[step].operation) {
            None if *group == Group::Request => both(ring.fresh),
            Some(Operation::Transform { input, transform }) => {
                let plan = &program.transforms[*transform];
                match (source, *group) {
                    (Source::Copy { first: true }, Group::Request) if *input == 0 => {
                        both(ring.switch)
                    }
                    (Source::Copy { first: false }, Group::Request) if *input == 0 => {
                        both(ring.switched())
                    }
                    (Source::Weights { period }, Group::Weights(level)) if plan.level == level => {
                        ring.weights(period)
                    }
                    (Source::Result, Group::Results(level)) if plan.level == level => {
                        if plan.rescales > 0 { both(ring.rounding) } else { none }
                    }
                    _ => none,
                }
            }
            Some(Operation::Rescale { level: to, .. }) => match (source, *group) {
                (Source::Result, Group::Results(level)) if to + 1 == level => both(ring.rounding),
                _ => none,
            },
            _ => none,
        };
        deviation.map(|deviation| deviation * (-PROBE_BITS).exp2())
    }
}

/// The error of a score, root mean square, that programs are made for, from exact scores in units of
/// their bound.
pub(super) fn error_for(exact: &[Vec<f64>], purpose: Purpose) -> f64 {
    let mut leads = purpose.leads(exact);
    leads.sort_by(f64::total_cmp);
    let usual = leads.get(leads.len() / 20).map_or(f64::INFINITY, |lead| SHARE_OF_LEAD * lead);
    usual.clamp(LEAST_ERROR, SHARE_OF_RANGE)
}

/// What each source needs: `log2` of the scale at which its noise alone moves scores by their whole
/// range.
#[derive(Clone, Debug)]
pub(super) struct Needs(Scales);

impl Needs {
    /// Those of a program of so many layers, one after another from the level `layers + 1` on.
    pub(super) fn new(
        program: &Program,
        simulation: &Simulation<'_>,
        samples: &[Tensor],
        [degree, layers]: [usize; 2],
    ) -> Self {
        let top = layers + 1;
        let exact =
            |sample: &Tensor| simulation.scores(sample.values(), &Exact, &mut Gaussian::new(1));
        let exact: Vec<Vec<f64>> = samples.par_iter().take(PROBES).map(exact).collect();
        // As with keys of the least margin, in as many digits as there are limbs.
        let ring = RingNoise::new(degree, top, KeyLayout::MARGIN_BITS);
        let bits = |group: Group| {
            let probe = Probe { program, ring, group };
            PROBE_BITS + score_error(simulation, &probe, samples, &exact).log2()
        };
        let layer = |level: usize| Layer {
            weights: bits(Group::Weights(level)),
            result: bits(Group::Results(level)),
        };
        let layers = (2..=top).rev().map(layer).collect();
        Self(Scales { request: bits(Group::Request), layers })
    }

    /// The scales with which scores have so large an error, root mean square, as a part of their
    /// range. The prime that the first layer drops has so many bits or more; where its part in the
    /// noise would make it smaller, it is given less.
    pub(super) fn scales(&self, error: f64, smallest: f64) -> Scales {
        let Self(needs) = self;
        let count = 2 * needs.layers.len();
        let mut share = (error / (count as f64).sqrt()).log2();
        let mut first = share;
        for _ in 0..ROUNDS {
            let Layer { weights, result } = needs.layers[0];
            first = share.min((needs.request + weights - result + share - smallest) / 2.0);
            let left = error.powi(2) - 2.0 * first.exp2().powi(2);
            share = (left / (count - 2).max(1) as f64).sqrt().log2();
        }
        let scale = |need: f64, share: f64| (need - share).max(LEAST_BITS);
        let layer = |(index, layer): (usize, &Layer)| {
            let last = index + 1 == needs.layers.len();
            let of_answer = if last { SHARE_OF_ANSWER.log2() } else { 0.0 };
            Layer {
                weights: scale(layer.weights, if index == 0 { first } else { share }),
                result: scale(layer.result, share + of_answer),
            }
        };
        let layers = needs.layers.iter().enumerate().map(layer).collect();
        Scales { request: scale(needs.request, first), layers }
    }
}

/// Largest part of the modulus that a coefficient may reach, on any of the inputs: half of it would
/// be room enough, for inputs as large as these.
const SHARE_OF_MODULUS: f64 = 1.0 / 8.0;

/// Checks that all values of a program keep well below their moduli. Before it is rescaled a result
/// takes as large a part of its modulus as afterwards.
pub(super) fn check_room(
    simulation: &Simulation<'_>,
    checked: &Checked,
    samples: &[Tensor],
) -> Result<(), GeneralError> {
    let set = checked.circuit.set();
    let all = samples.par_iter().take(PROBES).map(|sample| simulation.magnitudes(sample.values()));
    for magnitudes in all.collect::<Vec<_>>() {
        for (value, (magnitude, of)) in magnitudes.iter().zip(&checked.values).enumerate() {
            let part = (magnitude * of.scale).log2() - set.modulus(of.level).log2();
            if part > SHARE_OF_MODULUS.log2() {
                return Err(GeneralError::Modulus { step: value.saturating_sub(1) });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needs() -> Needs {
        let layer = |weights, result| Layer { weights, result };
        let layers = vec![layer(8.0, 12.0), layer(9.0, 11.0), layer(-3.0, 10.0)];
        Needs(Scales { request: 7.0, layers })
    }

    /// The error of all sources together under these scales.
    fn error(Needs(needs): &Needs, scales: &Scales) -> f64 {
        let mut sum = (needs.request - scales.request).exp2().powi(2);
        for (index, (need, layer)) in needs.layers.iter().zip(&scales.layers).enumerate() {
            sum += (need.weights - layer.weights).exp2().powi(2);
            if index + 1 < needs.layers.len() {
                sum += (need.result - layer.result).exp2().powi(2);
            }
        }
        sum.sqrt()
    }

    #[test]
    fn all_sources_together_make_the_error_that_was_asked_for() {
        for wanted in [0.01, 0.001] {
            let scales = needs().scales(wanted, 0.0);
            let found = error(&needs(), &scales);
            assert!((found / wanted - 1.0).abs() < 1e-3, "{found}, not {wanted}");
        }
    }

    #[test]
    fn a_prime_that_is_larger_than_need_be_leaves_more_to_the_others() {
        let [free, forced] = [0.0, 16.0].map(|smallest| needs().scales(0.01, smallest));
        let first = forced.request + forced.layers[0].weights - forced.layers[0].result;
        assert!(first > 15.99, "{first}");
        assert!(forced.layers[0].result < free.layers[0].result);
        assert!(forced.layers[1].weights < free.layers[1].weights);
        let found = error(&needs(), &forced);
        assert!((found / 0.01 - 1.0).abs() < 0.01, "{found}");
    }

    #[test]
    fn errors_follow_from_leads_and_never_exceed_the_range() {
        let all = |lead: f64| vec![vec![0.1, 0.1 + lead, -0.5]; 30];
        assert!((error_for(&all(0.16), Purpose::Labels) - 0.008).abs() < 1e-12);
        assert_eq!(error_for(&all(0.9), Purpose::Labels), SHARE_OF_RANGE);
        assert_eq!(error_for(&all(0.0), Purpose::Labels), LEAST_ERROR);
        assert_eq!(error_for(&[], Purpose::Labels), SHARE_OF_RANGE);
        assert_eq!(error_for(&[vec![0.3]], Purpose::Labels), SHARE_OF_RANGE);
    }
}
