//! The polynomials of activations.

use blindsight_ckks_eval::activation::{ChebyshevFit, Density};
use blindsight_ckks_eval::polynomial;
use blindsight_model::graph::{ActivationKind, Graph, Node};

use super::LeveledError;
use super::network::{Activation, Made, Network};

/// How each activation is computed, in execution order.
#[derive(Clone, Debug)]
pub(super) struct Forms(Vec<Form>);

/// How an activation is computed.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Form {
    /// As a square, one level down.
    Square,
    /// As a polynomial.
    Polynomial(ChebyshevFit),
}

/// Degrees that are tried: each is the highest of its depth.
const DEGREES: [usize; 3] = [7, 15, 31];

/// An approximation whose error, root mean square over the values that were seen, is a larger part
/// of the range than this is not good enough.
const WORST_ERROR: f64 = 0.01;

impl Forms {
    /// The lowest degrees that are good enough.
    pub(super) fn fit(network: &Network) -> Result<Self, LeveledError> {
        let activations = network.values.iter().filter_map(|held| match &held.made {
            Made::Activation { activation, .. } => Some(activation),
            Made::Input | Made::Pool { .. } => None,
        });
        let forms = activations.enumerate().map(|(index, activation)| form(index, activation));
        forms.collect::<Result<_, _>>().map(Self)
    }

    pub(super) fn get(&self, activation: usize) -> &Form {
        &self.0[activation]
    }

    /// What is computed instead of an activation.
    pub(super) fn eval(&self, activation: usize, u: f64) -> f64 {
        match &self.0[activation] {
            Form::Square => u * u,
            Form::Polynomial(fit) => fit.eval(u),
        }
    }
}

impl Form {
    /// The levels that it takes.
    pub(super) fn depth(&self) -> usize {
        match self {
            Self::Square => 1,
            Self::Polynomial(fit) => polynomial::depth(fit.coefficients().len()),
        }
    }
}

/// The fewest levels that a network takes: each activation at the least degree, after a linear
/// layer.
pub(super) fn least_depth(graph: &Graph) -> usize {
    let mut depths = vec![0; graph.nodes().len() + 1];
    for (id, node) in graph.nodes() {
        let before = node.sources().map(|source| depths[source.index()]).max().unwrap_or(0);
        let own = match node {
            Node::Activation { kind: ActivationKind::Square, .. } => 2,
            Node::Activation { .. } => 1 + polynomial::depth(DEGREES[0] + 1),
            _ => 0,
        };
        depths[id.index()] = before + own;
    }
    depths[graph.output().index()] + 1
}

fn form(index: usize, activation: &Activation) -> Result<Form, LeveledError> {
    if activation.kind == ActivationKind::Square {
        return Ok(Form::Square);
    }
    let histogram = activation.range.histogram();
    let counts: Vec<f64> = histogram.counts().iter().map(|&count| count as f64).collect();
    // Where nothing was measured, every input is as likely as any other.
    let density = Density::new(-1.0, 1.0, &counts).ok();
    let mut error = f64::INFINITY;
    for degree in DEGREES {
        let fit = ChebyshevFit::new(|u| activation.eval(u), degree, density.as_ref());
        error = fit.as_ref().map_or(f64::INFINITY, ChebyshevFit::rms_error);
        if let Some(fit) = fit.filter(|fit| fit.rms_error() <= WORST_ERROR) {
            return Ok(Form::Polynomial(fit));
        }
    }
    let degree = DEGREES[DEGREES.len() - 1];
    Err(LeveledError::Fit { activation: index, degree, percent: (100.0 * error).ceil() as u32 })
}
