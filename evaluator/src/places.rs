//! Places that callers may hold, so many each and so many together: connections, streams, memory.

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

/// A place or some, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    places: Places,
    caller: Caller,
    amount: usize,
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

    /// One place.
    pub(crate) fn take(&self, caller: &Caller) -> Result<Place, NoPlace> {
        self.take_some(caller, 1)
    }

    /// So many places, or all if there are not as many. Who holds none may take more than a share.
    pub(crate) fn take_some(&self, caller: &Caller, amount: usize) -> Result<Place, NoPlace> {
        let amount = amount.min(self.0.together);
        let mut held = self.0.held.lock().unwrap_or_else(PoisonError::into_inner);
        let mine = held.each.get(caller).copied().unwrap_or(0);
        if mine > 0 && mine.saturating_add(amount) > self.0.each {
            return Err(NoPlace::Share);
        }
        if held.together.saturating_add(amount) > self.0.together {
            return Err(NoPlace::Full);
        }
        held.together += amount;
        held.each.insert(caller.clone(), mine + amount);
        Ok(Place { places: self.clone(), caller: caller.clone(), amount })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = self.places.0.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.together = held.together.saturating_sub(self.amount);
        if let Some(count) = held.each.get_mut(&self.caller) {
            *count = count.saturating_sub(self.amount);
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

    #[test]
    fn what_is_larger_than_a_share_comes_alone() {
        let places = Places::new(100, 30);
        let [a, b] = ["a", "b"].map(Caller::stored);
        let first = places.take_some(&a, 20).unwrap();
        assert_eq!(places.take_some(&a, 11).err(), Some(NoPlace::Share));
        let second = places.take_some(&a, 10).unwrap();
        let third = places.take_some(&b, 60).unwrap();
        assert_eq!(places.take_some(&b, 1).err(), Some(NoPlace::Share));
        assert_eq!(places.take_some(&Caller::stored("c"), 11).err(), Some(NoPlace::Full));
        drop((first, second, third));
        // What is larger than all there is takes all.
        let all = places.take_some(&a, usize::MAX).unwrap();
        assert_eq!(places.take_some(&b, 1).err(), Some(NoPlace::Full));
        drop(all);
        assert!(places.take(&b).is_ok());
    }
}
