//! Parameter sets of the scheme: data that cannot be built insecure or inconsistent.
//!
//! A [`Literal`] is plain data: a ring, a modulus chain, special primes, the secrets. What a circuit
//! does with them is no business of the scheme. [`Parameters::new`] checks a literal and derives
//! everything else; there is no other way to make a [`Parameters`].

mod preset;

use std::sync::Arc;

use blindsight_ring::{Basis, NARROW_PRIME_BITS, Prime, PrimeError};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::encoding::Encoder;
use crate::keys::Special;
use crate::security::{self, Insecure};
use crate::wire::frame::ParameterFingerprint;

/// Everything that is chosen about a parameter set; [`Parameters::new`] checks it.
///
/// The distributions of secrets and errors are not among it: they are the client's own constants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Literal {
    /// `log2` of the ring degree.
    pub log_degree: u32,
    /// The modulus chain, bottom first: `q_1, q_2, ...`.
    pub chain: Vec<u64>,
    /// Special primes near `2^50`, for keys in the upper part of the chain.
    pub wide_special: Vec<u64>,
    /// Special primes below `2^31`, for keys in the lower part.
    pub narrow_special: Vec<u64>,
    /// The Hamming weight of the sparse ephemeral secret, where the modulus is ever raised.
    pub sparse_weight: Option<usize>,
}

/// A checked parameter set with its primes, transforms and encoding tables.
#[derive(Debug)]
pub struct Parameters {
    literal: Literal,
    fingerprint: ParameterFingerprint,
    chain: Basis,
    wide_special: Basis,
    narrow_special: Basis,
    encoder: Encoder,
    /// Always true in a product: see [`Self::must_be_secure`].
    #[cfg(feature = "insecure-test-rings")]
    must_be_secure: bool,
}

/// Why a literal is not a parameter set.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ParameterError {
    /// The ring degree has no row in the security table.
    #[error("the ring degree 2^{0} has no entry in the security table")]
    Degree(u32),
    /// There are no primes, or far too many.
    #[error("{found} {what}, but a parameter set has {least} to {most}")]
    Count {
        /// Which primes.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// The fewest allowed.
        least: usize,
        /// The most allowed.
        most: usize,
    },
    /// A modulus is not a suitable prime.
    #[error(transparent)]
    Prime(#[from] PrimeError),
    /// The same prime is used twice.
    #[error("the prime {0} occurs twice")]
    RepeatedPrime(u64),
    /// A special prime is on the wrong side of `2^31`.
    #[error(
        "the special prime {0} is of the wrong width: narrow ones are below 2^31, wide ones not"
    )]
    SpecialWidth(u64),
    /// Ciphertexts at the top of the chain would be insecure.
    #[error("the modulus chain is too long: {0}")]
    InsecureChain(Insecure),
    /// The sparse secret is insecure under the smallest modulus already.
    #[error("the sparse secret: {0}")]
    InsecureSparse(Insecure),
    /// The sparse secret is not sparse.
    #[error(
        "a sparse secret of weight {weight}; at most {most} of its coefficients may be nonzero"
    )]
    SparseWeight {
        /// The weight asked for.
        weight: usize,
        /// Half the degree.
        most: usize,
    },
}

impl Parameters {
    /// Most primes of the chain.
    pub const MOST_LIMBS: usize = 64;

    /// Most special primes of each width.
    pub const MOST_SPECIAL: usize = 16;

    /// Checks a literal and derives the parameter set.
    ///
    /// # Errors
    /// When the set would be insecure or inconsistent: see [`ParameterError`].
    pub fn new(literal: Literal) -> Result<Self, ParameterError> {
        if security::ternary_limit(literal.log_degree) == 0.0 {
            return Err(ParameterError::Degree(literal.log_degree));
        }
        check_consistent(&literal)?;
        check_security(&literal)?;
        Self::of_checked(literal)
    }

    /// A parameter set that may be of any size and protects nobody: for tests in small rings. Its
    /// keys need not be secure either.
    ///
    /// # Errors
    /// When the set would be inconsistent: see [`ParameterError`].
    #[cfg(feature = "insecure-test-rings")]
    pub fn insecure(literal: Literal) -> Result<Self, ParameterError> {
        if !(6..=16).contains(&literal.log_degree) {
            return Err(ParameterError::Degree(literal.log_degree));
        }
        check_consistent(&literal)?;
        Ok(Self { must_be_secure: false, ..Self::of_checked(literal)? })
    }

    /// The tables, which take milliseconds: everything is checked before.
    fn of_checked(literal: Literal) -> Result<Self, ParameterError> {
        let degree = 1 << literal.log_degree;
        let basis = |values: &[u64]| -> Result<Basis, ParameterError> {
            let primes = values.iter().map(|&q| Prime::new(q, degree).map(Arc::new));
            Ok(Basis::new(primes.collect::<Result<_, _>>()?))
        };
        Ok(Self {
            fingerprint: fingerprint_of(&literal),
            chain: basis(&literal.chain)?,
            wide_special: basis(&literal.wide_special)?,
            narrow_special: basis(&literal.narrow_special)?,
            encoder: Encoder::new(degree),
            #[cfg(feature = "insecure-test-rings")]
            must_be_secure: true,
            literal,
        })
    }

    /// The data the set was made from.
    #[must_use]
    pub fn literal(&self) -> &Literal {
        &self.literal
    }

    /// What identifies the set on the wire.
    #[must_use]
    pub fn fingerprint(&self) -> ParameterFingerprint {
        self.fingerprint
    }

    /// `log2` of the ring degree.
    #[must_use]
    pub fn log_degree(&self) -> u32 {
        self.literal.log_degree
    }

    /// The ring degree `N`.
    #[must_use]
    pub fn degree(&self) -> usize {
        1 << self.literal.log_degree
    }

    /// The number of slots, `N/2`.
    #[must_use]
    pub fn slots(&self) -> usize {
        self.degree() / 2
    }

    /// The modulus chain, bottom prime first.
    #[must_use]
    pub fn chain(&self) -> &Basis {
        &self.chain
    }

    /// The highest level: the number of primes of the chain.
    #[must_use]
    pub fn top_level(&self) -> usize {
        self.chain.len()
    }

    /// The prime that a rescale from `level` divides by; levels count from 1.
    ///
    /// # Panics
    /// When there is no such level.
    #[must_use]
    pub fn prime(&self, level: usize) -> f64 {
        self.chain.primes()[level - 1].value() as f64
    }

    /// The first `level` primes of the chain: the modulus of a ciphertext with `level` limbs.
    #[must_use]
    pub fn modulus(&self, level: usize) -> Basis {
        self.chain.prefix(level)
    }

    /// The special primes a key layout uses: wide ones first.
    #[must_use]
    pub fn special(&self, special: Special) -> Basis {
        let wide = self.wide_special.prefix(special.wide);
        wide.join(&self.narrow_special.prefix(special.narrow))
    }

    /// The special primes that exist.
    #[must_use]
    pub fn all_special(&self) -> Special {
        Special { wide: self.wide_special.len(), narrow: self.narrow_special.len() }
    }

    /// Encoding tables.
    #[must_use]
    pub fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// Whether keys must be within the security table: always, but in tests.
    pub(crate) fn must_be_secure(&self) -> bool {
        #[cfg(feature = "insecure-test-rings")]
        return self.must_be_secure;
        #[cfg(not(feature = "insecure-test-rings"))]
        return true;
    }
}

/// Everything but security, and without making any table: a literal may come from a stranger.
fn check_consistent(literal: &Literal) -> Result<(), ParameterError> {
    check_counts(literal)?;
    check_distinct(literal)?;
    let Literal { chain, wide_special, narrow_special, log_degree, .. } = literal;
    for value in chain.iter().chain(wide_special).chain(narrow_special) {
        Prime::check(*value, 1 << log_degree)?;
    }
    let is_narrow = |value: &u64| value >> NARROW_PRIME_BITS == 0;
    let wide = wide_special.iter().filter(|value| is_narrow(value));
    let narrow = narrow_special.iter().filter(|value| !is_narrow(value));
    match wide.chain(narrow).next() {
        Some(value) => Err(ParameterError::SpecialWidth(*value)),
        None => Ok(()),
    }
}

/// Keys are checked one by one, see [`crate::keys::KeySpec::new`]; here is checked what is
/// published without any.
fn check_security(literal: &Literal) -> Result<(), ParameterError> {
    let log2 = |primes: &[u64]| primes.iter().map(|&prime| (prime as f64).log2()).sum();
    security::check_ternary(literal.log_degree, log2(&literal.chain))
        .map_err(ParameterError::InsecureChain)?;
    if let Some(weight) = literal.sparse_weight {
        // The table has no upper end, but the secret must fit in its ring.
        let most = (1 << literal.log_degree) / 2;
        if weight > most {
            return Err(ParameterError::SparseWeight { weight, most });
        }
        security::check_sparse(literal.log_degree, weight, log2(&literal.chain[..1]))
            .map_err(ParameterError::InsecureSparse)?;
    }
    Ok(())
}

fn check_counts(literal: &Literal) -> Result<(), ParameterError> {
    let most = Parameters::MOST_SPECIAL;
    for (what, found, least, most) in [
        ("primes in the chain", literal.chain.len(), 1, Parameters::MOST_LIMBS),
        ("wide special primes", literal.wide_special.len(), 0, most),
        ("narrow special primes", literal.narrow_special.len(), 0, most),
    ] {
        if !(least..=most).contains(&found) {
            return Err(ParameterError::Count { what, found, least, most });
        }
    }
    Ok(())
}

fn check_distinct(literal: &Literal) -> Result<(), ParameterError> {
    let groups = [&literal.chain, &literal.wide_special, &literal.narrow_special];
    let mut primes: Vec<u64> = groups.into_iter().flatten().copied().collect();
    primes.sort_unstable();
    match primes.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(ParameterError::RepeatedPrime(pair[0])),
        None => Ok(()),
    }
}

/// The SHA-256 of everything in a literal.
fn fingerprint_of(literal: &Literal) -> ParameterFingerprint {
    let text = format!(
        "blindsight v2 N=2^{} q={:?} p={:?} r={:?} h={:?}",
        literal.log_degree,
        literal.chain,
        literal.wide_special,
        literal.narrow_special,
        literal.sparse_weight,
    );
    ParameterFingerprint(Sha256::digest(text.as_bytes()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn literal() -> Literal {
        Literal::bootstrapped_2_15()
    }

    #[test]
    fn the_preset_is_sound() {
        let set = Parameters::new(literal()).unwrap();
        assert_eq!((set.degree(), set.slots(), set.top_level()), (1 << 15, 1 << 14, 19));
        assert_eq!(set.all_special(), Special { wide: 5, narrow: 4 });
    }

    #[test]
    fn inconsistent_literals_are_refused() {
        let refused = |change: fn(&mut Literal)| {
            let mut literal = literal();
            change(&mut literal);
            Parameters::new(literal).unwrap_err()
        };
        let error = refused(|l| l.narrow_special[0] = l.chain[5]);
        assert!(matches!(error, ParameterError::RepeatedPrime(_)));
        let error = refused(|l| l.chain[0] = (1 << 26) + 1);
        assert!(matches!(error, ParameterError::Prime(_)));
        let error = refused(|l| l.sparse_weight = Some(20));
        assert!(matches!(error, ParameterError::InsecureSparse(_)));
        for heavy in [(1 << 14) + 1, usize::MAX] {
            let refused =
                Parameters::new(Literal { sparse_weight: Some(heavy), ..literal() }).unwrap_err();
            assert!(matches!(refused, ParameterError::SparseWeight { .. }));
        }
        let error = refused(|l| {
            // 250 and 124 bits more: 913 in all.
            l.chain.append(&mut l.wide_special);
            l.chain.append(&mut l.narrow_special);
        });
        assert!(matches!(error, ParameterError::InsecureChain(_)));
        let error = refused(|l| l.chain.clear());
        assert!(matches!(error, ParameterError::Count { found: 0, .. }));
        let error = refused(|l| l.chain = vec![0; 65]);
        assert!(matches!(error, ParameterError::Count { found: 65, .. }));
        let error = refused(|l| l.wide_special[0] = l.narrow_special.pop().unwrap());
        assert!(matches!(error, ParameterError::SpecialWidth(_)));
        for log_degree in [0, 9, 17, 63, u32::MAX] {
            let refused = Parameters::new(Literal { log_degree, ..literal() });
            assert!(matches!(refused, Err(ParameterError::Degree(found)) if found == log_degree));
        }
    }

    /// Within 128 bits by the estimate, but in the margin that is demanded below it.
    #[test]
    fn a_chain_within_the_margin_is_refused() {
        let with = |narrow: usize| {
            let mut literal = literal();
            literal.chain.append(&mut literal.wide_special);
            literal.chain.extend(literal.narrow_special.drain(..narrow));
            Parameters::new(literal)
        };
        // 539 + 250 + 31 = 820 bits, as the largest key has, and 31 more.
        assert!(with(1).is_ok());
        let Err(ParameterError::InsecureChain(refused)) = with(2) else {
            panic!("a chain of 851 bits is a parameter set");
        };
        assert!(refused.actual < security::ternary_edge(15), "{refused:?}");
        assert!(refused.actual > security::ternary_limit(15), "{refused:?}");
    }

    /// Even where tests may build others.
    #[test]
    fn a_set_is_secure_unless_asked_otherwise() {
        assert!(Parameters::new(literal()).unwrap().must_be_secure());
        #[cfg(feature = "insecure-test-rings")]
        assert!(!Parameters::insecure(literal()).unwrap().must_be_secure());
    }

    #[test]
    fn fingerprints_tell_sets_apart() {
        let base = Parameters::new(literal()).unwrap().fingerprint();
        let mut fewer = literal();
        fewer.wide_special.pop();
        assert_ne!(Parameters::new(fewer).unwrap().fingerprint(), base);
        assert_ne!(
            Parameters::new(Literal { sparse_weight: Some(32), ..literal() })
                .unwrap()
                .fingerprint(),
            base
        );
    }
}
