//! What an evaluation key is, as a few bytes.
//!
//! | bytes | field |
//! |---|---|
//! | 1 | kind: 1 relinearisation, 2 automorphism, 3 dense to sparse, 4 sparse to dense |
//! | 4 | exponent of the automorphism, 0 where there is none |
//! | 1 + 1 | special primes: how many wide ones, how many narrow ones |
//! | 2 | level |
//! | 2 | number of digits |
//! | 2 each | first limb after the digit |
//!
//! These bytes also name the streams of randomness that a key is made from: they hold everything
//! that a key is but for its parameter set.

use blindsight_ring::GaloisElement;

use super::ReadError;
use super::frame::Reader;
use crate::keys::{KeyKind, KeyLayout, KeySpec, Special};
use crate::parameters::Parameters;

impl KeySpec {
    /// The bytes that describe the key. No two different keys of a parameter set have the same.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let KeyLayout { level, digits, special } = self.layout();
        let (kind, exponent) = match self.kind() {
            KeyKind::Relinearisation => (1, 0),
            KeyKind::Automorphism(element) => (2, element.exponent()),
            KeyKind::DenseToSparse => (3, 0),
            KeyKind::SparseToDense(element) => (4, element.exponent()),
        };
        let mut bytes = vec![kind];
        bytes.extend(exponent.to_le_bytes());
        bytes.extend([special.wide as u8, special.narrow as u8]);
        let ends = digits.iter().map(|digit| digit.end);
        let numbers = [*level, digits.len()].into_iter().chain(ends);
        bytes.extend(numbers.flat_map(|number| (number as u16).to_le_bytes()));
        bytes
    }
}

/// Reads the description of a key that this parameter set may have.
pub(super) fn read(set: &Parameters, reader: &mut Reader<'_>) -> Result<KeySpec, ReadError> {
    let number = reader.u8("the kind of a key")?;
    let exponent = reader.u32("the exponent of a key")?;
    let special = Special {
        wide: reader.u8("the special primes of a key")?.into(),
        narrow: reader.u8("the special primes of a key")?.into(),
    };
    let level = reader.u16("the level of a key")?.into();
    let count = usize::from(reader.u16("the digits of a key")?);
    if count > KeyLayout::MOST_DIGITS {
        return Err(ReadError::KeyDigits { found: count });
    }
    let mut digits = Vec::with_capacity(count);
    let mut start = 0;
    for _ in 0..count {
        let end = reader.u16("a digit of a key")?.into();
        digits.push(start..end);
        start = end;
    }
    let element = || {
        let refused = |_| ReadError::KeyKind { number, exponent };
        GaloisElement::new(exponent, set.degree()).map_err(refused)
    };
    let kind = match (number, exponent) {
        (1, 0) => KeyKind::Relinearisation,
        (2, _) => KeyKind::Automorphism(element()?),
        (3, 0) => KeyKind::DenseToSparse,
        (4, _) => KeyKind::SparseToDense(element()?),
        _ => return Err(ReadError::KeyKind { number, exponent }),
    };
    Ok(KeySpec::new(set, kind, KeyLayout { level, digits, special })?)
}
