//! Places that callers may hold, so many each and so many together.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::caller::Caller;

/// Places: cheap to clone, all clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct Places(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    together: usize,
    each: usize,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    together: usize,
    /// Callers that hold one at least.
    each: HashMap<Caller, usize>,
}

/// A place, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    places: Places,
    caller: Caller,
}

/// Why there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoPlace {
    /// The caller has its share.
    Share,
    /// All are taken.
    Full,
}

impl Places {
    pub(crate) fn new(together: usize, each: usize) -> Self {
        Self(Arc::new(Inner { together, each, held: Mutex::default() }))
    }

    pub(crate) fn take(&self, caller: &Caller) -> Result<Place, NoPlace> {
        let mut held = self.0.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.each.get(caller).copied().unwrap_or(0) >= self.0.each {
            return Err(NoPlace::Share);
        }
        if held.together >= self.0.together {
            return Err(NoPlace::Full);
        }
        held.together += 1;
        *held.each.entry(caller.clone()).or_default() += 1;
        Ok(Place { places: self.clone(), caller: caller.clone() })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = self.places.0.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.together = held.together.saturating_sub(1);
        if let Some(count) = held.each.get_mut(&self.caller) {
            *count -= 1;
            if *count == 0 {
                held.each.remove(&self.caller);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_takes_more_than_a_share() {
        let places = Places::new(3, 2);
        let [a, b] = ["a", "b"].map(Caller::stored);
        let one = places.take(&a).unwrap();
        let _two = places.take(&a).unwrap();
        assert_eq!(places.take(&a).err(), Some(NoPlace::Share));
        let _three = places.take(&b).unwrap();
        assert_eq!(places.take(&b).err(), Some(NoPlace::Full));
        drop(one);
        let again = places.take(&b).unwrap();
        drop(again);
        assert!(places.take(&a).is_ok());
        assert_eq!(places.0.held.lock().unwrap().each.len(), 2);
    }
}
