//! Which of the forms that a network can take is the best one.
//!
//! Every candidate is compiled whole: its bytes are exact, its seconds come from the table of
//! primitives (`cost`), its error from the network run with its approximations and noise. What
//! cannot win any more is left out with the bound that shows it.

mod contest;
mod wishes;

use std::fmt;

use blindsight_model::graph::{ActivationKind, Graph};

use crate::batch;
use crate::compile::{CompileError, Description, Emitted, Form, Task, check};
use crate::general::{self, Degrees, Leveled};
use crate::residual;
use contest::Contest;

pub use contest::Candidate;
pub use wishes::{Costs, Goal, Wishes};

/// One way to run a network. It writes itself as the name of its candidate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Way {
    /// In the packing of the residual family.
    Residual,
    /// On a ring whose chain carries all of it, with polynomials in place of activations: fewer
    /// levels, or better scores.
    Leveled(Degrees),
    /// As matrices between bootstraps.
    Bootstrapped,
}

/// Errors of polynomials that are tried without bootstraps, in hundredths of the range.
const PERCENTS: [f64; 2] = [1.0, 0.3];

/// Squares are no approximation.
const NONE: [f64; 1] = [0.0];

impl Way {
    /// All ways that a network may take, as far as its ranges are no matter, and that these wishes make
    /// worth a try.
    ///
    /// # Errors
    /// [`CompileError::General`] when there is none.
    pub fn all(graph: &Graph, wishes: Wishes) -> Result<Vec<Self>, CompileError> {
        let residual = (check(graph)? == Form::Residual).then_some(Self::Residual);
        let leveled = general::check_leveled(graph).is_ok().then(|| degrees(graph, wishes));
        let leveled = leveled.into_iter().flatten().map(Self::Leveled);
        let bootstrapped = general::check_bootstrapped(graph).is_ok().then_some(Self::Bootstrapped);
        Ok(residual.into_iter().chain(leveled).chain(bootstrapped).collect())
    }

    fn emit(self, task: Task<'_>) -> Result<Emitted, CompileError> {
        match self {
            Self::Residual => residual::emit(task),
            Self::Leveled(degrees) => Leveled::new(task)?.emit(degrees),
            Self::Bootstrapped => general::emit_bootstrapped(task),
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Residual => f.write_str("residual blocks, a bootstrap each"),
            Self::Leveled(degrees) => write!(f, "{WITHOUT_BOOTSTRAPS}, {degrees}"),
            Self::Bootstrapped => f.write_str("matrices, a bootstrap for each activation"),
        }
    }
}

const WITHOUT_BOOTSTRAPS: &str = "without bootstraps";

/// The polynomials that are worth a candidate: squares are their own.
fn degrees(graph: &Graph, wishes: Wishes) -> Vec<Degrees> {
    let within = |percent: &f64| Degrees::Within { percent: *percent };
    if graph.activations().all(|(_, kind)| kind == ActivationKind::Square) {
        return NONE.iter().map(within).collect();
    }
    let keeping = Degrees::Keeping { agreement: wishes.least_agreement() };
    PERCENTS.iter().map(within).chain([keeping]).collect()
}

const BATCHES: &str = "batches, an input a slot";

/// The network on batches, as a candidate; when it cannot be run so, the candidate with the reason.
pub(crate) fn on_batches(
    task: Task<'_>,
    description: &Description,
    wishes: Wishes,
) -> Result<(batch::Emitted, Candidate), Candidate> {
    let name = || BATCHES.to_owned();
    let passed = |verdict| Candidate { name: name(), costs: None, verdict };
    let emitted = batch::emit(task, description, wishes.agreement);
    let emitted = emitted.map_err(|error| passed(format!("not possible: {error}")))?;
    let costs = emitted.costs();
    if !wishes.room(&costs) {
        return Err(passed("needs more memory than there is".to_owned()));
    }
    let candidate = Candidate::taken(name(), costs);
    Ok((emitted, candidate))
}

/// The best plan, and all candidates.
pub(crate) fn plan(
    task: Task<'_>,
    wishes: Wishes,
) -> Result<(Emitted, Vec<Candidate>), CompileError> {
    let mut contest = Contest::new(task, wishes)?;
    if check(task.graph)? == Form::Residual {
        // Of all forms it has the fewest key switches, and no other a lower level.
        contest.enter(Way::Residual, residual::emit(task));
        return contest.finish();
    }
    match Leveled::new(task) {
        Ok(leveled) => {
            for degrees in degrees(task.graph, wishes) {
                contest.enter(Way::Leveled(degrees), leveled.emit(degrees));
            }
        }
        Err(refused) => contest.enter(WITHOUT_BOOTSTRAPS, Err(refused)),
    }
    let least = task.graph.activations().count() as f64 * task.machine.bootstrap;
    match contest.to_beat().filter(|best| least > *best) {
        Some(_) if wishes.goal != Goal::Bytes => {
            let verdict = format!("not compiled: its bootstraps alone take {least:.1} s");
            contest.pass(Way::Bootstrapped, verdict);
        }
        _ => contest.enter(Way::Bootstrapped, general::emit_bootstrapped(task)),
    }
    contest.finish()
}

/// One way alone, whatever is wanted.
pub(crate) fn only(task: Task<'_>, way: Way) -> Result<(Emitted, Vec<Candidate>), CompileError> {
    let mut contest = Contest::new(task, Wishes::default())?;
    contest.enter(way, way.emit(task));
    contest.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agreement::Purpose;
    use crate::cost::Machine;
    use crate::testing::{calibration, convolutional, deep, inputs, perceptron};

    fn planned(graph: &Graph, wishes: Wishes) -> Result<(Emitted, Vec<Candidate>), CompileError> {
        let (calibration, samples) = (calibration(graph), inputs(graph.shape(graph.input())));
        let machine = wishes.machine;
        let (calibration, samples) = (&calibration, &samples);
        let purpose = Purpose::Labels;
        plan(Task { graph, calibration, samples, purpose, machine }, wishes)
    }

    #[test]
    fn the_best_of_all_is_taken() {
        let (emitted, candidates) = planned(&convolutional(), Wishes::default()).unwrap();
        assert!(emitted.checked.circuit.bootstrap().is_none(), "{candidates:?}");
        assert_eq!(candidates.len(), 2, "squares are exact: {candidates:?}");
        assert!(candidates[1].verdict.contains("bootstraps alone"), "{candidates:?}");
        let (emitted, candidates) = planned(&deep(9), Wishes::default()).unwrap();
        assert!(emitted.checked.circuit.bootstrap().is_some());
        let taken: Vec<_> = candidates.iter().filter(|c| c.is_taken()).collect();
        let [Candidate { name, costs: Some(_), .. }] = taken[..] else { panic!("{taken:?}") };
        assert_eq!(*name, Way::Bootstrapped.to_string());
        // What no polynomial can help is said once.
        assert_eq!(candidates.len(), 2, "{candidates:?}");
        assert!(candidates[0].verdict.contains("levels"), "{candidates:?}");
    }

    #[test]
    fn every_way_can_be_taken_alone() {
        let graph = convolutional();
        let wishes = Wishes::default();
        let ways = Way::all(&graph, wishes).unwrap();
        let squares = Way::Leveled(Degrees::Within { percent: 0.0 });
        assert_eq!(ways, [squares, Way::Bootstrapped]);
        assert_eq!(Way::all(&deep(9), wishes).unwrap(), [Way::Bootstrapped]);
        let other = perceptron(ActivationKind::Relu);
        assert_eq!(Way::all(&other, wishes).unwrap().len(), 4);
        let (calibration, samples) = (calibration(&graph), inputs(graph.shape(graph.input())));
        let machine = Machine { bootstrap: 1.0, linear: 2.0 };
        let purpose = Purpose::Labels;
        let (graph, calibration, samples) = (&graph, &calibration, &samples);
        let task = Task { graph, calibration, samples, purpose, machine };
        let (_, planned) = plan(task, Wishes { machine, ..Wishes::default() }).unwrap();
        let alone = |way| only(task, way).unwrap().1.remove(0);
        assert_eq!(alone(ways[0]), planned[0], "the same costs on the same machine");
        // What had no need to be compiled can be.
        assert_eq!(alone(ways[1]).name, planned[1].name);
        let seconds = alone(ways[1]).costs.unwrap().seconds;
        assert!(
            planned[1].costs.is_none() && seconds > 3.0,
            "three bootstraps and more: {seconds}"
        );
    }

    #[test]
    fn each_goal_is_served_best_by_its_own_choice() {
        let graph = perceptron(ActivationKind::Relu);
        let bytes = |goal| {
            let wishes = Wishes { goal, agreement: Some(0.0), ..Wishes::default() };
            let (_, candidates) = planned(&graph, wishes).unwrap();
            let taken = candidates.iter().find(|c| c.is_taken()).unwrap();
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
