//! Which of the forms that a network can take is the best one.
//!
//! Every candidate is compiled whole: its bytes are exact, its seconds come from the table of
//! primitives (`cost`), its error from the network run with its approximations and noise. What
//! cannot win any more is left out with the bound that shows it.

use blindsight_ckks::ciphertext::SeededCiphertext;
use blindsight_ckks::wire::KeySetManifest;
use blindsight_model::calibration::Calibration;
use blindsight_model::graph::{ActivationKind, Graph, erf};
use blindsight_model::plain::{PlainError, PlainNetwork};
use blindsight_model::tensor::Tensor;
use serde::Serialize;

use crate::compile::{CompileError, Emitted};
use crate::cost::{self, Machine};
use crate::{general, residual};

/// What a plan is to be good at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Goal {
    /// The time from an input to its label: evaluation, and sending the request.
    #[default]
    Latency,
    /// What a client sends: its keys, and requests.
    Bytes,
    /// Inputs an hour, of many clients: evaluation alone.
    Throughput,
}

/// What is wanted of a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Wishes {
    /// What it is to be good at.
    pub goal: Goal,
    /// The least part of inputs that get the plain network's label.
    pub agreement: Option<f64>,
    /// The most bytes of the evaluator's memory.
    pub memory: Option<u64>,
    /// How fast the evaluator's machine is.
    pub machine: Machine,
}

/// What a candidate costs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Costs {
    /// Seconds of an evaluation.
    pub seconds: f64,
    /// Bytes of the evaluator's memory.
    pub memory_bytes: u64,
    /// Bytes of the keys that a client sends once.
    pub key_bytes: u64,
    /// Bytes of a request.
    pub request_bytes: u64,
    /// The error of a score, root mean square.
    pub score_error: f64,
    /// The part of the samples that is expected to get the plain network's label.
    pub agreement: f64,
}

/// One way to run a network, and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Candidate {
    /// What it is.
    pub name: &'static str,
    /// What it costs; none when it cannot be run, or was not compiled.
    pub costs: Option<Costs>,
    /// Why it was taken, or not.
    pub verdict: String,
}

/// The least agreement where none is asked for: a candidate with less is taken only if there is no
/// other.
const USUAL_AGREEMENT: f64 = 0.98;

/// Bytes that a client sends in a second: a tenth of a gigabit.
const BYTES_A_SECOND: f64 = 1.25e7;

/// Requests that share the cost of keys, where bytes are what counts.
const REQUESTS_A_KEY_SET: f64 = 10.0;

/// Errors of polynomials that are tried without bootstraps, as parts of the range: fewer levels, or
/// better scores.
const POLYNOMIALS: [(&str, f64); 3] = [
    ("without bootstraps, polynomials within 1 % of their range", 0.01),
    ("without bootstraps, polynomials within 3 % of their range", 0.03),
    ("without bootstraps, polynomials within 0.3 % of their range", 0.003),
];

const SQUARES: &str = "without bootstraps, squares as products";

const RESIDUAL: &str = "residual blocks, a bootstrap each";

const BOOTSTRAPPED: &str = "matrices, a bootstrap for each activation";

/// The best plan, and all candidates.
pub(crate) fn plan(
    graph: &Graph,
    calibration: &Calibration,
    samples: &[Tensor],
    wishes: Wishes,
) -> Result<(Emitted, Vec<Candidate>), CompileError> {
    let mut contest = Contest::new(graph, samples, wishes)?;
    if residual::lowering::check(graph).is_ok() {
        // Of all forms it has the fewest key switches, and no other a lower level.
        contest.enter(RESIDUAL, residual::emit(graph, calibration, samples));
        return contest.finish();
    }
    let squares = graph.activations().all(|(_, kind)| kind == ActivationKind::Square);
    // Squares are no approximation.
    let polynomials = if squares { vec![(SQUARES, 0.0)] } else { POLYNOMIALS.to_vec() };
    for (name, worst) in polynomials {
        let emitted = match general::check_leveled(graph) {
            Ok(()) => general::emit_leveled(graph, calibration, samples, worst),
            Err(error) => Err(error.into()),
        };
        contest.enter(name, emitted);
    }
    let least = graph.activations().count() as f64 * wishes.machine.bootstrap;
    match contest.best.as_ref().filter(|best| best.wanted && least > best.objective) {
        Some(_) if wishes.goal != Goal::Bytes => {
            let verdict = format!("not compiled: its bootstraps alone take {least:.1} s");
            let costs = None;
            contest.candidates.push(Candidate { name: BOOTSTRAPPED, costs, verdict });
        }
        _ => contest.enter(BOOTSTRAPPED, general::emit_bootstrapped(graph, calibration, samples)),
    }
    contest.finish()
}

/// The candidates so far.
struct Contest {
    wishes: Wishes,
    /// For each sample, by how much the best score of the plain network leads.
    leads: Vec<f64>,
    candidates: Vec<Candidate>,
    best: Option<Best>,
    error: Option<CompileError>,
}

struct Best {
    index: usize,
    emitted: Emitted,
    /// Whether it agrees as often as is wanted.
    wanted: bool,
    objective: f64,
    agreement: f64,
}

impl Contest {
    fn new(graph: &Graph, samples: &[Tensor], wishes: Wishes) -> Result<Self, PlainError> {
        let plain = PlainNetwork::new(graph.clone());
        let lead = |sample: &Tensor| {
            let scores = plain.run(sample)?;
            let mut sorted = scores.values().to_vec();
            sorted.sort_by(|x, y| y.total_cmp(x));
            let second = sorted.get(1).copied().unwrap_or(f32::NEG_INFINITY);
            Ok(f64::from(sorted[0]) - f64::from(second))
        };
        let leads = samples.iter().map(lead).collect::<Result<_, PlainError>>()?;
        Ok(Self { wishes, leads, candidates: Vec::new(), best: None, error: None })
    }

    fn enter(&mut self, name: &'static str, emitted: Result<Emitted, CompileError>) {
        let emitted = match emitted {
            Ok(mut emitted) => {
                // Forms are compiled for the usual machine.
                let Emitted { program, checked, forecast, .. } = &mut emitted;
                forecast.seconds = cost::seconds(program, checked, self.wishes.machine);
                emitted
            }
            Err(error) => {
                let verdict = format!("not possible: {error}");
                self.candidates.push(Candidate { name, costs: None, verdict });
                // The last one says most: it carries more than those before.
                self.error = Some(error);
                return;
            }
        };
        let costs = self.costs(&emitted);
        let objective = self.objective(&costs);
        let wanted = costs.agreement >= self.wishes.agreement.unwrap_or(USUAL_AGREEMENT);
        let too_large = self.wishes.memory.is_some_and(|most| costs.memory_bytes > most);
        let agreement = costs.agreement;
        let verdict = match &self.best {
            _ if too_large => "needs more memory than there is".to_owned(),
            Some(best) if best.wanted && !wanted => {
                format!("agrees too rarely: {:.1} %", 100.0 * agreement)
            }
            Some(best) if best.wanted == wanted => {
                let (ours, theirs) = match wanted {
                    true => (objective, best.objective),
                    // Where none agrees often enough, the one that agrees most often.
                    false => (-agreement, -best.agreement),
                };
                if ours < theirs { String::new() } else { "another is better".to_owned() }
            }
            _ => String::new(),
        };
        let index = self.candidates.len();
        if verdict.is_empty() {
            if let Some(best) = &self.best {
                self.candidates[best.index].verdict = "another is better".to_owned();
            }
            self.best = Some(Best { index, emitted, wanted, objective, agreement });
        }
        let verdict = if verdict.is_empty() { "taken".to_owned() } else { verdict };
        self.candidates.push(Candidate { name, costs: Some(costs), verdict });
    }

    fn costs(&self, emitted: &Emitted) -> Costs {
        let Emitted { checked, forecast, .. } = emitted;
        let set = checked.circuit.set();
        let request = checked.values[0];
        let chance = |lead: &f64| 0.5 * (1.0 + erf(lead / (2.0 * forecast.score_error.max(1e-12))));
        let agreement = self.leads.iter().map(chance).sum::<f64>();
        Costs {
            seconds: forecast.seconds,
            memory_bytes: forecast.memory_bytes,
            key_bytes: KeySetManifest::new(set, &checked.keys).total_byte_len(),
            request_bytes: SeededCiphertext::byte_len(set, request.level) as u64,
            score_error: forecast.score_error,
            agreement: if self.leads.is_empty() {
                1.0
            } else {
                agreement / self.leads.len() as f64
            },
        }
    }

    fn objective(&self, costs: &Costs) -> f64 {
        match self.wishes.goal {
            Goal::Latency => costs.seconds + costs.request_bytes as f64 / BYTES_A_SECOND,
            Goal::Bytes => costs.key_bytes as f64 + REQUESTS_A_KEY_SET * costs.request_bytes as f64,
            Goal::Throughput => costs.seconds,
        }
    }

    fn finish(self) -> Result<(Emitted, Vec<Candidate>), CompileError> {
        let Self { wishes, candidates, best, error, .. } = self;
        let Some(best) = best else {
            let least = candidates.iter().filter_map(|c| c.costs).map(|c| c.memory_bytes).min();
            return Err(match (least, wishes.memory, error) {
                (Some(least), Some(most), _) => CompileError::Memory { least, most },
                (_, _, Some(error)) => error,
                // There is always a candidate.
                _ => CompileError::Memory { least: 0, most: 0 },
            });
        };
        if let Some(wanted) = wishes.agreement.filter(|_| !best.wanted) {
            return Err(CompileError::Agreement { wanted, best: best.agreement });
        }
        Ok((best.emitted, candidates))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{calibration, convolutional, deep, inputs, perceptron};

    fn planned(graph: &Graph, wishes: Wishes) -> Result<(Emitted, Vec<Candidate>), CompileError> {
        plan(graph, &calibration(graph), &inputs(graph.shape(graph.input())), wishes)
    }

    #[test]
    fn the_best_of_all_is_taken() {
        let (emitted, candidates) = planned(&convolutional(), Wishes::default()).unwrap();
        assert!(emitted.checked.circuit.bootstrap().is_none(), "{candidates:?}");
        assert_eq!(candidates.len(), 2, "squares are exact: {candidates:?}");
        assert!(candidates[1].verdict.contains("bootstraps alone"), "{candidates:?}");
        let (emitted, candidates) = planned(&deep(9), Wishes::default()).unwrap();
        assert!(emitted.checked.circuit.bootstrap().is_some());
        let taken: Vec<_> = candidates.iter().filter(|c| c.verdict == "taken").collect();
        assert!(matches!(taken[..], [Candidate { name: BOOTSTRAPPED, costs: Some(_), .. }]));
        assert!(candidates[0].verdict.contains("levels"), "{candidates:?}");
    }

    #[test]
    fn each_goal_is_served_best_by_its_own_choice() {
        let graph = perceptron(ActivationKind::Relu);
        let bytes = |goal| {
            let wishes = Wishes { goal, agreement: Some(0.0), ..Wishes::default() };
            let (_, candidates) = planned(&graph, wishes).unwrap();
            let taken = candidates.iter().find(|c| c.verdict == "taken").unwrap();
            taken.costs.unwrap()
        };
        let (fast, small) = (bytes(Goal::Latency), bytes(Goal::Bytes));
        assert!(
            small.key_bytes + 10 * small.request_bytes <= fast.key_bytes + 10 * fast.request_bytes
        );
        assert!(fast.seconds <= small.seconds + 1e-9);
    }

    #[test]
    fn what_cannot_be_met_is_said_with_how_much_is_missing() {
        let graph = perceptron(ActivationKind::Square);
        let memory = Wishes { memory: Some(1000), ..Wishes::default() };
        let refused = planned(&graph, memory).unwrap_err();
        assert!(matches!(refused, CompileError::Memory { least: 1001.., most: 1000 }), "{refused}");
        let agreement = Wishes { agreement: Some(1.1), ..Wishes::default() };
        let refused = planned(&graph, agreement).unwrap_err();
        assert!(matches!(refused, CompileError::Agreement { best: 0.0..=1.0, .. }), "{refused}");
    }
}
