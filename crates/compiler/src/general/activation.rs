//! The polynomials of activations.

use blindsight_ckks_eval::BootstrapParameters;
use blindsight_ckks_eval::activation::{ChebyshevFit, Density, TrigPolynomial};
use blindsight_ckks_eval::polynomial;
use blindsight_model::graph::{ActivationKind, Graph, Node};

use super::GeneralError;
use super::network::{Activation, Made, Network};
use crate::trigonometric::{self, NoFit};

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
    /// In a bootstrap.
    Bootstrap { polynomial: TrigPolynomial, fill: f64 },
}

/// Degrees that are tried: each is the highest of its depth.
const DEGREES: [usize; 3] = [7, 15, 31];

/// A bootstrap's polynomial whose error, root mean square over the values that were seen, is a larger
/// part of the range than this is not good enough: its degree is given, and errors of many values
/// cancel.
const WORST_OF_BOOTSTRAP: f64 = 0.05;

impl Forms {
    /// Without bootstraps: the lowest degrees whose errors, root mean square over the values that
    /// were seen, are at most this part of the range.
    pub(super) fn leveled(network: &Network, worst: f64) -> Result<Self, GeneralError> {
        Self::of(network, |activation| leveled(activation, worst))
    }

    /// Each in a bootstrap.
    pub(super) fn bootstrapped(
        network: &Network,
        bootstrap: &BootstrapParameters,
    ) -> Result<Self, GeneralError> {
        Self::of(network, |activation| bootstrapped(activation, bootstrap))
    }

    fn of(
        network: &Network,
        form: impl Fn(&Activation) -> Result<Form, Misfit>,
    ) -> Result<Self, GeneralError> {
        let activations = network.values.iter().filter_map(|held| match &held.made {
            Made::Activation { activation, .. } => Some(activation),
            Made::Input | Made::Pool { .. } => None,
        });
        let form = |(index, activation): (usize, &Activation)| {
            form(activation).map_err(|Misfit { degree, error }| GeneralError::Fit {
                activation: index,
                degree,
                percent: (100.0 * error).ceil() as u32,
            })
        };
        activations.enumerate().map(form).collect::<Result<_, _>>().map(Self)
    }

    /// Whether there is no other activation.
    pub(super) fn are_squares(&self) -> bool {
        self.0.iter().all(|form| *form == Form::Square)
    }

    pub(super) fn get(&self, activation: usize) -> &Form {
        &self.0[activation]
    }

    /// What is computed instead of an activation.
    pub(super) fn eval(&self, activation: usize, u: f64) -> f64 {
        match &self.0[activation] {
            Form::Square => u * u,
            Form::Polynomial(fit) => fit.eval(u),
            Form::Bootstrap { polynomial, fill } => polynomial.eval(fill * u),
        }
    }
}

impl Form {
    /// The levels of the chain that it takes from what follows.
    pub(super) fn depth(&self) -> usize {
        match self {
            Self::Bootstrap { .. } => 0,
            Self::Square => 1,
            Self::Polynomial(fit) => polynomial::depth(fit.coefficients().len()),
        }
    }
}

/// The fewest levels that a network takes: each activation at the least degree, after a linear
/// layer. Where all are squares, each shares a level with the linear layer that reads it.
pub(super) fn least_depth(graph: &Graph, squares: bool) -> usize {
    let mut depths = vec![0; graph.nodes().len() + 1];
    for (id, node) in graph.nodes() {
        let before = node.sources().map(|source| depths[source.index()]).max().unwrap_or(0);
        let own = match node {
            Node::Activation { kind: ActivationKind::Identity, .. } => 0,
            Node::Activation { kind: ActivationKind::Square, .. } => {
                if squares {
                    1
                } else {
                    2
                }
            }
            Node::Activation { .. } => 1 + polynomial::depth(DEGREES[0] + 1),
            _ => 0,
        };
        depths[id.index()] = before + own;
    }
    depths[graph.output().index()] + 1
}

/// No polynomial is good enough.
struct Misfit {
    /// The highest degree that was tried.
    degree: usize,
    /// Its error, root mean square, relative to the range.
    error: f64,
}

fn leveled(activation: &Activation, worst: f64) -> Result<Form, Misfit> {
    if activation.kind == ActivationKind::Square {
        return Ok(Form::Square);
    }
    let (low, high, masses) = activation.histogram();
    // Where nothing was measured, every input is as likely as any other.
    let density = Density::new(low, high, &masses).ok();
    let mut error = f64::INFINITY;
    for degree in DEGREES {
        let fit = ChebyshevFit::new(|u| activation.eval(u), degree, density.as_ref());
        error = fit.as_ref().map_or(f64::INFINITY, ChebyshevFit::rms_error);
        if let Some(fit) = fit.filter(|fit| fit.rms_error() <= worst) {
            return Ok(Form::Polynomial(fit));
        }
    }
    Err(Misfit { degree: DEGREES[DEGREES.len() - 1], error })
}

fn bootstrapped(activation: &Activation, bootstrap: &BootstrapParameters) -> Result<Form, Misfit> {
    let function = |u| activation.eval(u);
    let fitted =
        trigonometric::polynomial(bootstrap, function, activation.histogram(), WORST_OF_BOOTSTRAP);
    let polynomial = fitted.map_err(|error| Misfit {
        degree: bootstrap.activation_degree(),
        error: match error {
            NoFit::Poor(error) => error,
            NoFit::Fit(_) => f64::INFINITY,
        },
    })?;
    Ok(Form::Bootstrap { polynomial, fill: bootstrap.literal().fill })
}
