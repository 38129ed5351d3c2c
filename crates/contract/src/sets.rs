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
    let mut sets = sets();
    sets.retain(|set| set.strong_count() > 0);
    sets.push(Arc::downgrade(&set));
    Ok(set)
}
