//! Any network: matrices between activations, on whatever ring carries it.
//!
//! Whatever is linear between two activations is one sparse matrix over the elements of earlier
//! values ([`sparse`], [`network`]), and a matrix over slots is a sum of rotated, weighted copies
//! ([`diagonals`], [`masks`], [`steps`]). Where a feature map stays in place a convolution has few
//! diagonals ([`layout`]); any other matrix is folded: so many diagonals as it has rows, and a sum
//! over the slots. A shallow network takes the smallest ring whose slots and chain carry it
//! ([`ring`]). In any other each activation is a functional bootstrap, of each of the ciphertexts
//! that hold the value ([`carrier`]).

mod activation;
mod carrier;
mod diagonals;
mod emit;
mod error;
mod layout;
mod masks;
pub(crate) mod network;
mod plan;
mod price;
pub(crate) mod ring;
pub(crate) mod sparse;
mod steps;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use blindsight_ckks::parameters::{Literal, Parameters};
use blindsight_ckks_eval::BootstrapParameters;
use blindsight_ckks_eval::bootstrap::BootstrapLiteral;
use blindsight_contract::Forecast;
use blindsight_model::graph::Graph;
use blindsight_model::tensor::Tensor;
use rayon::prelude::*;

use crate::compile::{CompileError, Emitted, Task};
use crate::cost;
use crate::noise::Gaussian;
use activation::Forms;
use carrier::Carrier;
use emit::Build;
pub use error::GeneralError;
use network::{Network, Refreshes};
use ring::{LOG_DEGREES, Ring};

/// A shallow network, which may be run without bootstraps.
#[derive(Debug)]
pub(crate) struct Leveled<'a> {
    task: Task<'a>,
    network: Network,
}

impl<'a> Leveled<'a> {
    /// # Errors
    /// When no ring carries it whatever its polynomials, or it does not fit its calibration.
    pub(crate) fn new(task: Task<'a>) -> Result<Self, CompileError> {
        check_leveled(task.graph)?;
        let network = Network::new(task.graph, task.calibration, Refreshes::LeftOut)?;
        Ok(Self { task, network })
    }

    /// The program. Errors of polynomials, root mean square, are at most so many hundredths of their
    /// range.
    ///
    /// # Errors
    /// When no ring carries it.
    pub(crate) fn emit(&self, percent: f64) -> Result<Emitted, CompileError> {
        let Self { task, network } = self;
        let activations = Forms::leveled(network, percent / 100.0)?;
        let depth = emit::depth(network, &activations);
        let mut refused = GeneralError::Depth { needed: depth };
        for log_degree in LOG_DEGREES {
            let Some(ring) = Ring::new(log_degree, depth)? else { continue };
            match emitted(*task, network, &activations, &Carrier::Leveled(ring)) {
                // A larger ring may hold it.
                Err(CompileError::General(error @ GeneralError::Slots { .. })) => refused = error,
                result => return result,
            }
        }
        Err(refused.into())
    }
}

/// The program of any network, with each activation in a bootstrap.
///
/// # Errors
/// When a value fits no ciphertexts, or the network does not fit its calibration.
pub(crate) fn emit_bootstrapped(task: Task<'_>) -> Result<Emitted, CompileError> {
    let network = Network::new(task.graph, task.calibration, Refreshes::Kept)?;
    let set = Arc::new(Parameters::new(Literal::bootstrapped_2_15())?);
    let bootstrap = BootstrapParameters::new(set, BootstrapLiteral::degree_15())?;
    let activations = Forms::bootstrapped(&network, &bootstrap)?;
    emitted(task, &network, &activations, &Carrier::Bootstrapped(Box::new(bootstrap)))
}

fn emitted(
    task: Task<'_>,
    network: &Network,
    activations: &Forms,
    carrier: &Carrier,
) -> Result<Emitted, CompileError> {
    let (program, formats, request) = Build::new(network, activations, carrier)?.emit()?;
    let checked = program.check(carrier.set(), request)?;
    let forecast = Forecast {
        seconds: cost::seconds(&program, &checked, task.machine),
        memory_bytes: cost::memory_bytes(&program, &checked),
        log2_failure: cost::log2_failure(&program, &checked),
        score_error: score_error(network, activations, carrier.noise(), task.samples),
    };
    Ok(Emitted { program, checked, formats, forecast })
}

/// Whether some ring may carry a network without bootstraps, whatever its calibration.
///
/// # Errors
/// When it is too deep for all of them, or what must be in a ciphertext fits none.
pub(crate) fn check_leveled(graph: &Graph) -> Result<(), GeneralError> {
    let slots = 1 << (LOG_DEGREES.end() - 1);
    let activations = graph.activations().map(|(id, _)| id);
    for id in activations.chain([graph.input(), graph.output()]) {
        let shape = graph.shape(id);
        if shape.elements() > slots {
            return Err(GeneralError::Slots { shape, slots });
        }
    }
    let needed = activation::least_depth(graph);
    let carried = |log_degree| Ring::exists(log_degree, needed);
    if LOG_DEGREES.into_iter().any(carried) { Ok(()) } else { Err(GeneralError::Depth { needed }) }
}

/// Whether a network may be run with bootstraps, whatever its calibration.
///
/// # Errors
/// When what must be in a ciphertext fits none.
pub(crate) fn check_bootstrapped(graph: &Graph) -> Result<(), GeneralError> {
    let slots = carrier::BOOTSTRAPPED_SLOTS;
    for id in [graph.input(), graph.output()] {
        let shape = graph.shape(id);
        if shape.elements() > slots {
            return Err(GeneralError::Slots { shape, slots });
        }
    }
    for (id, _) in graph.activations() {
        let shape = graph.shape(id);
        let room = if shape.plane() == 1 { slots } else { slots * carrier::MOST_PARTS };
        if shape.plane() > slots || shape.elements() > room {
            return Err(GeneralError::Slots { shape, slots });
        }
    }
    Ok(())
}

/// The part of an activation's error that all pixels of a channel share: it follows from their values,
/// and does not average out over them as independent noise does. Fitted to the ResNet20 with
/// quadratic activations.
const COMMON_ERROR: f64 = 0.3;

/// The error of a score, root mean square over the samples.
fn score_error(network: &Network, activations: &Forms, noise: f64, samples: &[Tensor]) -> f64 {
    let errors = samples.par_iter().enumerate().map(|(index, sample)| {
        let mut random = Gaussian::new(index as u64 + 1);
        let exact = network.run(sample.values(), |_, activation, u| activation.eval(u));
        let mut common = None;
        let found = network.run(sample.values(), |site, _, u| {
            let (_, common) = match common {
                Some((known, common)) if known == site => (known, common),
                _ => *common.insert((site, COMMON_ERROR * noise * random.next())),
            };
            let value = activations.eval(site.activation, u + noise * random.next());
            value + noise * random.next() + common
        });
        let errors = found.iter().zip(&exact);
        let squares = errors.map(|(x, y)| (x + noise * random.next() - y).powi(2));
        squares.sum::<f64>() / exact.len() as f64
    });
    let mean = errors.sum::<f64>() / samples.len().max(1) as f64;
    mean.sqrt() * network.bound
}
