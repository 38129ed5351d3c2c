//! How often results that are off by an error still serve as the plain network's do.

use blindsight_model::graph::{Graph, erf};
use blindsight_model::plain::{PlainError, PlainNetwork};
use blindsight_model::tensor::Tensor;

/// What the results of a network are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Scores: the largest tells the label.
    Labels,
    /// Features, from which others tell inputs apart.
    Features,
}

impl Purpose {
    /// For each result, the lead that an error must not turn round. Of scores, by how much the best
    /// one is ahead of the second; without end where there is no second. Of features, which have to
    /// stay nearer to their own exact ones than to those of any other sample, what stands for it in
    /// the same formula: that happens once the error along the line between the two is half their
    /// distance, and the difference of two scores has twice the variance of one.
    pub(crate) fn leads(self, results: &[Vec<f64>]) -> Vec<f64> {
        match self {
            Self::Labels => results.iter().map(|scores| lead(scores)).collect(),
            Self::Features => {
                let nearest = |(index, features): (usize, &Vec<f64>)| {
                    let others = results.iter().enumerate().filter(|(other, _)| *other != index);
                    let distances = others.map(|(_, other)| distance(features, other));
                    distances.fold(f64::INFINITY, f64::min) / f64::sqrt(2.0)
                };
                results.iter().enumerate().map(nearest).collect()
            }
        }
    }
}

/// The index of the largest score; of none, none.
pub(crate) fn best(scores: &[f64]) -> Option<usize> {
    let scores = scores.iter().enumerate();
    scores.max_by(|(_, x), (_, y)| x.total_cmp(y)).map(|(index, _)| index)
}

fn lead(scores: &[f64]) -> f64 {
    let mut sorted = scores.to_vec();
    sorted.sort_by(|x, y| y.total_cmp(x));
    match sorted[..] {
        [first, second, ..] => first - second,
        _ => f64::INFINITY,
    }
}

/// An error is found to one part in a million of the largest that there can be.
const HALVINGS: usize = 30;

fn distance(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(x, y)| (x - y).powi(2)).sum::<f64>().sqrt()
}

/// For each sample, the lead of the plain network's result.
#[derive(Debug)]
pub(crate) struct Leads(Vec<f64>);

impl Leads {
    pub(crate) fn new(
        graph: &Graph,
        samples: &[Tensor],
        purpose: Purpose,
    ) -> Result<Self, PlainError> {
        let plain = PlainNetwork::new(graph.clone());
        let result = |sample: &Tensor| {
            let result = plain.run(sample)?;
            Ok(result.values().iter().copied().map(f64::from).collect())
        };
        let results: Vec<Vec<f64>> = samples.iter().map(result).collect::<Result<_, _>>()?;
        Ok(Self(purpose.leads(&results)))
    }

    /// The leads of the plain network's results.
    pub(crate) fn of_results(results: &[Vec<f64>], purpose: Purpose) -> Self {
        Self(purpose.leads(results))
    }

    /// The largest error of a result with which this part of the samples is expected to keep its
    /// label; 0 when there is none, without end when there is no sample.
    pub(crate) fn error_for(&self, agreement: f64) -> f64 {
        let (mut low, mut high) = (0.0, f64::INFINITY);
        let largest = self.0.iter().copied().filter(|lead| lead.is_finite()).fold(0.0, f64::max);
        // Beyond a hundred times the largest lead, labels are a matter of chance.
        let mut middle = 100.0 * largest;
        if self.agreement(middle) >= agreement {
            return high;
        }
        for _ in 0..HALVINGS {
            match self.agreement(middle) >= agreement {
                true => low = middle,
                false => high = middle,
            }
            middle = f64::midpoint(low, high);
        }
        low
    }

    /// The part of the samples that is expected to keep its label, or to be nearest to itself, with
    /// results off by this error, root mean square.
    pub(crate) fn agreement(&self, error: f64) -> f64 {
        if self.0.is_empty() {
            return 1.0;
        }
        let chance = |lead: &f64| 0.5 * (1.0 + erf(lead / (2.0 * error.max(1e-12))));
        self.0.iter().map(chance).sum::<f64>() / self.0.len() as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_error_for_an_agreement_is_found() {
        let scores = |lead: f64| vec![0.0, lead, -1.0];
        let leads = Leads::of_results(&[scores(0.1), scores(1.0), scores(2.0)], Purpose::Labels);
        for wanted in [0.7, 0.9, 0.98] {
            let error = leads.error_for(wanted);
            assert!((leads.agreement(error) - wanted).abs() < 1e-3, "{wanted}: {error}");
        }
        assert!(leads.error_for(1.1).abs() < 1e-6);
        assert_eq!(Leads::of_results(&[], Purpose::Labels).error_for(0.99), f64::INFINITY);
    }

    #[test]
    fn scores_lead_over_the_second() {
        let leads = Purpose::Labels.leads(&[vec![1.0, 4.0, 2.5], vec![7.0]]);
        assert_eq!(leads, [1.5, f64::INFINITY]);
    }

    #[test]
    fn features_lead_over_the_nearest_sample() {
        let results = [vec![0.0, 0.0], vec![3.0, 4.0], vec![3.0, 5.0]];
        let expected = [5.0, 1.0, 1.0].map(|distance| distance / f64::sqrt(2.0));
        assert_eq!(Purpose::Features.leads(&results), expected);
        assert_eq!(Purpose::Features.leads(&results[..1]), [f64::INFINITY]);
        // Half the distance of 1, at an error of 1/2, is one deviation: 84.13 %.
        let leads = Leads(Purpose::Features.leads(&results[1..]));
        assert!((leads.agreement(0.5) - 0.8413).abs() < 1e-4, "{}", leads.agreement(0.5));
    }
}
