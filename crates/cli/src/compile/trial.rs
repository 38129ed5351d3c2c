//! A model that was just compiled, run encrypted, beside what was forecast.

use std::error::Error;
use std::time::Instant;

use blindsight_contract::{Forecast, Meaning};
use blindsight_engine::{Bundle, BundleLimits, Engine};
use blindsight_model::graph::Graph;
use blindsight_model::plain::PlainNetwork;
use blindsight_model::tensor::Tensor;
use serde::Serialize;

use blindsight_encrypted::{Client, best};

/// What a run took, and how far its scores were off.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Trial {
    pub(super) seconds: f64,
    /// Root mean square over the scores.
    pub(super) score_error: f64,
    /// Whether the label is that of the plain network; an encoder gives none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) agrees: Option<bool>,
}

/// Runs a compiled model on an input: once before anything is timed, so that all memory has been
/// touched, then so many times, of which the shortest counts.
pub(super) fn run(
    bytes: &[u8],
    graph: &Graph,
    input: &Tensor,
    runs: usize,
) -> Result<Trial, Box<dyn Error>> {
    let bundle = Bundle::parse(bytes, &BundleLimits::default())?;
    let model = Engine::default().load(&bundle)?;
    let contract = model.contract().clone();
    let mut client = Client::new(&contract)?;
    let keys = client.register(&contract)?;
    let request = client.encrypt(&contract, input.values())?;
    let mut answer = keys.evaluate(&model, &request, &mut ())?;
    let mut seconds = f64::INFINITY;
    for _ in 0..runs.max(1) {
        let start = Instant::now();
        answer = keys.evaluate(&model, &request, &mut ())?;
        seconds = seconds.min(start.elapsed().as_secs_f64());
    }
    let mut found = client.decrypt(&contract, &answer)?;
    // Of a batch, the first input.
    found.truncate(contract.answer().values());
    let plain = PlainNetwork::new(graph.clone()).run(input)?;
    let expected: Vec<f64> = plain.values().iter().copied().map(f64::from).collect();
    let squares = found.iter().zip(&expected).map(|(x, y)| (x - y).powi(2));
    let score_error = (squares.sum::<f64>() / expected.len() as f64).sqrt();
    let agrees = match contract.meaning() {
        Meaning::Scores { .. } => Some(best(&found) == best(&expected)),
        Meaning::Features => None,
    };
    Ok(Trial { seconds, score_error, agrees })
}

impl Trial {
    /// A line for people.
    pub(super) fn beside(&self, forecast: &Forecast) -> String {
        let label = match self.agrees {
            Some(true) => ", the plain network's label",
            Some(false) => ", another label",
            None => "",
        };
        format!(
            "{:.2} s (forecast {:.2}), score error {:.4} (forecast {:.4}){label}",
            self.seconds, forecast.seconds, self.score_error, forecast.score_error
        )
    }
}
