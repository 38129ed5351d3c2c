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

/// A polynomial whose error, root mean square over the values that were seen, is a larger part of the
/// range than this is none of the activation, whatever the scores bear: values of the next layer would
/// leave their range.
const WORST_OF_POLYNOMIALS: f64 = 0.05;

/// A bootstrap's polynomial whose error, root mean square over the values that were seen, is a larger
/// part of the range than this is not good enough: its degree is given, and errors of many values
/// cancel.
const WORST_OF_BOOTSTRAP: f64 = 0.05;

impl Forms {
    /// Without bootstraps: the lowest degrees whose errors, root mean square over the values that
    /// were seen, are at most this part of the range.
    pub(super) fn leveled(network: &Network, worst: f64) -> Result<Self, GeneralError> {
        Self::of(network, |activation| leveled(activation, worst)).map(Self)
    }

    /// Without bootstraps: for each activation its polynomials, that of the lowest degree first. A
    /// square has none but itself.
    pub(super) fn choices(network: &Network) -> Result<Vec<Vec<Form>>, GeneralError> {
        Self::of(network, polynomials)
    }

    /// These.
    pub(super) fn new(forms: Vec<Form>) -> Self {
        Self(forms)
    }

    /// Each in a bootstrap.
    pub(super) fn bootstrapped(
        network: &Network,
        bootstrap: &BootstrapParameters,
    ) -> Result<Self, GeneralError> {
        Self::of(network, |activation| bootstrapped(activation, bootstrap)).map(Self)
    }

    fn of<T>(
        network: &Network,
        form: impl Fn(&Activation) -> Result<T, Misfit>,
    ) -> Result<Vec<T>, GeneralError> {
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
        activations.enumerate().map(form).collect()
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
        self.0[activation].eval(u)
    }
}

impl Form {
    /// What is computed instead of the activation.
    pub(super) fn eval(&self, u: f64) -> f64 {
        match self {
            Self::Square => u * u,
            Self::Polynomial(fit) => fit.eval(u),
            Self::Bootstrap { polynomial, fill } => polynomial.eval(fill * u),
        }
    }

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
            Node::Activation { kind, .. } => 1 + polynomial::depth(degrees(*kind)[0] + 1),
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
    let mut error = f64::INFINITY;
    for fit in fits(activation) {
        error = fit.as_ref().map_or(f64::INFINITY, ChebyshevFit::rms_error);
        if let Some(fit) = fit.filter(|fit| fit.rms_error() <= worst) {
            return Ok(Form::Polynomial(fit));
        }
    }
    Err(Misfit { degree: highest_degree(activation), error })
}

/// Polynomials of all degrees that are not too far off.
fn polynomials(activation: &Activation) -> Result<Vec<Form>, Misfit> {
    if activation.kind == ActivationKind::Square {
        return Ok(vec![Form::Square]);
    }
    let fits: Vec<ChebyshevFit> = fits(activation).flatten().collect();
    let error = fits.last().map_or(f64::INFINITY, ChebyshevFit::rms_error);
    let good = fits.into_iter().filter(|fit| fit.rms_error() <= WORST_OF_POLYNOMIALS);
    let forms: Vec<Form> = good.map(Form::Polynomial).collect();
    if forms.is_empty() {
        return Err(Misfit { degree: highest_degree(activation), error });
    }
    Ok(forms)
}

/// The nearest polynomials, by degree.
fn fits(activation: &Activation) -> impl Iterator<Item = Option<ChebyshevFit>> {
    let (low, high, masses) = activation.histogram();
    // Where nothing was measured, every input is as likely as any other.
    let density = Density::new(low, high, &masses).ok();
    let fit = move |degree| ChebyshevFit::new(|u| activation.eval(u), degree, density.as_ref());
    degrees(activation.kind).into_iter().map(fit)
}

/// Degrees that are tried for an activation: a polynomial has its own.
fn degrees(kind: ActivationKind) -> Vec<usize> {
    match kind {
        ActivationKind::Polynomial(polynomial) => vec![polynomial.degree()],
        _ => DEGREES.to_vec(),
    }
}

fn highest_degree(activation: &Activation) -> usize {
    degrees(activation.kind).into_iter().max().unwrap_or(0)
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
