//! A network of signs as a compiled model: its contract, and what it will cost.

use blindsight_ckks::parameters::{Literal as SchemeLiteral, Parameters};
use blindsight_contract::{
    AnswerForm, Contract, ExactData, ExactSetData, Forecast, RequestForm, SchemeData, SignsData,
    VERSION,
};
use blindsight_exact::keys::expanded_byte_len;
use blindsight_exact::{BinaryPicture, ExactParameters, KeyPiece, Literal};
use blindsight_exact_eval::SignNetwork;
use blindsight_model::graph::Graph;
use blindsight_model::plain::PlainNetwork;
use blindsight_model::tensor::Tensor;
use rayon::prelude::*;

use super::{Signs, SignsError, sign_network};
use crate::agreement::best;
use crate::compile::{Code, CompileError, Compiled, Description, Task};
use crate::contract::input_data;
use crate::cost::NO_FAILURE;
use crate::noise::Gaussian;
use crate::planner::{Candidate, Costs, Wishes};

/// The only way there is.
const NAME: &str = "signs, by TFHE alone";

/// Seconds of a sign on two threads of the machine of docs/benchmarks.md (docs/exact.md).
const SIGN_SECONDS: f64 = 0.0059;

/// A ciphertext of a value.
fn value_bytes(set: &ExactParameters) -> u64 {
    8 * (set.degree() as u64 + 1)
}

/// The evaluator's memory beside key, weights and values.
const WORKING_BYTES: u64 = 20_000_000;

/// Compiles a network whose activations are signs.
pub(crate) fn compile(
    task: Task<'_>,
    description: &Description,
    wishes: Wishes,
) -> Result<Compiled, CompileError> {
    let (scheme, set) = sets()?;
    let signs = sign_network(&set, task.graph)?;
    let (score_error, agreement) = simulate(task, &signs)?;
    let network = &signs.network;
    let loaded_bytes = network.byte_len() as u64;
    let widest = network.layers().iter().map(|layer| layer.sums.len() as u64).max().unwrap_or(0);
    // The sums of a layer, their signs, and the sums of the next.
    let values = 3 * widest * value_bytes(&set);
    let forecast = Forecast {
        seconds: network.signs() as f64 * SIGN_SECONDS * task.machine.linear,
        memory_bytes: expanded_byte_len(&set) + loaded_bytes + values + WORKING_BYTES,
        log2_failure: NO_FAILURE,
        score_error,
    };
    let costs = Costs {
        seconds: forecast.seconds,
        memory_bytes: forecast.memory_bytes,
        key_bytes: KeyPiece::all(&set).map(|piece| piece.byte_len(&set) as u64).sum(),
        request_bytes: BinaryPicture::byte_len(network.pixels()) as u64,
        score_error,
        agreement,
    };
    if let Some(most) = wishes.memory.filter(|_| !wishes.room(&costs)) {
        return Err(CompileError::Memory { least: costs.memory_bytes, most });
    }
    if let Some(wanted) = wishes.agreement.filter(|wanted| agreement < *wanted) {
        return Err(CompileError::Agreement { wanted, best: agreement });
    }
    let contract = Contract {
        blindsight_contract: VERSION,
        id: description.id.clone(),
        title: description.title.clone(),
        classes: description.classes.clone(),
        input: input_data(task.graph.shape(task.graph.input()), &description.input),
        scheme: SchemeData::of(scheme.literal()),
        keys: Vec::new(),
        request: RequestForm::Signs(SignsData { signs: network.pixels() as u32 }),
        answer: AnswerForm::Exact(ExactData {
            exact: ExactSetData::of(set.literal()),
            values: network.scores() as u32,
            unit: signs.unit,
        }),
        forecast,
    };
    let candidates = vec![Candidate::taken(NAME.to_owned(), costs)];
    Ok(Compiled { contract, code: Code::Signs(signs.network), loaded_bytes, candidates })
}

/// Whether a graph can be run so.
pub(crate) fn check(graph: &Graph) -> Result<(), CompileError> {
    let (_, set) = sets()?;
    sign_network(&set, graph)?;
    Ok(())
}

/// Keys and secret are those of labels beside bootstrapped networks: who has them, has these.
fn sets() -> Result<(Parameters, ExactParameters), CompileError> {
    let scheme = Parameters::new(SchemeLiteral::bootstrapped_2_15())?;
    let set = ExactParameters::new(Literal::degree_2048(), &scheme).map_err(SignsError::Set)?;
    Ok((scheme, set))
}

/// The error of scores, root mean square, and the part of the samples with the plain network's label,
/// where every sum meets its noise: signs near zero are then taken wrongly as often as they will be.
fn simulate(task: Task<'_>, signs: &Signs) -> Result<(f64, f64), CompileError> {
    let plain = PlainNetwork::new(task.graph.clone());
    let one = |(index, sample): (usize, &Tensor)| -> Result<(f64, bool), CompileError> {
        let expected = plain.run(sample)?;
        let expected: Vec<f64> = expected.values().iter().copied().map(f64::from).collect();
        let mut noise = Gaussian::new(index as u64 + 1);
        let found = noisy_scores(&signs.network, sample, &mut noise);
        let found: Vec<f64> = found.iter().map(|score| score * signs.unit).collect();
        let squares = found.iter().zip(&expected).map(|(x, y)| (x - y).powi(2));
        Ok((squares.sum::<f64>() / expected.len() as f64, best(&found) == best(&expected)))
    };
    let all: Vec<_> = task.samples.par_iter().enumerate().map(one).collect::<Result<_, _>>()?;
    let count = all.len().max(1) as f64;
    let error = (all.iter().map(|(square, _)| square).sum::<f64>() / count).sqrt();
    let same = all.iter().filter(|(_, same)| *same).count();
    Ok((error, same as f64 / count))
}

/// The scores of an input as parts of the circle, where every sum is read with noise.
fn noisy_scores(network: &SignNetwork, sample: &Tensor, noise: &mut Gaussian) -> Vec<f64> {
    let mut signs: Vec<bool> = sample.values().iter().map(|value| *value > 0.0).collect();
    let mut sums = Vec::new();
    for layer in 0..network.layers().len() {
        sums = network.sums(layer, &signs);
        for (value, sum) in sums.iter_mut().enumerate() {
            *sum += network.noise_of(layer, value) * noise.next();
        }
        // Around the circle.
        signs = sums.iter().map(|sum| sum - sum.round() > 0.0).collect();
    }
    sums
}
