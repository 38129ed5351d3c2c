//! The degree of each activation's polynomial: the lowest that the scores bear.
//!
//! The network is run in the clear with the polynomial of one activation alone in place of it, which
//! says how far that moves the scores. Errors of different activations are taken for independent. A
//! higher degree goes where it takes most of the error for the levels that it costs.

use std::fmt;

use blindsight_model::tensor::Tensor;
use rayon::prelude::*;

use super::activation::{Form, Forms};
use super::network::Network;
use super::ring::LARGEST_NOISE;
use super::{GeneralError, emit, exact_scores, made_up};
use crate::agreement::{Leads, Purpose};
use crate::noise::Gaussian;
use crate::simulate::mean_square;

/// Which polynomials are put in the place of activations where there are no bootstraps. It writes
/// itself as what they do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Degrees {
    /// The lowest whose errors, root mean square over the values that were seen, are small.
    Within {
        /// In hundredths of the range.
        percent: f64,
    },
    /// The lowest that the scores bear.
    Keeping {
        /// The part of the inputs that are to keep their label.
        agreement: f64,
    },
}

impl fmt::Display for Degrees {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Within { percent: 0.0 } => f.write_str("squares as products"),
            Self::Within { percent } => write!(f, "polynomials within {percent} % of their range"),
            Self::Keeping { agreement } => {
                write!(f, "degrees that keep {} % of the labels", 100.0 * agreement)
            }
        }
    }
}

impl Degrees {
    /// The polynomials of a network.
    pub(super) fn forms(
        self,
        network: &Network,
        samples: &[Tensor],
        purpose: Purpose,
    ) -> Result<Forms, GeneralError> {
        match self {
            Self::Within { percent } => Forms::leveled(network, percent / 100.0),
            Self::Keeping { agreement } => {
                let made_up = [made_up(network.values[0].shape)];
                let samples = if samples.is_empty() { &made_up } else { samples };
                for_agreement(network, samples, purpose, agreement)
            }
        }
    }
}

/// Inputs that each polynomial is tried on.
const PROBES: usize = 8;

/// How often lower errors are asked for, because all polynomials together do more than the sum.
const ROUNDS: usize = 4;

/// An error beyond this part of the scores' range is too much, though labels bear it.
const MOST_ERROR: f64 = 1.0 / 20.0;

/// The polynomials with which, as far as can be forecast, this part of the inputs keep their label;
/// where no degree is high enough, the best there are.
fn for_agreement(
    network: &Network,
    samples: &[Tensor],
    purpose: Purpose,
    agreement: f64,
) -> Result<Forms, GeneralError> {
    let leads = Leads::of_results(&exact_scores(network, samples), purpose);
    let wanted = leads.error_for(agreement).min(MOST_ERROR);
    let choices = Choices::new(network, samples)?;
    let mut asked = wanted;
    let mut forms = choices.within(asked);
    for _ in 0..ROUNDS {
        let found = score_error(network, &forms, LARGEST_NOISE, samples);
        if found <= wanted {
            break;
        }
        asked *= wanted / found;
        forms = choices.within(asked);
    }
    Ok(forms)
}

/// The error of a score, root mean square over the samples, in units of their bound, with noise on what
/// activations read and give: the program, whose noise would be known, is not made yet.
fn score_error(network: &Network, forms: &Forms, noise: f64, samples: &[Tensor]) -> f64 {
    let errors = samples.par_iter().zip(exact_scores(network, samples)).enumerate();
    let squares = errors.map(|(index, (sample, exact))| {
        let mut random = Gaussian::new(index as u64 + 1);
        let found = network.run(sample.values(), |site, _, u| {
            forms.eval(site.activation, u + noise * random.next()) + noise * random.next()
        });
        mean_square(&found, &exact)
    });
    (squares.sum::<f64>() / samples.len().max(1) as f64).sqrt()
}

/// The polynomials of each activation, that of the lowest degree first.
struct Choices<'a> {
    network: &'a Network,
    forms: Vec<Vec<Form>>,
    /// The variance of a score that each alone makes.
    variances: Vec<Vec<f64>>,
}

impl<'a> Choices<'a> {
    fn new(network: &'a Network, samples: &[Tensor]) -> Result<Self, GeneralError> {
        let forms = Forms::choices(network)?;
        let probes = &samples[..samples.len().min(PROBES)];
        let exact = exact_scores(network, probes);
        let variance = |(activation, form): (usize, &Form)| {
            let errors = probes.par_iter().zip(&exact).map(|(sample, exact)| {
                let scores = network.run(sample.values(), |site, known, u| {
                    if site.activation == activation { form.eval(u) } else { known.eval(u) }
                });
                mean_square(&scores, exact)
            });
            errors.sum::<f64>() / probes.len().max(1) as f64
        };
        let all = forms.iter().enumerate();
        let variances = all.map(|(activation, forms)| {
            // What is alone is taken, whatever it does.
            forms.iter().map(|form| variance((activation, form))).collect()
        });
        let variances = variances.collect();
        Ok(Self { network, forms, variances })
    }

    /// The polynomials of the fewest levels whose error of a score is at most this, in units of the
    /// scores' bound.
    fn within(&self, error: f64) -> Forms {
        let most = error * error;
        let mut picks = vec![0; self.forms.len()];
        while self.variance(&picks) > most {
            let Some((activation, degree)) = self.best_step(&picks) else { break };
            picks[activation] = degree;
        }
        // What was raised first may have become needless.
        for activation in 0..picks.len() {
            let raised = picks[activation];
            let needed = (0..raised).find(|lower| {
                picks[activation] = *lower;
                self.variance(&picks) <= most
            });
            picks[activation] = needed.unwrap_or(raised);
        }
        let forms = self.forms.iter().zip(picks);
        Forms::new(forms.map(|(forms, pick)| forms[pick].clone()).collect())
    }

    /// The higher degree that takes most of the error for each level.
    fn best_step(&self, picks: &[usize]) -> Option<(usize, usize)> {
        let depth = self.depth(picks);
        let mut best: Option<(f64, (usize, usize))> = None;
        for (activation, &pick) in picks.iter().enumerate() {
            let variances = &self.variances[activation];
            for degree in pick + 1..variances.len() {
                let gain = variances[pick] - variances[degree];
                let mut raised = picks.to_vec();
                raised[activation] = degree;
                // Beside a longer branch it costs none, but products.
                let levels = (self.depth(&raised) - depth) as f64 + FREE_LEVEL;
                let worth = gain / levels;
                if gain > 0.0 && best.is_none_or(|(most, _)| worth > most) {
                    best = Some((worth, (activation, degree)));
                }
            }
        }
        best.map(|(_, step)| step)
    }

    fn variance(&self, picks: &[usize]) -> f64 {
        self.variances.iter().zip(picks).map(|(variances, pick)| variances[*pick]).sum()
    }

    fn depth(&self, picks: &[usize]) -> usize {
        emit::depth(self.network, |index| self.forms[index][picks[index]].depth())
    }
}

/// What a degree more costs that takes no level, in levels.
const FREE_LEVEL: f64 = 0.1;

#[cfg(test)]
mod tests {
    use blindsight_model::graph::{ActivationKind, Node, Pick, Selection};

    use super::*;
    use crate::general::network::Refreshes;
    use crate::testing::{Parts, calibration, inputs, perceptron};

    fn depth(network: &Network, forms: &Forms) -> usize {
        emit::depth(network, |index| forms.get(index).depth())
    }

    fn degrees(network: &Network, forms: &Forms) -> Vec<usize> {
        let degree = |index: usize| match forms.get(index) {
            Form::Polynomial(fit) => fit.coefficients().len() - 1,
            _ => 0,
        };
        (0..network.values.len() - 1).map(degree).collect()
    }

    #[test]
    fn degrees_are_as_high_as_scores_need() {
        let graph = perceptron(ActivationKind::Relu);
        let samples = inputs(graph.shape(graph.input()));
        let network = Network::new(&graph, &calibration(&graph), Refreshes::LeftOut).unwrap();
        let error = |forms: &Forms| score_error(&network, forms, 0.0, &samples);
        let choices = Choices::new(&network, &samples).unwrap();
        let mut last = 0;
        for wanted in [1.0, 0.03, 0.01, 0.003] {
            let forms = choices.within(wanted);
            let depth = depth(&network, &forms);
            assert!(depth >= last, "less error, fewer levels");
            let highest = degrees(&network, &forms).iter().all(|degree| *degree == 31);
            assert!(error(&forms) < 1.5 * wanted || highest, "{wanted}: {}", error(&forms));
            last = depth;
        }
        let rough = choices.within(1.0);
        assert!(degrees(&network, &rough).iter().all(|degree| *degree == 7));
        // More than there is: the best.
        let best = choices.within(1e-9);
        assert!(degrees(&network, &best).iter().all(|degree| *degree == 31));
    }

    /// Two activations of one kind, one of which moves the scores by a thousandth of the other.
    #[test]
    fn what_scores_hardly_see_stays_rough() {
        let mut parts = Parts::of_sides([12, 1, 1]);
        let large = parts.linear(parts.input(), [8, 12]);
        let large = parts.activation(large, ActivationKind::Relu);
        let small = parts.linear(parts.input(), [8, 12]);
        let small = parts.activation(small, ActivationKind::Relu);
        let thousandth = |from| Pick { from: Some(from), factor: 0.001, offset: 0.0 };
        let selection = Selection::everything([8, 1, 1]);
        let selection = selection.with_channels((0..8).map(thousandth).collect()).unwrap();
        let small = parts.add(Node::Select { source: small, selection });
        let sum = parts.sum(large, small);
        let scores = parts.linear(sum, [3, 8]);
        let graph = parts.finish(scores);
        let network = Network::new(&graph, &calibration(&graph), Refreshes::LeftOut).unwrap();
        let samples = inputs(graph.shape(graph.input()));
        let choices = Choices::new(&network, &samples).unwrap();
        let [first, second] = [0, 1].map(|activation| choices.variances[activation][0].sqrt());
        assert!(second < 0.01 * first);
        let forms = choices.within(0.5 * first);
        let found = degrees(&network, &forms);
        assert!(found[0] > 7 && found[1] == 7, "{found:?}");
    }
}
