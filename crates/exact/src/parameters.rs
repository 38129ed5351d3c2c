//! Parameter sets of TFHE beside one of CKKS.

use blindsight_ckks::parameters::Parameters;
use blindsight_ckks::wire::frame::ParameterFingerprint;
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::noise::Noise;
use crate::security;

/// How a number on the circle is cut into digits: `levels` of them with `log2_base` bits each, the
/// highest first, the rest rounded away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Decomposition {
    /// `log2` of the base.
    pub log2_base: u32,
    /// The number of digits.
    pub levels: u32,
}

/// A parameter set as data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Literal {
    /// The dimension of `z`.
    pub lwe_dimension: u32,
    /// `log2` of the degree of `S`.
    pub log2_degree: u32,
    /// `log2` of the bound of errors under `z`.
    pub lwe_log2_error: u32,
    /// `log2` of the bound of errors under `S`.
    pub ring_log2_error: u32,
    /// Of the accumulator in a blind rotation.
    pub bootstrap: Decomposition,
    /// From `S` to `z`.
    pub key_switch: Decomposition,
    /// From the secret of CKKS to `S`.
    pub bridge: Decomposition,
}

/// A parameter set that was checked, for one of CKKS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExactParameters {
    literal: Literal,
    scheme: ParameterFingerprint,
    scheme_degree: usize,
    fingerprint: ParameterFingerprint,
}

/// Why a parameter set is refused.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParameterError {
    /// The degree of `S`.
    #[error("2^{log2} is no degree here: 2^8 to 2^14, and no more than that of CKKS")]
    Degree {
        /// `log2` of it.
        log2: u32,
    },
    /// The dimension of `z`.
    #[error("{dimension} is no dimension of an LWE secret here: 1 to 4096")]
    Dimension {
        /// What was found.
        dimension: u32,
    },
    /// A secret with too small errors.
    #[error(
        "errors up to 2^{log2_error} under a binary secret of dimension {dimension} give less than \
         128 bits of security"
    )]
    Insecure {
        /// The dimension of the secret.
        dimension: usize,
        /// `log2` of the bound of the errors.
        log2_error: u32,
    },
    /// Errors that leave nothing of the circle.
    #[error("errors up to 2^{log2_error} are too large for a circle of 2^64")]
    Error {
        /// `log2` of the bound.
        log2_error: u32,
    },
    /// A decomposition.
    #[error(
        "{levels} digits of {log2_base} bits do not fit: at most 8 digits, of 1 to 24 bits, 48 in all"
    )]
    Decomposition {
        /// `log2` of the base.
        log2_base: u32,
        /// The number of digits.
        levels: u32,
    },
}

impl Literal {
    /// The set that is used: TFHE-rs's `V1_8_PARAM_MESSAGE_2_CARRY_2_KS_PBS_TUNIFORM_2M128`, and a
    /// bridge of one digit, whose key is one sample for each of the 16 parts of the secret of CKKS.
    #[must_use]
    pub const fn degree_2048() -> Self {
        Self {
            lwe_dimension: 918,
            log2_degree: 11,
            lwe_log2_error: 45,
            ring_log2_error: 17,
            bootstrap: Decomposition { log2_base: 23, levels: 1 },
            key_switch: Decomposition { log2_base: 4, levels: 4 },
            bridge: Decomposition { log2_base: 23, levels: 1 },
        }
    }

    /// The length of its bytes.
    pub(crate) const BYTES: usize = 40;

    pub(crate) fn to_bytes(self) -> [u8; Self::BYTES] {
        let Self { bootstrap, key_switch, bridge, .. } = self;
        let numbers = [
            self.lwe_dimension,
            self.log2_degree,
            self.lwe_log2_error,
            self.ring_log2_error,
            bootstrap.log2_base,
            bootstrap.levels,
            key_switch.log2_base,
            key_switch.levels,
            bridge.log2_base,
            bridge.levels,
        ];
        let mut bytes = [0; Self::BYTES];
        for (to, number) in bytes.chunks_exact_mut(4).zip(numbers) {
            to.copy_from_slice(&number.to_le_bytes());
        }
        bytes
    }

    pub(crate) fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        let (numbers, _) = bytes.as_chunks();
        let number = |index: usize| u32::from_le_bytes(numbers[index]);
        let digits = |index| Decomposition { log2_base: number(index), levels: number(index + 1) };
        Self {
            lwe_dimension: number(0),
            log2_degree: number(1),
            lwe_log2_error: number(2),
            ring_log2_error: number(3),
            bootstrap: digits(4),
            key_switch: digits(6),
            bridge: digits(8),
        }
    }
}

impl ExactParameters {
    /// Checks a parameter set, for clients of this set of CKKS.
    ///
    /// # Errors
    /// When it is insecure or of no use: see [`ParameterError`].
    pub fn new(literal: Literal, scheme: &Parameters) -> Result<Self, ParameterError> {
        let set = Self::consistent(literal, scheme)?;
        set.check_security(set.degree(), literal.ring_log2_error)?;
        set.check_security(set.lwe_dimension(), literal.lwe_log2_error)?;
        Ok(set)
    }

    fn consistent(literal: Literal, scheme: &Parameters) -> Result<Self, ParameterError> {
        let log2 = literal.log2_degree;
        if !(8..=14).contains(&log2) || 1 << log2 > scheme.degree() {
            return Err(ParameterError::Degree { log2 });
        }
        let dimension = literal.lwe_dimension;
        if !(1..=4096).contains(&dimension) {
            return Err(ParameterError::Dimension { dimension });
        }
        for log2_error in [literal.lwe_log2_error, literal.ring_log2_error] {
            // Bodies leave out what lies four times below the errors' bound.
            if !(2..=56).contains(&log2_error) {
                return Err(ParameterError::Error { log2_error });
            }
        }
        for Decomposition { log2_base, levels } in
            [literal.bootstrap, literal.key_switch, literal.bridge]
        {
            let few = (1..=8).contains(&levels) && (1..=24).contains(&log2_base);
            if !few || log2_base * levels > 48 {
                return Err(ParameterError::Decomposition { log2_base, levels });
            }
        }
        let scheme_fingerprint = scheme.fingerprint();
        let hash = Sha256::new_with_prefix(b"blindsight exact answers");
        let hash = hash.chain_update(literal.to_bytes()).chain_update(scheme_fingerprint.0);
        let fingerprint = ParameterFingerprint(hash.finalize().into());
        let scheme_degree = scheme.degree();
        Ok(Self { literal, scheme: scheme_fingerprint, scheme_degree, fingerprint })
    }

    fn check_security(&self, dimension: usize, log2_error: u32) -> Result<(), ParameterError> {
        match security::least_log2_error(dimension) {
            Some(least) if least <= log2_error => Ok(()),
            _ => Err(ParameterError::Insecure { dimension, log2_error }),
        }
    }

    /// The set as data.
    #[must_use]
    pub fn literal(&self) -> &Literal {
        &self.literal
    }

    /// SHA-256 of everything in the set and in that of CKKS: every object of it carries this name.
    #[must_use]
    pub fn fingerprint(&self) -> ParameterFingerprint {
        self.fingerprint
    }

    /// Whether the set stands beside this one of CKKS.
    #[must_use]
    pub fn is_beside(&self, scheme: &Parameters) -> bool {
        self.scheme == scheme.fingerprint()
    }

    /// The dimension of `z`.
    #[must_use]
    pub fn lwe_dimension(&self) -> usize {
        self.literal.lwe_dimension as usize
    }

    /// The degree of `S`.
    #[must_use]
    pub fn degree(&self) -> usize {
        1 << self.literal.log2_degree
    }

    /// The ring degree of CKKS.
    #[must_use]
    pub fn scheme_degree(&self) -> usize {
        self.scheme_degree
    }

    /// The parts that the secret of CKKS falls into: `s = sum_i X^i s_i(X^parts)` with polynomials
    /// `s_i` of the degree of `S`.
    #[must_use]
    pub fn parts(&self) -> usize {
        self.scheme_degree / self.degree()
    }

    /// The noise of all steps.
    #[must_use]
    pub fn noise(&self) -> Noise {
        Noise::new(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::tests::scheme;

    fn refusal(change: impl FnOnce(&mut Literal)) -> ParameterError {
        let mut literal = Literal::degree_2048();
        change(&mut literal);
        ExactParameters::new(literal, scheme()).unwrap_err()
    }

    #[test]
    fn the_set_that_is_used_is_sound() {
        let set = ExactParameters::new(Literal::degree_2048(), scheme()).unwrap();
        assert_eq!((set.degree(), set.lwe_dimension(), set.parts()), (2048, 918, 16));
        assert!(set.is_beside(scheme()));
    }

    #[test]
    fn weak_sets_are_refused() {
        let insecure = |dimension, log2_error| ParameterError::Insecure { dimension, log2_error };
        assert_eq!(refusal(|l| l.lwe_dimension = 917), insecure(917, 45));
        assert_eq!(refusal(|l| l.lwe_log2_error = 44), insecure(918, 44));
        assert_eq!(refusal(|l| l.ring_log2_error = 16), insecure(2048, 16));
        assert_eq!(refusal(|l| l.log2_degree = 10), insecure(1024, 17));
    }

    #[test]
    fn impossible_sets_are_refused() {
        for log2 in [0, 7, 15, 31, 32, u32::MAX] {
            assert_eq!(refusal(|l| l.log2_degree = log2), ParameterError::Degree { log2 });
        }
        for dimension in [0, 4097, u32::MAX] {
            let error = refusal(|l| l.lwe_dimension = dimension);
            assert_eq!(error, ParameterError::Dimension { dimension });
        }
        for log2_error in [0, 57, 64, u32::MAX] {
            let error = refusal(|l| l.lwe_log2_error = log2_error);
            assert_eq!(error, ParameterError::Error { log2_error });
        }
        for (log2_base, levels) in [(0, 1), (25, 1), (4, 0), (4, 9), (24, 3), (u32::MAX, u32::MAX)]
        {
            let decomposition = Decomposition { log2_base, levels };
            let refused = ParameterError::Decomposition { log2_base, levels };
            assert_eq!(refusal(|l| l.bootstrap = decomposition), refused);
            assert_eq!(refusal(|l| l.key_switch = decomposition), refused);
            assert_eq!(refusal(|l| l.bridge = decomposition), refused);
        }
    }

    #[test]
    fn every_number_is_in_the_fingerprint() {
        let base = Literal::degree_2048();
        let changes: [fn(&mut Literal); 10] = [
            |l| l.lwe_dimension += 1,
            |l| l.log2_degree += 1,
            |l| l.lwe_log2_error += 1,
            |l| l.ring_log2_error += 1,
            |l| l.bootstrap.log2_base -= 1,
            |l| l.bootstrap.levels += 1,
            |l| l.key_switch.log2_base += 1,
            |l| l.key_switch.levels += 1,
            |l| l.bridge.log2_base -= 1,
            |l| l.bridge.levels += 1,
        ];
        let fingerprint = |l| ExactParameters::consistent(l, scheme()).unwrap().fingerprint().0;
        let mut all = vec![fingerprint(base)];
        for change in changes {
            let mut literal = base;
            change(&mut literal);
            all.push(fingerprint(literal));
        }
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 11);
    }
}
