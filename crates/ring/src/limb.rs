//! One residue polynomial: `N` residues modulo one prime, in the storage width of that prime.

use crate::modulus::Modulus;
use crate::pool::{Buffer, Pooled};

/// `N` residues modulo one prime: 32-bit words for narrow primes, 64-bit words for the others.
/// Whether they are coefficients or NTT values is known to the polynomial that owns them.
#[derive(Clone)]
pub enum Limb {
    /// Residues modulo a prime below `2^31`.
    Narrow(Buffer<u32>),
    /// Residues modulo a larger prime.
    Wide(Buffer<u64>),
}

/// A storage word: `u32` or `u64`. Kernels are generic over it and always compute in 64-bit lanes.
pub trait Word: Pooled + Into<u64> + sealed::Sealed {
    /// Whether this is the 32-bit word.
    const NARROW: bool;
    /// Truncates; the caller knows that the value fits.
    fn truncate(x: u64) -> Self;
    /// The words of a limb of this width.
    ///
    /// # Panics
    /// When the limb has the other width, which only a mismatch of prime and limb can cause.
    fn of(limb: &Limb) -> &[Self];
    /// The words of a limb of this width, mutably.
    ///
    /// # Panics
    /// As [`Word::of`].
    fn of_mut(limb: &mut Limb) -> &mut [Self];
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for u32 {}
    impl Sealed for u64 {}
}

impl Word for u32 {
    const NARROW: bool = true;

    fn truncate(x: u64) -> Self {
        x as Self
    }

    fn of(limb: &Limb) -> &[Self] {
        match limb {
            Limb::Narrow(words) => words,
            Limb::Wide(_) => unreachable!("a limb has the storage width of its prime"),
        }
    }

    fn of_mut(limb: &mut Limb) -> &mut [Self] {
        match limb {
            Limb::Narrow(words) => words,
            Limb::Wide(_) => unreachable!("a limb has the storage width of its prime"),
        }
    }
}

impl Word for u64 {
    const NARROW: bool = false;

    fn truncate(x: u64) -> Self {
        x
    }

    fn of(limb: &Limb) -> &[Self] {
        match limb {
            Limb::Wide(words) => words,
            Limb::Narrow(_) => unreachable!("a limb has the storage width of its prime"),
        }
    }

    fn of_mut(limb: &mut Limb) -> &mut [Self] {
        match limb {
            Limb::Wide(words) => words,
            Limb::Narrow(_) => unreachable!("a limb has the storage width of its prime"),
        }
    }
}

/// Runs the same generic code for the storage width of a prime: `W` names the word type inside.
#[macro_export]
macro_rules! for_width {
    ($prime:expr, $W:ident => $body:expr) => {
        if $prime.is_narrow() {
            type $W = u32;
            $body
        } else {
            type $W = u64;
            $body
        }
    };
}

impl Limb {
    /// A limb of arbitrary content, for callers that write every word.
    #[must_use]
    pub fn stale(modulus: &Modulus) -> Self {
        Self::stale_with_len(modulus, modulus.degree())
    }

    /// A limb of `len` words of arbitrary content: shorter than the degree for compressed
    /// plaintexts.
    #[must_use]
    pub fn stale_with_len(modulus: &Modulus, len: usize) -> Self {
        if modulus.is_narrow() {
            Self::Narrow(Buffer::stale(len))
        } else {
            Self::Wide(Buffer::stale(len))
        }
    }

    /// The zero polynomial.
    #[must_use]
    pub fn zero(modulus: &Modulus) -> Self {
        if modulus.is_narrow() {
            Self::Narrow(Buffer::zeroed(modulus.degree()))
        } else {
            Self::Wide(Buffer::zeroed(modulus.degree()))
        }
    }

    /// The number of words.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Narrow(words) => words.len(),
            Self::Wide(words) => words.len(),
        }
    }

    /// Whether there are no words.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes this limb occupies.
    #[must_use]
    pub fn byte_len(&self) -> usize {
        match self {
            Self::Narrow(words) => words.len() * 4,
            Self::Wide(words) => words.len() * 8,
        }
    }

    /// The residue at `index`: for set-up and tests, not for loops over whole limbs.
    #[must_use]
    pub fn get(&self, index: usize) -> u64 {
        match self {
            Self::Narrow(words) => u64::from(words[index]),
            Self::Wide(words) => words[index],
        }
    }

    /// Sets the residue at `index`; the caller has reduced it.
    pub fn set(&mut self, index: usize, residue: u64) {
        match self {
            Self::Narrow(words) => words[index] = residue as u32,
            Self::Wide(words) => words[index] = residue,
        }
    }

    /// Writes every residue from a function of its index.
    pub fn fill_with(&mut self, mut residue: impl FnMut(usize) -> u64) {
        match self {
            Self::Narrow(words) => {
                words.iter_mut().enumerate().for_each(|(i, w)| *w = residue(i) as u32);
            }
            Self::Wide(words) => words.iter_mut().enumerate().for_each(|(i, w)| *w = residue(i)),
        }
    }

    /// Copies all residues of a limb of the same prime.
    pub fn copy_from(&mut self, source: &Self) {
        match (self, source) {
            (Self::Narrow(to), Self::Narrow(from)) => to.copy_from_slice(from),
            (Self::Wide(to), Self::Wide(from)) => to.copy_from_slice(from),
            _ => unreachable!("limbs of one prime have one width"),
        }
    }

    /// Overwrites the residues with zeros in a way the compiler keeps: for secrets.
    pub fn zeroize(&mut self) {
        use zeroize::Zeroize;
        match self {
            Self::Narrow(words) => words.zeroize(),
            Self::Wide(words) => words.zeroize(),
        }
    }
}

impl core::fmt::Debug for Limb {
    /// Widths only: a limb may hold a secret.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Narrow(words) => write!(f, "Limb(u32 x {})", words.len()),
            Self::Wide(words) => write!(f, "Limb(u64 x {})", words.len()),
        }
    }
}
