//! Any network: matrices between activations, on whatever ring carries it.
//!
//! Whatever is linear between two activations is one sparse matrix over the elements of earlier
//! values ([`sparse`], [`network`]), and a matrix over slots is a sum of rotated, weighted copies
//! ([`diagonals`], [`masks`], [`steps`]). Where a feature map stays in place a convolution has few
//! diagonals ([`layout`]); any other matrix is folded: so many diagonals as it has rows, and a sum
//! over the slots, or fewer where what is read is spread over all of them first ([`spread`]). A shallow network takes the smallest ring whose slots and chain carry it
//! ([`ring`]). In any other each activation is a functional bootstrap, of each of the ciphertexts
//! that hold the value ([`carrier`]).

mod activation;
mod budget;
mod carrier;
mod degrees;
mod diagonals;
mod emit;
mod error;
mod graded;
mod joint;
mod layout;
mod masks;
pub(crate) mod network;
mod plan;
mod price;
pub(crate) mod ring;
pub(crate) mod sparse;
mod spread;
mod steps;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use blindsight_ckks::parameters::{Literal, Parameters};
use blindsight_ckks_eval::BootstrapParameters;
use blindsight_ckks_eval::bootstrap::BootstrapLiteral;
use blindsight_contract::Forecast;
use blindsight_engine::{Checked, Program};
use blindsight_model::graph::{ActivationKind, Graph};
use blindsight_model::tensor::{Shape, Tensor};
use rayon::prelude::*;

use crate::compile::{CompileError, Emitted, Task};
use crate::contract::Formats;
use crate::cost;
use crate::noise::Gaussian;
use crate::simulate::{self, ProgramNoise, Simulation};
use activation::Forms;
use budget::Needs;
use carrier::Carrier;
pub use degrees::Degrees;
use emit::Build;
pub use error::GeneralError;
use graded::Graded;
use layout::Layout;
use network::{Activation, Network, Refreshes, Site};
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

    /// The program with these polynomials.
    ///
    /// # Errors
    /// When no ring carries it.
    pub(crate) fn emit(&self, degrees: Degrees) -> Result<Emitted, CompileError> {
        let Self { task, network } = self;
        let activations = &degrees.forms(network, task.samples, task.purpose)?;
        if activations.are_squares() {
            return emit_graded(*task, network, activations);
        }
        let depth = emit::depth(network, |index| activations.get(index).depth());
        let mut refused = GeneralError::Depth { needed: depth };
        for log_degree in LOG_DEGREES {
            let Some(ring) = Ring::new(log_degree, depth)? else { continue };
            match emitted(*task, network, activations, &Carrier::Leveled(ring)) {
                // A larger ring may hold it.
                Err(CompileError::General(error @ GeneralError::Slots { .. })) => refused = error,
                result => return result,
            }
        }
        Err(refused.into())
    }
}

/// The program of a network of squares. A first one shows how precise its parts must be.
fn emit_graded(
    task: Task<'_>,
    network: &Network,
    activations: &Forms,
) -> Result<Emitted, CompileError> {
    let samples = task.samples;
    let layers = emit::depth(network, |_| 0);
    let made_up = [made_up(network.values[0].shape)];
    let probes = if samples.is_empty() { &made_up } else { samples };
    let mut refused = GeneralError::Depth { needed: layers };
    for log_degree in LOG_DEGREES {
        let Some(trial) = Graded::trial(log_degree, layers)? else { continue };
        let trial = Carrier::Graded(trial);
        let (program, formats, _) = match Build::new(network, activations, &trial)?.emit() {
            Ok(emitted) => emitted,
            // A larger ring may hold it.
            Err(error @ GeneralError::Slots { .. }) => {
                refused = error;
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let simulation = Simulation::new(&program, &formats, trial.set().slots());
        let needs = Needs::new(&program, &simulation, probes, [1 << log_degree, layers]);
        if let Some(emitted) = graded(task, network, activations, &needs, log_degree)? {
            return Ok(emitted);
        }
    }
    Err(refused.into())
}

/// The program on the ring of this degree, if one carries it. What sources of noise do together is
/// more than what they do alone: where it is too much, each is asked for less.
fn graded(
    task: Task<'_>,
    network: &Network,
    activations: &Forms,
    needs: &Needs,
    log_degree: u32,
) -> Result<Option<Emitted>, CompileError> {
    let wanted = budget::error_for(&exact_scores(network, task.samples), task.purpose);
    let (mut asked, mut best) = (wanted, None);
    for _ in 0..MOST_ROUNDS {
        let scales = needs.scales(asked, graded::smallest_bits(log_degree));
        let Some(graded) = Graded::new(log_degree, &scales)? else { return Ok(None) };
        let emitted = emitted(task, network, activations, &Carrier::Graded(graded))?;
        let found = emitted.forecast.score_error / network.bound;
        best = Some(emitted);
        if found <= ENOUGH * wanted {
            break;
        }
        asked *= wanted / found;
    }
    Ok(best)
}

/// How often a program of squares is made anew with other scales.
const MOST_ROUNDS: usize = 4;

/// An error that is so many times the one that is wanted is good enough.
const ENOUGH: f64 = 1.1;

/// An input where none is given.
fn made_up(shape: Shape) -> Tensor {
    let mut random = Gaussian::new(1);
    let values = (0..shape.elements()).map(|_| random.next() as f32).collect();
    Tensor::new(shape, values).expect("there are as many values as the shape has")
}

/// The scores of inputs as the network itself computes them, in units of their bound.
fn exact_scores(network: &Network, samples: &[Tensor]) -> Vec<Vec<f64>> {
    scores(network, samples, |_, activation, u| activation.eval(u))
}

/// The same with other functions as activations.
fn scores(
    network: &Network,
    samples: &[Tensor],
    function: impl Fn(Site, &Activation, f64) -> f64 + Sync,
) -> Vec<Vec<f64>> {
    samples.par_iter().map(|sample| network.run(sample.values(), &function)).collect()
}

/// The program of any network, with each activation in a bootstrap.
///
/// # Errors
/// When a value fits no ciphertexts, or the network does not fit its calibration.
pub(crate) fn emit_bootstrapped(task: Task<'_>) -> Result<Emitted, CompileError> {
    let network = Network::new(task.graph, task.calibration, Refreshes::Kept)?;
    let set = Arc::new(Parameters::new(Literal::bootstrapped_2_15())?);
    let bootstrap = BootstrapParameters::new(set, BootstrapLiteral::degree_15())?;
    let forms = |network: &Network| Forms::bootstrapped(network, &bootstrap);
    let carrier = Carrier::Bootstrapped(Box::new(bootstrap.clone()));
    let activations = forms(&network)?;
    let alone = Built::new(task, &network, &activations, &carrier)?;
    // Activations that share a bootstrap may cost their linear layers more.
    let joined = network.joined(bootstrap.set().slots());
    let joined = joined.and_then(|network| Some((forms(&network).ok()?, network)));
    let built = joined
        .as_ref()
        .and_then(|(activations, network)| Built::new(task, network, activations, &carrier).ok());
    match built {
        Some(joined) if joined.seconds < alone.seconds => joined.emitted(task),
        _ => alone.emitted(task),
    }
}

fn emitted(
    task: Task<'_>,
    network: &Network,
    activations: &Forms,
    carrier: &Carrier,
) -> Result<Emitted, CompileError> {
    Built::new(task, network, activations, carrier)?.emitted(task)
}

/// A program, and what it was made of.
struct Built<'a> {
    network: &'a Network,
    activations: &'a Forms,
    carrier: &'a Carrier,
    program: Program,
    checked: Checked,
    formats: Formats,
    seconds: f64,
}

impl<'a> Built<'a> {
    fn new(
        task: Task<'_>,
        network: &'a Network,
        activations: &'a Forms,
        carrier: &'a Carrier,
    ) -> Result<Self, CompileError> {
        let (program, formats, request) = Build::new(network, activations, carrier)?.emit()?;
        let checked = program.check(carrier.set(), request)?;
        let seconds = cost::seconds(&program, &checked, task.machine);
        Ok(Self { network, activations, carrier, program, checked, formats, seconds })
    }

    /// The same with its forecast, for which the program is run in the clear.
    fn emitted(self, task: Task<'_>) -> Result<Emitted, CompileError> {
        let Self { network, activations, carrier, program, checked, formats, seconds } = self;
        let samples = task.samples;
        let simulation = Simulation::new(&program, &formats, carrier.set().slots());
        if let Carrier::Graded(_) = carrier {
            budget::check_room(&simulation, &checked, samples)?;
        }
        let noise = ProgramNoise::new(&program, &checked, &formats);
        let exact = exact_scores(network, samples);
        let score_error = if activations.are_squares() {
            simulate::score_error(&simulation, &noise, samples, &exact)
        } else {
            let approximate =
                scores(network, samples, |site, _, u| activations.eval(site.activation, u));
            simulate::with_approximations(&simulation, &noise, samples, &exact, &approximate)
        };
        let forecast = Forecast {
            seconds,
            memory_bytes: cost::memory_bytes(&program, &checked),
            log2_failure: cost::log2_failure(&program, &checked),
            score_error: network.bound * score_error,
        };
        Ok(Emitted { program, checked, formats, forecast })
    }
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
    let squares = graph.activations().all(|(_, kind)| kind == ActivationKind::Square);
    let needed = activation::least_depth(graph, squares);
    let carried = |log_degree| match squares {
        true => Graded::exists(log_degree, needed),
        false => Ring::exists(log_degree, needed),
    };
    if LOG_DEGREES.into_iter().any(carried) { Ok(()) } else { Err(GeneralError::Depth { needed }) }
}

/// Whether a network may be run with bootstraps, whatever its calibration.
///
/// # Errors
/// When what must be in a ciphertext fits none.
pub(crate) fn check_bootstrapped(graph: &Graph) -> Result<(), GeneralError> {
    let slots = carrier::BOOTSTRAPPED_SLOTS;
    let shape = graph.shape(graph.output());
    if shape.elements() > slots {
        return Err(GeneralError::Slots { shape, slots });
    }
    let input = std::iter::once((graph.input(), emit::MOST_INPUT_CIPHERTEXTS));
    let held = graph.activations().map(|(id, _)| (id, carrier::MOST_PARTS));
    for (id, most_parts) in input.chain(held) {
        let shape = graph.shape(id);
        let fits = match shape.plane() {
            1 => shape.elements() <= slots,
            plane if plane <= slots => shape.elements() <= slots * most_parts,
            _ => Layout::interleaved(shape, most_parts, slots).is_some(),
        };
        if !fits {
            return Err(GeneralError::Slots { shape, slots });
        }
    }
    Ok(())
}
