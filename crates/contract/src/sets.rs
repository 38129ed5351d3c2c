//! Parameter sets that are in use.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use blindsight_ckks::parameters::{Literal, ParameterError, Parameters};

/// The parameter set of a literal. Contracts of one scheme share one: its tables take megabytes,
/// and milliseconds to make.
pub(crate) fn parameters(literal: Literal) -> Result<Arc<Parameters>, ParameterError> {
    static IN_USE: Mutex<Vec<Weak<Parameters>>> = Mutex::new(Vec::new());
    // Whatever happened to another thread, a list of weak references is a list.
    let sets = || IN_USE.lock().unwrap_or_else(PoisonError::into_inner);
    let found = sets().iter().filter_map(Weak::upgrade).find(|set| *set.literal() == literal);
    if let Some(set) = found {
        return Ok(set);
    }
    // Without the lock: who makes the same set meanwhile has it twice, and nothing else happens.
    let set = Arc::new(Parameters::new(literal)?);
    #[cfg(fuzzing)]
    kept::keep(&set);
    let mut sets = sets();
    sets.retain(|set| set.strong_count() > 0);
    sets.push(Arc::downgrade(&set));
    Ok(set)
}

/// The sets that were made last, for fuzzers: most contracts that they try are like another but for
/// something else, and tables would take nearly all of their time.
#[cfg(fuzzing)]
mod kept {
    use std::collections::VecDeque;
    use std::sync::{Arc, Mutex, PoisonError};

    use blindsight_ckks::parameters::Parameters;

    /// Coefficients of all their primes together: some hundred megabytes of tables.
    const MOST: usize = 1 << 23;

    pub(super) fn keep(set: &Arc<Parameters>) {
        static LAST: Mutex<VecDeque<Arc<Parameters>>> = Mutex::new(VecDeque::new());
        let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
        last.push_back(set.clone());
        while last.iter().map(|set| size(set)).sum::<usize>() > MOST {
            last.pop_front();
        }
    }

    fn size(set: &Parameters) -> usize {
        let literal = set.literal();
        let special = literal.wide_special.len() + literal.narrow_special.len();
        set.degree() * (literal.chain.len() + special)
    }
}
