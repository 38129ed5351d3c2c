//! Networks on batches: a value is a ciphertext, a slot is an input.
//!
//! A chain of linear layers and activations becomes sums with small integer weights and squares
//! ([`chain`], [`integers`]). No key is made and nothing is rescaled, so all that limits the network
//! is the one modulus which must hold the scores: the search tries weights of 4 to 8 bits and scales
//! of an input, runs the samples through the integer network with the noise that encryption will add,
//! and takes the plan with the fewest limbs, then bits, whose labels agree as often as is wanted.

mod alike;
mod chain;
mod integers;
mod ring;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use blindsight_ckks::ciphertext::SeededCiphertext;
use blindsight_ckks::encoding::Complex64;
use blindsight_ckks::parameters::Parameters;
use blindsight_ckks_eval::batch::{BatchError, BatchPlan};
use blindsight_contract::{
    AnswerForm, BoxData, Contract, Forecast, Policy, ProductsData, RequestData, RequestForm,
    SchemeData, VERSION,
};
use blindsight_model::tensor::{Shape, Tensor};
use rayon::prelude::*;
use thiserror::Error;

use crate::agreement::{Leads, Purpose, best};
use crate::compile::{Code, CompileError, Compiled, Description, Task};
use crate::contract::input_data;
use crate::cost;
use crate::general::network::{Network, Refreshes};
use crate::noise::Gaussian;
use crate::planner::{Candidate, Costs};
use chain::Chain;
use integers::Rounding;

/// Why a network cannot be run on batches.
#[derive(Debug, Error, Clone, PartialEq)]
#[non_exhaustive]
pub enum BatchRefusal {
    /// Values are read by more than what follows them.
    #[error("its layers are no chain: value {value} is made of others than the one before it")]
    NoChain {
        /// Index of the value.
        value: usize,
    },
    /// A square cannot stand for an activation.
    #[error("activation {activation} is nearly linear where it is used: no square stands for it")]
    Linear {
        /// Number of the activation.
        activation: usize,
    },
    /// The modulus would have to be larger than a ring allows, or a client can read.
    #[error("the scores need a modulus of {bits:.0} bits or more, which no ring for batches has")]
    Modulus {
        /// `log2` of the smallest modulus that would do.
        bits: f64,
    },
    /// Even the most precise integers do not agree often enough, as far as a client takes requests that
    /// carry them.
    #[error(
        "integer weights and squares agree in {:.2} % of inputs, {:.2} % are wanted",
        best * 100.0,
        wanted * 100.0
    )]
    Agreement {
        /// The best of all that was tried.
        best: f64,
        /// What is wanted.
        wanted: f64,
    },
    /// The plan cannot be run.
    #[error(transparent)]
    Plan(#[from] BatchError),
}

/// A network on batches with what its contract is made of.
#[derive(Debug)]
pub(crate) struct Emitted {
    pub(crate) plan: BatchPlan,
    pub(crate) contract: Contract,
    /// Bytes of the loaded model.
    pub(crate) loaded_bytes: u64,
    /// Bytes of a request.
    pub(crate) request_bytes: u64,
    /// The part of the samples that is expected to get the plain network's label.
    pub(crate) agreement: f64,
}

/// Bits of weights that are tried.
const WEIGHT_BITS: std::ops::RangeInclusive<u32> = 4..=8;

/// `log2` of an input's scale over the noise of encryption, in halves of bits.
const HALF_BITS_ABOVE_NOISE: std::ops::RangeInclusive<i32> = 2..=28;

/// The agreement that is wanted where nothing else is.
const USUAL_AGREEMENT: f64 = 0.999;

/// Samples whose runs as integers with noise tell the error of a score, which is soon known. What a
/// plan does to the labels of all there are is looked at once the error is small enough.
const RUN: usize = 48;

/// How often each sample is run, each time with other noise.
const DRAWS: u64 = 2;

/// Bits that the scores may grow beyond their calibration before they wrap.
const HEADROOM_BITS: f64 = 0.5;

/// A plan that was tried.
#[derive(Debug, Clone)]
struct Trial {
    set: Arc<Parameters>,
    plan: BatchPlan,
    scale: f64,
    score_error: f64,
    agreement: f64,
}

/// The network on batches.
///
/// # Errors
/// [`CompileError::Batch`] when it cannot be run so.
pub(crate) fn emit(
    task: Task<'_>,
    description: &Description,
    wanted: Option<f64>,
) -> Result<Emitted, CompileError> {
    let Task { graph, calibration, samples, purpose, .. } = task;
    let network = Network::new(graph, calibration, Refreshes::LeftOut)?;
    let chain = Chain::new(&network)?;
    let leads = Leads::new(graph, samples, purpose)?;
    let wanted = wanted.unwrap_or(USUAL_AGREEMENT);
    let trial = search(&chain, samples, (&leads, purpose), wanted)?;
    let Trial { set, plan, scale, score_error, agreement } = trial;
    let result = plan.check(&set, set.top_level(), scale).map_err(BatchRefusal::Plan)?;
    let shape = graph.shape(graph.input());
    let level = set.top_level();
    let costs = costs(&set, &plan);
    let contract = Contract {
        blindsight_contract: VERSION,
        id: description.id.clone(),
        title: description.title.clone(),
        classes: description.classes.clone(),
        input: input_data(shape, &description.input),
        scheme: SchemeData::of(set.literal()),
        keys: Vec::new(),
        request: RequestForm::Slots(RequestData {
            level: level as u32,
            scale,
            ciphertexts: shape.elements() as u32,
            inputs: set.slots() as u32,
            slots: vec![a_value_a_ciphertext(shape, set.slots())],
        }),
        answer: AnswerForm::Products(ProductsData {
            values: result.values as u32,
            parts: result.parts as u32,
            level: level as u32,
            scale: result.scale,
            unit: chain.unit,
        }),
        forecast: Forecast { score_error: score_error * chain.unit, ..costs },
    };
    let request_bytes = request_bytes(&set, shape.elements());
    let loaded_bytes = plan.encoded_byte_len(level) as u64;
    Ok(Emitted { plan, contract, loaded_bytes, request_bytes, agreement })
}

/// The plan with the fewest limbs, then bits, that agrees as often as is wanted.
fn search(
    chain: &Chain,
    all: &[Tensor],
    (leads, purpose): (&Leads, Purpose),
    wanted: f64,
) -> Result<Trial, BatchRefusal> {
    let all_expected: Vec<Vec<f64>> =
        all.par_iter().map(|sample| chain.run(sample.values())).collect();
    let run = all.len().min(RUN);
    let (samples, expected) = (&all[..run], &all_expected[..run]);
    let most_request_bytes = Policy::default().request_bytes;
    let mut least_bits = f64::INFINITY;
    let mut best_agreement = 0.0_f64;
    let mut best: Option<Trial> = None;
    let widths: Vec<[u32; 2]> =
        WEIGHT_BITS.flat_map(|first| WEIGHT_BITS.map(move |others| [first, others])).collect();
    // Without noise, what is left is the weights'.
    let most_precise = |&bits: &[u32; 2]| {
        let tried = Rounding::all(bits).map(|rounding| {
            let plan = chain.integers(rounding, samples);
            (error(&plan, samples, expected, 0.0), plan)
        });
        let best = tried.min_by(|(x, _), (y, _)| x.total_cmp(y));
        best.map(|(_, plan)| (bits, plan))
    };
    let plans: Vec<_> = widths.par_iter().filter_map(most_precise).collect();
    for ([first, others], plan) in plans {
        let bits = first.max(others);
        // The smallest ring has the least noise.
        for log_degree in ring::LOG_DEGREES {
            let noise = ring::noise(log_degree);
            // More scale agrees more often and needs more bits: the first that agrees is enough.
            for half_bits in HALF_BITS_ABOVE_NOISE {
                let scale = noise * 2_f64.powf(f64::from(half_bits) / 2.0);
                let needed = plan.result_scale(scale).log2() + 1.0 + HEADROOM_BITS;
                least_bits = least_bits.min(needed);
                let Some(set) = ring::set(log_degree, needed, bits) else { break };
                if request_bytes(&set, chain.inputs) > most_request_bytes {
                    break;
                }
                let beaten = |best: &Trial| cost(&best.set) <= cost(&set);
                if best.as_ref().is_some_and(beaten) {
                    break;
                }
                let score_error = error(&plan, samples, expected, noise / scale);
                let mut agreement = leads.agreement(score_error * chain.unit);
                if agreement >= wanted && purpose == Purpose::Labels {
                    let kept = labels_kept(&plan, all, &all_expected, noise / scale);
                    agreement = agreement.min(kept);
                }
                best_agreement = best_agreement.max(agreement);
                if agreement >= wanted {
                    let plan = plan.clone();
                    best = Some(Trial { set, plan, scale, score_error, agreement });
                    break;
                }
            }
        }
    }
    best.ok_or(match best_agreement {
        0.0 => BatchRefusal::Modulus { bits: least_bits },
        best => BatchRefusal::Agreement { best, wanted },
    })
}

/// A ciphertext for each value of an input.
fn request_bytes(set: &Parameters, values: usize) -> u64 {
    values as u64 * SeededCiphertext::byte_len(set, set.top_level()) as u64
}

/// What is made small: the limbs, which are the evaluator's work for an input, then the bits, which a
/// client sends.
fn cost(set: &Parameters) -> (usize, u64) {
    (set.top_level(), (set.chain().log2() * 16.0) as u64)
}

/// The error of a score, root mean square, in units: samples run with noise on every value of an
/// input, and integer weights.
fn error(plan: &BatchPlan, samples: &[Tensor], expected: &[Vec<f64>], noise: f64) -> f64 {
    let draws = if noise == 0.0 { 1 } else { DRAWS };
    let squares = |(index, sample): (usize, &Tensor)| {
        let mut gaussian = Gaussian::new(index as u64 + 1);
        let one = |_| {
            let found = noisy_scores(plan, sample, noise, &mut gaussian);
            found.iter().zip(&expected[index]).map(|(x, y)| (x - y).powi(2)).sum::<f64>()
        };
        (0..draws).map(one).sum::<f64>()
    };
    let sum: f64 = samples.par_iter().enumerate().map(squares).sum();
    let count: usize = expected.iter().map(Vec::len).sum();
    (sum / (count as u64 * draws).max(1) as f64).sqrt()
}

/// The part of the samples that keep their label. Errors of products are no Gaussians: they differ
/// between samples and between scores, and any score may overtake the best one. Of all that, leads
/// and the mean error know nothing.
fn labels_kept(plan: &BatchPlan, samples: &[Tensor], expected: &[Vec<f64>], noise: f64) -> f64 {
    let keeps = |(index, sample): &(usize, &Tensor)| {
        let mut gaussian = Gaussian::new(*index as u64 + 1);
        best(&noisy_scores(plan, sample, noise, &mut gaussian)) == best(&expected[*index])
    };
    let kept = samples.par_iter().enumerate().filter(keeps).count();
    if samples.is_empty() { 1.0 } else { kept as f64 / samples.len() as f64 }
}

/// The scores of one run as integers, with noise on every value of the input.
fn noisy_scores(
    plan: &BatchPlan,
    sample: &Tensor,
    noise: f64,
    gaussian: &mut Gaussian,
) -> Vec<f64> {
    // Of a complex slot both parts are noisy, and squares mix them.
    let mut noisy = |x: f64| x + noise * gaussian.next();
    let input = sample.values().iter().map(|x| Complex64::new(noisy(f64::from(*x)), noisy(0.0)));
    integers::run(plan, input.collect()).iter().map(|x| x.re).collect()
}

/// The value at `(c, y, x)` is ciphertext number `(c H + y) W + x`; inputs are its slots.
fn a_value_a_ciphertext(shape: Shape, slots: usize) -> BoxData {
    let extent = [shape.channels(), shape.height(), shape.width()];
    let strides = [shape.plane() * slots, shape.width() * slots, slots];
    // Where there is only one, there is no way to the next.
    let stride = |axis: usize| if extent[axis] == 1 { 0 } else { strides[axis] as u32 };
    let strides = [stride(0), stride(1), stride(2)];
    BoxData { from: [0; 3], extent: extent.map(|n| n as u32), slot: 0, strides }
}

/// What a request costs.
fn costs(set: &Arc<Parameters>, plan: &BatchPlan) -> Forecast {
    let level = set.top_level();
    let residues = (set.degree() * level) as u64;
    let expanded = 2 * plan.inputs as u64 * residues * 8;
    let request = request_bytes(set, plan.inputs);
    Forecast {
        seconds: cost::batch_seconds(plan.multiply_adds() * residues, expanded / 2),
        memory_bytes: expanded + request + plan.encoded_byte_len(level) as u64,
        log2_failure: cost::NO_FAILURE,
        score_error: 0.0,
    }
}

impl Emitted {
    /// What it costs.
    pub(crate) fn costs(&self) -> Costs {
        let Forecast { seconds, memory_bytes, score_error, .. } = self.contract.forecast;
        let (request_bytes, agreement) = (self.request_bytes, self.agreement);
        Costs { seconds, memory_bytes, key_bytes: 0, request_bytes, score_error, agreement }
    }

    /// The compiled model, of which this is the only candidate.
    pub(crate) fn compiled(self, candidate: Candidate) -> Compiled {
        let Self { plan, contract, loaded_bytes, .. } = self;
        Compiled { contract, code: Code::Batch(plan), loaded_bytes, candidates: vec![candidate] }
    }
}
