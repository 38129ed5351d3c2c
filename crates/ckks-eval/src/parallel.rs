//! How work on limbs is spread over threads.

use std::sync::Arc;

use blindsight_ring::Prime;

/// Limbs that one task of a base conversion should write: enough to share the reading of the
/// sources, few enough that they and their digits stay in a core's second-level cache.
const LIMBS_PER_TASK: usize = 5;

/// Splits the indices of limbs into tasks of equal work: a multiple of the number of threads.
pub(crate) fn tasks(primes: &[Arc<Prime>]) -> Vec<Vec<usize>> {
    let threads = rayon::current_num_threads();
    let count = primes.len().div_ceil(LIMBS_PER_TASK).next_multiple_of(threads).min(primes.len());
    let mut tasks = vec![Vec::with_capacity(LIMBS_PER_TASK + 1); count];
    // Wide limbs cost more: deal them out first, evenly.
    let (wide, narrow): (Vec<usize>, Vec<usize>) =
        (0..primes.len()).partition(|i| !primes[*i].is_narrow());
    for (k, i) in wide.into_iter().chain(narrow).enumerate() {
        tasks[k % count].push(i);
    }
    tasks
}

/// The results of tasks, in the order of their indices.
pub(crate) fn gather<T>(parts: Vec<Vec<(usize, T)>>) -> Vec<T> {
    let mut all: Vec<(usize, T)> = parts.into_iter().flatten().collect();
    all.sort_unstable_by_key(|(i, _)| *i);
    all.into_iter().map(|(_, result)| result).collect()
}
