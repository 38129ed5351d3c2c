//! In which order jobs run: start-time fair queueing between callers (Goyal, Vin and Cheng, 1996).
//!
//! Every caller has a virtual time: what its runs have cost. Of those that wait, the caller with the
//! least comes next, with its oldest job. Who comes back after a pause starts where the others are:
//! nobody saves up time, and nobody behind a long queue of somebody else waits for its end.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};

use crate::caller::Caller;
use crate::store::state::jobs::JobRow;

/// The jobs in the order in which they run if no other comes. `spent_ms` is the virtual time of a
/// caller; jobs must come in the order of acceptance.
pub(super) fn fair(waiting: Vec<JobRow>, mut spent_ms: impl FnMut(&Caller) -> u64) -> Vec<JobRow> {
    let mut queues: HashMap<Caller, VecDeque<JobRow>> = HashMap::new();
    for job in waiting {
        queues.entry(job.caller.clone()).or_default().push_back(job);
    }
    let next = |spent: u64, queue: &VecDeque<JobRow>| {
        queue.front().map(|first| Reverse((spent, first.seq, first.caller.clone())))
    };
    let mut turns: BinaryHeap<_> =
        queues.iter().filter_map(|(caller, queue)| next(spent_ms(caller), queue)).collect();
    let mut order = Vec::new();
    while let Some(Reverse((spent, _, caller))) = turns.pop() {
        let Some(queue) = queues.get_mut(&caller) else { continue };
        let Some(job) = queue.pop_front() else { continue };
        turns.extend(next(spent.saturating_add(job.cost_ms), queue));
        order.push(job);
    }
    order
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
