//! The operating system's entropy.

use thiserror::Error;
use zeroize::Zeroizing;

use crate::sampling::SecretRng;

/// The operating system gave no entropy.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[error("the operating system gives no random bytes: {0}")]
pub struct EntropyError(getrandom::Error);

impl SecretRng {
    /// Starts the generator from fresh entropy of the operating system (or the browser).
    ///
    /// # Errors
    /// When the system has none to give.
    pub fn from_os() -> Result<Self, EntropyError> {
        let mut key = Zeroizing::new([0; 32]);
        getrandom::fill(key.as_mut_slice()).map_err(EntropyError)?;
        Ok(Self::from_key(&key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_generators_differ() {
        let mut rngs = [(); 2].map(|()| SecretRng::from_os().unwrap());
        assert_ne!(rngs[0].next_u64(), rngs[1].next_u64());
    }
}
