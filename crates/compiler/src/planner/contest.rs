//! The candidates, and which of them is the best so far.

use std::fmt::Display;

use blindsight_ckks::ciphertext::SeededCiphertext;
use blindsight_ckks::wire::KeySetManifest;
use blindsight_model::plain::PlainError;
use serde::Serialize;

use super::wishes::{Costs, Wishes};
use crate::agreement::Leads;
use crate::compile::{CompileError, Emitted, Task};

/// One way to run a network, and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Candidate {
    /// What it is.
    pub name: String,
    /// What it costs; none when it cannot be run, or was not compiled.
    pub costs: Option<Costs>,
    /// Why it was taken, or not.
    pub verdict: String,
}

const TAKEN: &str = "taken";

impl Candidate {
    /// The best one.
    pub(crate) fn taken(name: String, costs: Costs) -> Self {
        Self { name, costs: Some(costs), verdict: TAKEN.to_owned() }
    }

    /// Whether it is the best one.
    #[must_use]
    pub fn is_taken(&self) -> bool {
        self.verdict == TAKEN
    }
}

/// The candidates so far.
pub(super) struct Contest {
    wishes: Wishes,
    leads: Leads,
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
    pub(super) fn new(task: Task<'_>, wishes: Wishes) -> Result<Self, PlainError> {
        let leads = Leads::new(task.graph, task.samples, task.purpose)?;
        Ok(Self { wishes, leads, candidates: Vec::new(), best: None, error: None })
    }

    /// A candidate that was compiled, or cannot be.
    pub(super) fn enter(&mut self, name: impl Display, emitted: Result<Emitted, CompileError>) {
        let emitted = match emitted {
            Ok(emitted) => emitted,
            Err(error) => {
                self.pass(name, format!("not possible: {error}"));
                // The last one says most: it carries more than those before.
                self.error = Some(error);
                return;
            }
        };
        let costs = self.costs(&emitted);
        let objective = self.wishes.goal.objective(&costs);
        let (wanted, agreement) = (self.wishes.agreed(&costs), costs.agreement);
        let verdict = match &self.best {
            _ if !self.wishes.room(&costs) => "needs more memory than there is".to_owned(),
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
        let verdict = if verdict.is_empty() { TAKEN.to_owned() } else { verdict };
        let name = name.to_string();
        self.candidates.push(Candidate { name, costs: Some(costs), verdict });
    }

    /// A candidate that is not compiled.
    pub(super) fn pass(&mut self, name: impl Display, verdict: String) {
        self.candidates.push(Candidate { name: name.to_string(), costs: None, verdict });
    }

    /// What a candidate must stay below to be taken; none when any would be, that can be run.
    pub(super) fn to_beat(&self) -> Option<f64> {
        self.best.as_ref().filter(|best| best.wanted).map(|best| best.objective)
    }

    fn costs(&self, emitted: &Emitted) -> Costs {
        let Emitted { checked, formats, forecast, .. } = emitted;
        let set = checked.circuit.set();
        let request = checked.values[0];
        Costs {
            seconds: forecast.seconds,
            memory_bytes: forecast.memory_bytes,
            key_bytes: KeySetManifest::new(set, &checked.keys).total_byte_len(),
            request_bytes: (formats.ciphertexts * SeededCiphertext::byte_len(set, request.level))
                as u64,
            score_error: forecast.score_error,
            agreement: self.leads.agreement(forecast.score_error),
        }
    }

    /// The best one, and all of them.
    pub(super) fn finish(self) -> Result<(Emitted, Vec<Candidate>), CompileError> {
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
