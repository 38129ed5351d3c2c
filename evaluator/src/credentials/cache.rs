//! What is known of what callers showed in the last seconds, so that many requests cost few questions
//! to the database.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::caller::Caller;
use crate::refusal::Refusal;

/// What somebody is, or is told.
type Verdict = Result<Caller, Refusal>;

/// Verdicts by the SHA-256 of what was shown.
#[derive(Debug)]
pub(super) struct Cache {
    known_for: Duration,
    verdicts: Mutex<HashMap<[u8; 32], (Verdict, Instant)>>,
}

/// What is known of something that was shown.
#[derive(Debug)]
pub(super) struct Known {
    /// What holds at this moment.
    pub(super) verdict: Option<Verdict>,
    /// Whether it opened the service when it was last looked at.
    pub(super) was_let_in: bool,
}

/// So many are remembered at most; those go first that opened nothing.
const MOST: usize = 10_000;

impl Cache {
    pub(super) fn new(known_for: Duration) -> Self {
        Self { known_for, verdicts: Mutex::default() }
    }

    pub(super) fn get(&self, sha256: &[u8; 32], now: Instant) -> Known {
        match self.verdicts().get(sha256) {
            Some((verdict, at)) => {
                let is_fresh = now.saturating_duration_since(*at) < self.known_for;
                let was_let_in = verdict.is_ok();
                Known { verdict: is_fresh.then(|| verdict.clone()), was_let_in }
            }
            None => Known { verdict: None, was_let_in: false },
        }
    }

    pub(super) fn note(&self, sha256: [u8; 32], verdict: Verdict, now: Instant) {
        let mut verdicts = self.verdicts();
        if verdicts.len() >= MOST && !verdicts.contains_key(&sha256) {
            verdicts.retain(|_, (verdict, _)| verdict.is_ok());
        }
        if verdicts.len() >= MOST {
            verdicts.retain(|_, (_, at)| now.saturating_duration_since(*at) < self.known_for);
        }
        if verdicts.len() >= MOST {
            verdicts.clear();
        }
        verdicts.insert(sha256, (verdict, now));
    }

    fn verdicts(&self) -> MutexGuard<'_, HashMap<[u8; 32], (Verdict, Instant)>> {
        self.verdicts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As if time had passed.
    #[cfg(test)]
    pub(super) fn expire(&self) {
        for (_, at) in self.verdicts().values_mut() {
            *at = at.checked_sub(self.known_for).unwrap();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refusal::Code;

    #[test]
    fn what_is_remembered_ends_and_is_bounded() {
        let cache = Cache::new(Duration::from_secs(5));
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let name = |number: u32| {
            let mut sha256 = [0; 32];
            sha256[..4].copy_from_slice(&number.to_le_bytes());
            sha256
        };
        cache.note(name(0), Ok(Caller::of_tenant("a")), start);
        let refusal = Refusal::new(Code::Unauthorized, "no");
        cache.note(name(1), Err(refusal.clone()), start);
        assert_eq!(cache.get(&name(0), at(4)).verdict, Some(Ok(Caller::of_tenant("a"))));
        assert_eq!(cache.get(&name(1), at(4)).verdict, Some(Err(refusal.clone())));
        let old = cache.get(&name(0), at(5));
        assert!(old.verdict.is_none() && old.was_let_in);
        assert!(!cache.get(&name(1), at(5)).was_let_in && !cache.get(&name(2), start).was_let_in);
        for number in 2..3 * MOST as u32 {
            cache.note(name(number), Err(refusal.clone()), at(1));
            assert!(cache.verdicts().len() <= MOST);
        }
        assert!(cache.get(&name(0), at(2)).was_let_in, "who was let in stays");
        for number in 2..3 * MOST as u32 {
            cache.note(name(number), Ok(Caller::of_tenant("b")), at(2));
            assert!(cache.verdicts().len() <= MOST);
        }
    }
}
