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
