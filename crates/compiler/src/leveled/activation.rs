//! The polynomials of activations.

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
    /// As a polynomial: factors of Chebyshev polynomials.
    Polynomial(Vec<f64>),
}

/// Degrees that are tried: each is the highest of its depth.
const DEGREES: [usize; 3] = [7, 15, 31];

/// An approximation whose error, root mean square over the values that were seen, is a larger part
/// of the range than this is not good enough.
const WORST_ERROR: f64 = 0.01;

/// Points of the interval that the fit goes by.
const POINTS: usize = 2048;

/// The part of the weight that every point has, whether values were seen there or not: where none
/// were, the polynomial must not run away.
const LEAST_WEIGHT: f64 = 0.02;

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
            Form::Polynomial(coefficients) => chebyshev(coefficients, u),
        }
    }
}

impl Form {
    /// The levels that it takes.
    pub(super) fn depth(&self) -> usize {
        match self {
            Self::Square => 1,
            Self::Polynomial(coefficients) => polynomial::depth(coefficients.len()),
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
    let mut worst = 0.0;
    for degree in DEGREES {
        let (coefficients, error) = fit(activation, degree);
        if error <= WORST_ERROR {
            return Ok(Form::Polynomial(coefficients));
        }
        worst = error;
    }
    let degree = DEGREES[DEGREES.len() - 1];
    Err(LeveledError::Fit { activation: index, degree, percent: (100.0 * worst).ceil() as u32 })
}

/// The polynomial of a degree that is nearest over the values that were seen, and its error there,
/// root mean square.
fn fit(activation: &Activation, degree: usize) -> (Vec<f64>, f64) {
    // At the nodes of Chebyshev polynomials these are orthogonal, so that equations are well
    // conditioned.
    let angle = |i: usize| std::f64::consts::PI * (i as f64 + 0.5) / POINTS as f64;
    let points: Vec<f64> = (0..POINTS).map(|i| angle(i).cos()).collect();
    let counts = activation.range.histogram().counts();
    let total = counts.iter().map(|&count| count as f64).sum::<f64>().max(1.0);
    let seen = |u: f64| {
        let bin = ((u + 1.0) / 2.0 * counts.len() as f64) as usize;
        // Nodes are denser at the ends: a node stands for less of the interval there.
        let width = (1.0 - u * u).sqrt();
        counts.get(bin).map_or(0.0, |&count| count as f64 / total * counts.len() as f64) * width
    };
    let weights: Vec<f64> = points.iter().map(|u| seen(*u) + LEAST_WEIGHT).collect();
    let basis: Vec<Vec<f64>> = points.iter().map(|u| polynomials(*u, degree)).collect();
    let size = degree + 1;
    let mut equations = vec![vec![0.0; size + 1]; size];
    for ((row, u), weight) in basis.iter().zip(&points).zip(&weights) {
        let value = activation.eval(*u);
        for i in 0..size {
            for j in 0..size {
                equations[i][j] += weight * row[i] * row[j];
            }
            equations[i][size] += weight * row[i] * value;
        }
    }
    let coefficients = solve(equations);
    let (mut squares, mut mass) = (0.0, 0.0);
    for u in &points {
        let weight = seen(*u);
        squares += weight * (chebyshev(&coefficients, *u) - activation.eval(*u)).powi(2);
        mass += weight;
    }
    (coefficients, (squares / f64::max(mass, f64::MIN_POSITIVE)).sqrt())
}

/// `T_0(u)` to `T_degree(u)`.
fn polynomials(u: f64, degree: usize) -> Vec<f64> {
    let mut values = vec![1.0, u];
    while values.len() <= degree {
        values.push(2.0 * u * values[values.len() - 1] - values[values.len() - 2]);
    }
    values
}

fn chebyshev(coefficients: &[f64], u: f64) -> f64 {
    let degree = coefficients.len().saturating_sub(1);
    polynomials(u, degree).iter().zip(coefficients).map(|(t, c)| t * c).sum()
}

/// Solves positive definite equations, each with its right side last, by Gauss' elimination.
fn solve(mut equations: Vec<Vec<f64>>) -> Vec<f64> {
    let size = equations.len();
    for i in 0..size {
        let pivot = equations[i].clone();
        for equation in equations.iter_mut().skip(i + 1) {
            let factor = equation[i] / pivot[i];
            for (x, p) in equation.iter_mut().zip(&pivot).skip(i) {
                *x -= factor * p;
            }
        }
    }
    let mut solution = vec![0.0; size];
    for i in (0..size).rev() {
        let equation = &equations[i];
        let known: f64 = (i + 1..size).map(|j| equation[j] * solution[j]).sum();
        solution[i] = (equation[size] - known) / equation[i];
    }
    solution
}
