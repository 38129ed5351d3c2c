//! `compile --run-all`: every plan that is possible, compiled and run encrypted, beside its forecast.

use std::error::Error;
use std::fmt::Write;

use blindsight_compiler::{Candidate, Compiled, Costs, Description, Goal, Way, Wishes, compile_as};
use blindsight_contract::Forecast;
use blindsight_model::calibration::Calibration;
use blindsight_model::graph::Graph;
use blindsight_model::tensor::Tensor;
use serde::Serialize;

use super::trial::{self, Trial};

/// What is compiled.
#[derive(Clone, Copy)]
pub(super) struct Job<'a> {
    pub(super) graph: &'a Graph,
    pub(super) calibration: &'a Calibration,
    pub(super) description: &'a Description,
    pub(super) samples: &'a [Tensor],
}

/// All plans, and how good the choice among them was.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(super) struct All {
    plans: Vec<Plan>,
    #[serde(skip)]
    goal: Goal,
}

/// One plan.
#[derive(Debug, Serialize)]
struct Plan {
    name: String,
    /// Whether the planner took it.
    taken: bool,
    /// What it does, or why it cannot be run.
    #[serde(flatten)]
    outcome: Outcome,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Refused(String),
    Ran(Run),
}

/// A plan that was run.
#[derive(Debug, Serialize)]
struct Run {
    forecast: Forecast,
    measured: Trial,
    /// Whether it meets the wishes, as far as the forecast tells: others cannot be taken.
    allowed: bool,
    /// What the goal wants small, with the measured seconds.
    objective: f64,
}

/// Timed runs of each plan.
const RUNS: usize = 3;

/// Compiles and runs all plans, one after the other, also those that the planner had no need to
/// compile.
pub(super) fn run(
    job: Job<'_>,
    wishes: Wishes,
    candidates: &[Candidate],
) -> Result<All, Box<dyn Error>> {
    let sample = job.samples.first().ok_or("there is no input to run")?;
    let taken = candidates.iter().find(|candidate| candidate.is_taken());
    let plan = |way: Way| -> Result<Plan, Box<dyn Error>> {
        let name = way.to_string();
        eprintln!("running: {name}");
        let Job { graph, calibration, description, samples } = job;
        let compiled = compile_as(way, graph, calibration, description, samples, wishes.machine);
        let outcome = match compiled {
            Ok(compiled) => {
                let measured = trial::run(&compiled.to_bytes()?, graph, sample, RUNS)?;
                Outcome::Ran(Run::new(&compiled, measured, wishes))
            }
            Err(refused) => Outcome::Refused(refused.to_string()),
        };
        Ok(Plan { taken: taken.is_some_and(|taken| taken.name == name), name, outcome })
    };
    let plans = Way::all(job.graph, wishes)?.into_iter().map(plan).collect::<Result<_, _>>()?;
    Ok(All { plans, goal: wishes.goal })
}

impl Run {
    fn new(compiled: &Compiled, measured: Trial, wishes: Wishes) -> Self {
        let costs = compiled.candidates.iter().find_map(|candidate| candidate.costs);
        let measured_costs = costs.map(|costs| Costs { seconds: measured.seconds, ..costs });
        Self {
            forecast: compiled.contract.forecast,
            measured,
            allowed: costs.is_some_and(|costs| wishes.met(&costs)),
            objective: measured_costs.map_or(f64::INFINITY, |costs| wishes.goal.objective(&costs)),
        }
    }
}

impl All {
    /// How many times as much of what the goal wants small the plan takes that was taken, as the best
    /// of those that meet the wishes: 1 where it is the best. None where none meets them.
    pub(super) fn choice_ratio(&self) -> Option<f64> {
        let allowed = || self.runs().filter(|(_, run)| run.allowed);
        let (_, taken) = allowed().find(|(plan, _)| plan.taken)?;
        let least = allowed().map(|(_, run)| run.objective).min_by(f64::total_cmp)?;
        Some(taken.objective / least)
    }

    fn runs(&self) -> impl Iterator<Item = (&Plan, &Run)> {
        self.plans.iter().filter_map(|plan| match &plan.outcome {
            Outcome::Ran(run) => Some((plan, run)),
            Outcome::Refused(_) => None,
        })
    }

    /// A few lines for each plan, and one for the choice.
    pub(super) fn render(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, text: &mut String) -> std::fmt::Result {
        writeln!(text, "all plans, the shortest of {RUNS} encrypted runs each")?;
        for plan in &self.plans {
            let mark = if plan.taken { ", taken" } else { "" };
            writeln!(text, "- {}{mark}", plan.name)?;
            match &plan.outcome {
                Outcome::Refused(why) => writeln!(text, "  not possible: {why}")?,
                Outcome::Ran(run) => {
                    let allowed = if run.allowed { "" } else { ", does not meet the wishes" };
                    writeln!(text, "  {}{allowed}", run.measured.beside(&run.forecast))?;
                    let objective = match self.goal {
                        Goal::Latency => format!("{:.2} s with its request", run.objective),
                        Goal::Bytes => format!("{:.1} MB", run.objective / 1e6),
                        Goal::Throughput => format!("{:.2} s", run.objective),
                    };
                    writeln!(text, "  for the goal {objective}")?;
                }
            }
        }
        match self.choice_ratio() {
            Some(ratio) => {
                writeln!(text, "the plan that was taken comes to {ratio:.3} times the best one")
            }
            None => writeln!(text, "no plan meets the wishes"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(taken: bool, allowed: bool, objective: f64) -> Plan {
        let measured = Trial { seconds: objective, score_error: 0.0, agrees: Some(true) };
        let forecast =
            Forecast { seconds: 1.0, memory_bytes: 1, log2_failure: -60.0, score_error: 0.0 };
        let outcome = Outcome::Ran(Run { forecast, measured, allowed, objective });
        Plan { name: objective.to_string(), taken, outcome }
    }

    #[test]
    fn a_choice_is_compared_with_what_could_be_taken() {
        let all = |plans| All { plans, goal: Goal::Latency };
        let ratio = |plans| all(plans).choice_ratio();
        let best = vec![plan(true, true, 1.0), plan(false, true, 2.0)];
        assert_eq!(ratio(best), Some(1.0));
        // The fastest is not precise enough, say.
        let second = vec![plan(false, false, 0.5), plan(true, true, 1.5), plan(false, true, 1.0)];
        assert_eq!(ratio(second), Some(1.5));
        assert_eq!(ratio(vec![plan(true, false, 1.0)]), None);
        let refused = Outcome::Refused("too deep".to_owned());
        let refused = Plan { name: String::new(), taken: false, outcome: refused };
        let all = all(vec![refused, plan(true, true, 1.0)]);
        assert_eq!(all.choice_ratio(), Some(1.0));
        assert!(all.render().contains("not possible: too deep\n- 1, taken\n"), "{}", all.render());
    }
}
