//! Evaluation keys by what they are: what a key switches, at which moduli.
//!
//! A key that switches from `s_from` to `s_to` at level `l` is, for each digit `d` (a range of
//! limbs), a pair `(b_d, a_d)` modulo `Q_l * P` with `b_d = -a_d s_to + e_d + P s_from` on the limbs
//! of digit `d` and without the last term elsewhere (hybrid key switching: Han and Ki, ePrint
//! 2019/688). Every key is generated at the level at which it is used, so it carries no limb that
//! nobody reads.
//!
//! A [`KeySpec`] in hand has been checked against the parameter set: its special primes cover its
//! digits, and its modulus is within the security table. Which keys a circuit needs is the
//! circuit's to say, in a [`KeyList`].

mod error;
mod list;

use core::ops::Range;

use blindsight_ring::{Basis, GaloisElement};

use crate::parameters::Parameters;
use crate::security::{self, Insecure};

pub use error::KeyError;
pub use list::KeyList;

/// What a key switches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeyKind {
    /// The square of the secret to the secret.
    Relinearisation,
    /// The secret to its preimage under the automorphism: apply the automorphism after the switch.
    Automorphism(GaloisElement),
    /// The secret to the sparse ephemeral secret, at the smallest modulus `q_1`.
    DenseToSparse,
    /// The sparse secret to the preimage of the dense secret under the automorphism, for a
    /// polynomial with coefficients below `q_1`: the step out of the raised modulus.
    SparseToDense(GaloisElement),
}

/// The special primes of a key: the first so many of each width.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Special {
    /// Of those near `2^50`.
    pub wide: usize,
    /// Of those below `2^31`.
    pub narrow: usize,
}

/// The moduli of a key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct KeyLayout {
    /// Limbs of the chain.
    pub level: usize,
    /// The digits: consecutive ranges of limbs that cover the level.
    pub digits: Vec<Range<usize>>,
    /// The special primes.
    pub special: Special,
}

/// A key that a client may publish under its parameter set.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct KeySpec {
    kind: KeyKind,
    layout: KeyLayout,
}

impl KeyKind {
    /// Whether the key is encrypted under the sparse secret.
    #[must_use]
    pub fn is_under_sparse_secret(self) -> bool {
        matches!(self, Self::DenseToSparse)
    }

    /// Whether one of the key's secrets is the sparse one.
    #[must_use]
    pub fn needs_sparse_secret(self) -> bool {
        matches!(self, Self::DenseToSparse | Self::SparseToDense(_))
    }

    /// Whether the key switches polynomials with coefficients below `q_1` only, which are one
    /// small digit at any level.
    #[must_use]
    pub fn switches_raised(self) -> bool {
        matches!(self, Self::SparseToDense(_))
    }

    fn element(self) -> Option<GaloisElement> {
        match self {
            Self::Automorphism(element) | Self::SparseToDense(element) => Some(element),
            Self::Relinearisation | Self::DenseToSparse => None,
        }
    }
}

impl KeyLayout {
    /// By how many bits the special primes must exceed the largest digit, so that the noise a
    /// switch adds stays below that of a rounding. With less, results would be destroyed without
    /// any sign of it.
    pub const MARGIN_BITS: f64 = 5.0;

    /// Most digits of a key.
    pub const MOST_DIGITS: usize = blindsight_ring::kernels::MOST_KEY_TERMS;

    /// The layout with so many digits of nearly equal bit lengths, and the fewest special primes
    /// that cover them: narrow ones where these are enough, else wide ones, and narrow ones beside
    /// all wide ones.
    ///
    /// # Errors
    /// When the level or the number of digits do not exist, or no special primes are enough.
    pub fn balanced(set: &Parameters, level: usize, digits: usize) -> Result<Self, KeyError> {
        check_level(set, level)?;
        if !(1..=level.min(Self::MOST_DIGITS)).contains(&digits) {
            return Err(KeyError::Digits { level });
        }
        let digits = balanced_digits(set, level, digits);
        let largest = digits.iter().map(|digit| digit_bits(set, digit)).fold(0.0, f64::max);
        Ok(Self { level, digits, special: covering(set, level, largest)? })
    }

    /// The layout with all special primes and the fewest digits that these cover, filled from the
    /// bottom: the digits of a lower level are those of a higher one, cut off.
    ///
    /// # Errors
    /// When the level does not exist, a limb is too large for the special primes, or the digits
    /// are too many.
    pub fn packed(set: &Parameters, level: usize) -> Result<Self, KeyError> {
        check_level(set, level)?;
        let all = set.all_special();
        let special = set.special(all).log2();
        let room = special - Self::MARGIN_BITS;
        let mut digits: Vec<Range<usize>> = Vec::new();
        for limb in 0..level {
            let one = digit_bits(set, &(limb..limb + 1));
            match digits.last_mut() {
                Some(last) if digit_bits(set, last) + one <= room => last.end = limb + 1,
                _ if one <= room => digits.push(limb..limb + 1),
                _ => return Err(KeyError::SmallSpecial { level, special, digit: one }),
            }
        }
        if digits.len() > Self::MOST_DIGITS {
            return Err(KeyError::Digits { level });
        }
        Ok(Self { level, digits, special: all })
    }

    /// The layout of a key out of the raised modulus: one digit, small whatever the level.
    ///
    /// # Errors
    /// When no special primes cover it.
    pub fn raised(set: &Parameters) -> Result<Self, KeyError> {
        let level = set.top_level();
        let special = covering(set, level, digit_bits(set, &(0..1)))?;
        Ok(Self { level, digits: std::iter::once(0..level).collect(), special })
    }

    fn check(&self, set: &Parameters) -> Result<(), KeyError> {
        let level = self.level;
        check_level(set, level)?;
        let digits = &self.digits;
        let all = set.all_special();
        let joined = digits.windows(2).all(|pair| pair[0].end == pair[1].start);
        let covered = digits.first().is_some_and(|first| first.start == 0)
            && digits.last().is_some_and(|last| last.end == level);
        let each = digits.len() <= Self::MOST_DIGITS && digits.iter().all(|d| d.start < d.end);
        if !(joined && covered && each) {
            return Err(KeyError::Digits { level });
        }
        if self.special.wide > all.wide || self.special.narrow > all.narrow {
            return Err(KeyError::NoSuchSpecial { level });
        }
        Ok(())
    }
}

impl KeySpec {
    /// A key of this kind with this layout.
    ///
    /// # Errors
    /// When such a key would be insecure, useless, or impossible: see [`KeyError`].
    pub fn new(set: &Parameters, kind: KeyKind, layout: KeyLayout) -> Result<Self, KeyError> {
        layout.check(set)?;
        let spec = Self { kind, layout };
        spec.check_kind(set)?;
        let level = spec.layout.level;
        let special = set.special(spec.layout.special).log2();
        let digit = spec.largest_digit_bits(set);
        if special < digit + KeyLayout::MARGIN_BITS {
            return Err(KeyError::SmallSpecial { level, special, digit });
        }
        if set.must_be_secure() {
            spec.check_security(set).map_err(|source| KeyError::Insecure { level, source })?;
        }
        Ok(spec)
    }

    /// What the key switches.
    #[must_use]
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// Its moduli.
    #[must_use]
    pub fn layout(&self) -> &KeyLayout {
        &self.layout
    }

    /// Limbs of the chain.
    #[must_use]
    pub fn level(&self) -> usize {
        self.layout.level
    }

    /// The primes of the key: those of its level, then its special primes.
    #[must_use]
    pub fn basis(&self, set: &Parameters) -> Basis {
        set.modulus(self.layout.level).join(&set.special(self.layout.special))
    }

    /// `log2` of the largest number that a digit can be.
    #[must_use]
    pub fn largest_digit_bits(&self, set: &Parameters) -> f64 {
        if self.kind.switches_raised() {
            return digit_bits(set, &(0..1));
        }
        self.layout.digits.iter().map(|digit| digit_bits(set, digit)).fold(0.0, f64::max)
    }

    /// What orders keys: no two different keys have the same.
    fn order(&self) -> (KeyKind, usize, Special, Vec<usize>) {
        let KeyLayout { level, digits, special } = &self.layout;
        (self.kind, *level, *special, digits.iter().map(|digit| digit.end).collect())
    }

    fn check_security(&self, set: &Parameters) -> Result<(), Insecure> {
        let modulus = self.basis(set).log2();
        match set.literal().sparse_weight {
            Some(weight) if self.kind.is_under_sparse_secret() => {
                security::check_sparse(set.log_degree(), weight, modulus)
            }
            _ => security::check_ternary(set.log_degree(), modulus),
        }
    }

    fn check_kind(&self, set: &Parameters) -> Result<(), KeyError> {
        let Self { kind, layout } = self;
        if kind.needs_sparse_secret() && set.literal().sparse_weight.is_none() {
            return Err(KeyError::NoSparseSecret);
        }
        if kind.is_under_sparse_secret() && layout.level != 1 {
            return Err(KeyError::SparseLevel { level: layout.level });
        }
        if kind.switches_raised() && (layout.level != set.top_level() || layout.digits.len() != 1) {
            return Err(KeyError::RaisedLevel { level: layout.level });
        }
        if let Some(element) = kind.element() {
            let exponent = element.exponent() as usize;
            // The identity is no switch, but out of the raised modulus it is one.
            let least = if kind.switches_raised() { 1 } else { 3 };
            if exponent.is_multiple_of(2) || !(least..2 * set.degree()).contains(&exponent) {
                return Err(KeyError::Exponent { exponent });
            }
        }
        Ok(())
    }
}

fn check_level(set: &Parameters, level: usize) -> Result<(), KeyError> {
    let most = set.top_level();
    if (1..=most).contains(&level) { Ok(()) } else { Err(KeyError::NoSuchLevel { level, most }) }
}

fn digit_bits(set: &Parameters, digit: &Range<usize>) -> f64 {
    set.chain().primes()[digit.clone()].iter().map(|p| p.log2()).sum()
}

/// Cuts a level into digits whose largest is as small as can be. There are few limbs: trying every
/// place for the last cut, over the best cuts before it, takes microseconds.
fn balanced_digits(set: &Parameters, level: usize, count: usize) -> Vec<Range<usize>> {
    let whole =
        |end: usize| (digit_bits(set, &(0..end)), std::iter::once(0..end).collect::<Vec<_>>());
    let mut best: Vec<(f64, Vec<Range<usize>>)> = (0..=level).map(whole).collect();
    for digits in 2..=count {
        // Descending ends: what stands below is still the best with one digit less.
        for end in (digits..=level).rev() {
            let cuts = (digits - 1..end).map(|cut| {
                let (largest, _) = &best[cut];
                (largest.max(digit_bits(set, &(cut..end))), cut)
            });
            let Some((largest, cut)) = cuts.min_by(|x, y| x.0.total_cmp(&y.0)) else { continue };
            let mut ranges = best[cut].1.clone();
            ranges.push(cut..end);
            best[end] = (largest, ranges);
        }
    }
    best.swap_remove(level).1
}

fn covering(set: &Parameters, level: usize, digit: f64) -> Result<Special, KeyError> {
    let all = set.all_special();
    let narrow_only = (1..=all.narrow).map(|narrow| Special { wide: 0, narrow });
    let wide_only = (1..=all.wide).map(|wide| Special { wide, narrow: 0 });
    let both = (1..=all.narrow).map(|narrow| Special { wide: all.wide, narrow });
    let needed = digit + KeyLayout::MARGIN_BITS;
    let enough = |special: &Special| set.special(*special).log2() >= needed;
    let special = set.special(all).log2();
    let mut candidates = narrow_only.chain(wide_only).chain(both);
    candidates.find(enough).ok_or(KeyError::SmallSpecial { level, special, digit })
}

#[cfg(test)]
mod tests;
