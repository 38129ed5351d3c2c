//! In which order jobs run: start-time fair queueing between callers (Goyal, Vin and Cheng, 1996).
//!
//! Every caller has a virtual time: what its runs have cost. Of those that wait, the caller with the
//! least comes next, with its oldest job. Who comes back after a pause starts where the others are:
//! nobody saves up time, and nobody behind a long queue of somebody else waits for its end.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::time::Duration;

use crate::caller::Caller;
use crate::store::state::jobs::JobRow;
use crate::store::state::runs::{Waiting, Warm};

/// What waits for its turn.
pub(super) trait Waits {
    /// Whose turn it is.
    fn caller(&self) -> &Caller;
    /// Its place in the order of acceptance.
    fn seq(&self) -> i64;
    /// What its caller pays for it.
    fn cost_ms(&self) -> u64;
}

impl Waits for JobRow {
    fn caller(&self) -> &Caller {
        &self.caller
    }
    fn seq(&self) -> i64 {
        self.seq
    }
    fn cost_ms(&self) -> u64 {
        self.cost_ms
    }
}

impl Waits for Waiting {
    fn caller(&self) -> &Caller {
        &self.caller
    }
    fn seq(&self) -> i64 {
        self.seq
    }
    fn cost_ms(&self) -> u64 {
        self.cost_ms
    }
}

/// The jobs in the order in which they run if no other comes. `spent_ms` is the virtual time of a
/// caller; jobs must come in the order of acceptance.
pub(super) fn fair<T: Waits>(waiting: Vec<T>, mut spent_ms: impl FnMut(&Caller) -> u64) -> Vec<T> {
    let mut queues: HashMap<Caller, VecDeque<T>> = HashMap::new();
    for job in waiting {
        queues.entry(job.caller().clone()).or_default().push_back(job);
    }
    let next = |spent: u64, queue: &VecDeque<T>| {
        queue.front().map(|first| Reverse((spent, first.seq(), first.caller().clone())))
    };
    let mut turns: BinaryHeap<_> =
        queues.iter().filter_map(|(caller, queue)| next(spent_ms(caller), queue)).collect();
    let mut order = Vec::new();
    while let Some(Reverse((spent, _, caller))) = turns.pop() {
        let Some(queue) = queues.get_mut(&caller) else { continue };
        let Some(job) = queue.pop_front() else { continue };
        turns.extend(next(spent.saturating_add(job.cost_ms()), queue));
        order.push(job);
    }
    order
}

/// What a runner does next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// It runs a job.
    Take {
        /// That job.
        seq: i64,
        /// Whether its keys are here, as the rows say.
        is_warm: bool,
        /// The one whose turn it is, if that is another one.
        passes_over: Option<i64>,
    },
    /// What waits is better run by others, for so long.
    Later(Duration),
    /// Nothing waits.
    Nothing,
}

/// How far ahead of its turn a job may come because its keys are here.
const AHEAD: usize = 8;

/// How often a job may be passed over: it comes with the third claim at the latest.
const MOST_PASSED: u32 = 2;

/// Chooses among the jobs that wait, in the order of acceptance. Without `patience` it is the one
/// whose turn it is. With it, a process prefers jobs whose keys it holds, and leaves those whose keys
/// another one holds until they have waited for as long as it takes to fetch keys: later, doing it
/// anywhere is faster. Nobody's turn is passed over more than [`MOST_PASSED`] times.
pub(super) fn choose(waiting: Vec<Waiting>, patience: Option<Duration>) -> Choice {
    let spent: HashMap<Caller, u64> =
        waiting.iter().map(|one| (one.caller.clone(), one.spent_ms)).collect();
    let mut order = fair(waiting, |caller| spent.get(caller).copied().unwrap_or(0));
    order.truncate(AHEAD);
    let Some(turn) = order.first() else { return Choice::Nothing };
    let left = |one: &Waiting| match (one.warm, patience) {
        (Warm::Elsewhere, Some(patience)) => {
            patience.saturating_sub(Duration::from_millis(one.waited_ms))
        }
        _ => Duration::ZERO,
    };
    let chosen = if patience.is_none() || turn.passed >= MOST_PASSED {
        Some(turn)
    } else {
        let here = order.iter().find(|one| one.warm == Warm::Here);
        here.or_else(|| order.iter().find(|one| left(one).is_zero()))
    };
    match chosen {
        Some(one) => Choice::Take {
            seq: one.seq,
            is_warm: one.warm == Warm::Here,
            passes_over: Some(turn.seq).filter(|&turn| turn != one.seq),
        },
        None => order.iter().map(left).min().map_or(Choice::Nothing, Choice::Later),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    /// A job for each letter, of the caller that is called so.
    fn jobs(text: &str, cost: impl Fn(char) -> u64) -> Vec<JobRow> {
        let job = |(number, name): (usize, char)| JobRow {
            caller: Caller::stored(&name.to_string()),
            cost_ms: cost(name),
            ..testing::job(number as u128)
        };
        text.chars().enumerate().map(job).collect()
    }

    fn order(text: &str, cost: impl Fn(char) -> u64, spent: impl Fn(&str) -> u64) -> String {
        let order = fair(jobs(text, cost), |caller| spent(&caller.to_string()));
        order.iter().map(|job| job.caller.to_string()).collect()
    }

    #[test]
    fn one_caller_is_served_in_its_order() {
        let order = fair(jobs("aaaa", |_| 5), |_| 7);
        assert_eq!(order.iter().map(|job| job.seq).collect::<Vec<_>>(), [0, 1, 2, 3]);
    }

    #[test]
    fn a_small_caller_does_not_wait_for_a_big_ones_end() {
        assert_eq!(order("aaaaaab", |_| 5, |_| 0), "abaaaaa");
        assert_eq!(order("aaabbbc", |_| 5, |_| 0), "abcabab");
        // Even if the big one is a little behind, it gets no more than its turn.
        assert_eq!(order("aaab", |_| 5, |caller| u64::from(caller == "b")), "abaa");
    }

    #[test]
    fn turns_are_measured_in_time() {
        // A run of `a` takes as long as three of `b`.
        assert_eq!(
            order("aaabbbbbb", |name| if name == 'a' { 30 } else { 10 }, |_| 0),
            "abbbabbba"
        );
    }

    /// Jobs of one caller: how long each has waited, where its keys are, and how often it was passed
    /// over.
    fn chosen(
        jobs: &[(u64, Warm, u32)],
        patience_ms: Option<u64>,
    ) -> Result<(i64, Option<i64>), Option<Duration>> {
        let waiting = (0..).zip(jobs).map(|(number, &(waited_ms, warm, passed))| Waiting {
            seq: number,
            caller: Caller::stored("somebody"),
            cost_ms: 1000,
            spent_ms: 0,
            share: None,
            waited_ms,
            warm,
            passed,
        });
        match choose(waiting.collect(), patience_ms.map(Duration::from_millis)) {
            Choice::Take { seq, passes_over, .. } => Ok((seq, passes_over)),
            Choice::Later(wait) => Err(Some(wait)),
            Choice::Nothing => Err(None),
        }
    }

    #[test]
    fn a_process_prefers_jobs_whose_keys_it_holds() {
        use Warm::{Elsewhere, Here, Nowhere};
        let turn = Ok((0, None));
        assert_eq!(chosen(&[(5, Nowhere, 0), (5, Here, 0)], None), turn, "without affinity");
        let three = [(900, Nowhere, 1), (5, Elsewhere, 0), (5, Here, 0)];
        assert_eq!(chosen(&three, Some(100)), Ok((2, Some(0))));
        assert_eq!(chosen(&[(5, Nowhere, 2), (5, Here, 0)], Some(100)), turn, "often enough");
        assert_eq!(chosen(&[(5, Elsewhere, 0), (5, Nowhere, 0)], Some(100)), Ok((1, Some(0))));
        let later = Err(Some(Duration::from_millis(40)));
        assert_eq!(chosen(&[(60, Elsewhere, 0), (5, Elsewhere, 0)], Some(100)), later);
        assert_eq!(chosen(&[(100, Elsewhere, 0)], Some(100)), turn, "nobody came for it");
        assert_eq!(chosen(&[(5, Here, 0)], Some(100)), turn);
        assert_eq!(chosen(&[], Some(100)), Err(None));
        // Nobody comes from far behind.
        let mut many = vec![(5, Nowhere, 0); 9];
        many[8] = (5, Here, 0);
        assert_eq!(chosen(&many, Some(100)), turn);
    }

    #[test]
    fn nothing_is_lost() {
        let text = "abacabadabacabaeabacabadabacaba";
        let mut found: Vec<char> =
            order(text, |name| name as u64, |name| name.len() as u64).chars().collect();
        let mut expected: Vec<char> = text.chars().collect();
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected);
    }
}
