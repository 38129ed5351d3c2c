//! How often scores that are off by an error still give the plain network's label.

use blindsight_model::graph::{Graph, erf};
use blindsight_model::plain::{PlainError, PlainNetwork};
use blindsight_model::tensor::Tensor;

/// By how much the best score leads over the second; without end where there is no second.
pub(crate) fn lead(scores: &[f64]) -> f64 {
    let mut sorted = scores.to_vec();
    sorted.sort_by(|x, y| y.total_cmp(x));
    match sorted[..] {
        [first, second, ..] => first - second,
        _ => f64::INFINITY,
    }
}

/// An error is found to one part in a million of the largest that there can be.
const HALVINGS: usize = 30;

/// For each sample, by how much the best score of the plain network leads.
#[derive(Debug)]
pub(crate) struct Leads(Vec<f64>);

impl Leads {
    pub(crate) fn new(graph: &Graph, samples: &[Tensor]) -> Result<Self, PlainError> {
        let plain = PlainNetwork::new(graph.clone());
        let lead = |sample: &Tensor| {
            let scores = plain.run(sample)?;
            let scores: Vec<f64> = scores.values().iter().copied().map(f64::from).collect();
            Ok(lead(&scores))
        };
        samples.iter().map(lead).collect::<Result<_, PlainError>>().map(Self)
    }

    /// By how much the best of each list of scores leads.
    pub(crate) fn of_scores(scores: &[Vec<f64>]) -> Self {
        Self(scores.iter().map(|scores| lead(scores)).collect())
    }

    /// The largest error of a score with which this part of the samples is expected to keep its
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

    /// The part of the samples that is expected to keep its label, with scores off by this error,
    /// root mean square. The difference of two scores has twice the variance of one.
    pub(crate) fn agreement(&self, score_error: f64) -> f64 {
        if self.0.is_empty() {
            return 1.0;
        }
        let chance = |lead: &f64| 0.5 * (1.0 + erf(lead / (2.0 * score_error.max(1e-12))));
        self.0.iter().map(chance).sum::<f64>() / self.0.len() as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_error_for_an_agreement_is_found() {
        let scores = |lead: f64| vec![0.0, lead, -1.0];
        let leads = Leads::of_scores(&[scores(0.1), scores(1.0), scores(2.0)]);
        for wanted in [0.7, 0.9, 0.98] {
            let error = leads.error_for(wanted);
            assert!((leads.agreement(error) - wanted).abs() < 1e-3, "{wanted}: {error}");
        }
        assert!(leads.error_for(1.1).abs() < 1e-6);
        assert_eq!(Leads::of_scores(&[]).error_for(0.99), f64::INFINITY);
    }
}
