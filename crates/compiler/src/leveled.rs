//! Shallow networks on small rings: no bootstrap, a level for each linear layer and each square.
//!
//! Whatever is linear between two activations is one sparse matrix over the elements of earlier
//! values ([`sparse`], [`network`]), and a matrix over slots is a sum of rotated, weighted copies
//! ([`diagonals`], [`steps`]). Where a feature map stays in place a convolution has few diagonals
//! ([`layout`]); any other matrix is folded: so many diagonals as it has rows, and a sum over the
//! slots. The ring is the smallest whose slots and chain carry the network ([`ring`]).

mod activation;
mod diagonals;
mod emit;
mod error;
mod layout;
mod network;
mod plan;
mod ring;
mod sparse;
mod steps;
#[cfg(test)]
mod tests;

use blindsight_contract::Forecast;
use blindsight_model::calibration::Calibration;
use blindsight_model::graph::Graph;
use blindsight_model::tensor::Tensor;

use crate::compile::{CompileError, Emitted};
use crate::cost;
use crate::noise::Gaussian;
use emit::Build;
pub use error::LeveledError;
use network::Network;
use ring::{LOG_DEGREES, Ring};

/// `log2` of the probability that a run fails by chance. No event spoils one here: noise is far from
/// the moduli, and nothing is raised. Contracts want a number; this is that of guessing the key.
const NO_FAILURE: f64 = -128.0;

/// The program of a shallow network.
///
/// # Errors
/// When no ring carries it, or it does not fit its calibration.
pub(crate) fn emit(
    graph: &Graph,
    calibration: &Calibration,
    samples: &[Tensor],
) -> Result<Emitted, CompileError> {
    let network = Network::new(graph, calibration)?;
    let activations = activation::Forms::fit(&network)?;
    let depth = emit::depth(&network, &activations);
    let mut refused = LeveledError::Depth { needed: depth };
    for log_degree in LOG_DEGREES {
        let Some(ring) = Ring::new(log_degree, depth)? else { continue };
        match Build::new(&network, &activations, &ring).emit() {
            Ok((program, formats, request)) => {
                let checked = program.check(&ring.set, request)?;
                let error = score_error(&network, &activations, &ring, samples);
                let forecast = Forecast {
                    seconds: cost::seconds(&program, &checked),
                    memory_bytes: cost::memory_bytes(&program, &checked),
                    log2_failure: NO_FAILURE,
                    score_error: error,
                };
                return Ok(Emitted { program, checked, formats, forecast });
            }
            // A larger ring may hold it.
            Err(error @ LeveledError::Slots { .. }) => refused = error,
            Err(error) => return Err(error.into()),
        }
    }
    Err(refused.into())
}

/// Whether some ring may carry a network, whatever its calibration.
///
/// # Errors
/// When it is too deep for all of them, or what must be in a ciphertext fits none.
pub(crate) fn check(graph: &Graph) -> Result<(), LeveledError> {
    let slots = 1 << (LOG_DEGREES.end() - 1);
    let activations = graph.activations().map(|(id, _)| id);
    for id in activations.chain([graph.input(), graph.output()]) {
        let shape = graph.shape(id);
        if shape.elements() > slots {
            return Err(LeveledError::Slots { shape, slots });
        }
    }
    let needed = activation::least_depth(graph);
    let carried = |log_degree| Ring::exists(log_degree, needed);
    if LOG_DEGREES.into_iter().any(carried) { Ok(()) } else { Err(LeveledError::Depth { needed }) }
}

/// The error of a score, root mean square over the samples.
fn score_error(
    network: &Network,
    activations: &activation::Forms,
    ring: &Ring,
    samples: &[Tensor],
) -> f64 {
    let mut noise = Gaussian::new(1);
    let (mut squares, mut count) = (0.0, 0.0);
    for sample in samples {
        let exact = network.run(sample.values(), |_, activation, u| activation.eval(u));
        let found = network.run(sample.values(), |index, _, u| {
            activations.eval(index, u + ring.noise() * noise.next())
        });
        for (x, y) in found.iter().zip(&exact) {
            squares += (x + ring.noise() * noise.next() - y).powi(2);
            count += 1.0;
        }
    }
    (squares / f64::max(count, 1.0)).sqrt() * network.bound
}
