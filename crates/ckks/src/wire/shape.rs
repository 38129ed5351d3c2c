//! What an evaluation key is, as a few bytes that both sides must agree on.
//!
//! The parameter set's fingerprint covers the primes, not the circuit that uses them. These bytes
//! do: a client and a server with different circuits find out before they compute nonsense.
//!
//! | bytes | field |
//! |---|---|
//! | 1 | kind: 1 relinearisation, 2 automorphism, 3 dense to sparse, 4 sparse to dense |
//! | 4 | exponent of the automorphism, 0 where there is none |
//! | 1 + 1 | special primes: 1 wide, 2 wide and narrow, 3 narrow; how many (0 if all wide and one narrow) |
//! | 1 | whether the key switches small polynomials out of the raised modulus |
//! | 2 | level |
//! | 2 | number of digits |
//! | 2 + 2 each | first limb of the digit, first limb after it |

use super::frame::{Reader, WireError};
use crate::keys::{KeyKind, KeyLayout, KeySpec, Special};

/// The bytes that describe a key.
pub(super) fn bytes(spec: &KeySpec) -> Vec<u8> {
    let KeyLayout { level, digits, special, raised } = &spec.layout;
    let (kind, exponent) = match spec.kind {
        KeyKind::Relinearisation => (1, 0),
        KeyKind::Automorphism(element) => (2, element.exponent()),
        KeyKind::DenseToSparse => (3, 0),
        KeyKind::SparseToDense(element) => (4, element.exponent()),
    };
    let (choice, count) = match *special {
        Special::Wide(count) => (1, count),
        Special::WideAndNarrow => (2, 0),
        Special::Narrow(count) => (3, count),
    };
    let mut bytes = vec![kind];
    bytes.extend(exponent.to_le_bytes());
    bytes.extend([choice, count as u8, u8::from(*raised)]);
    let limbs = digits.iter().flat_map(|digit| [digit.start, digit.end]);
    let numbers = [*level, digits.len()].into_iter().chain(limbs);
    bytes.extend(numbers.flat_map(|number| (number as u16).to_le_bytes()));
    bytes
}

/// Whether the next bytes describe this key. What was read is consumed either way.
pub(super) fn matches(reader: &mut Reader<'_>, spec: &KeySpec) -> Result<bool, WireError> {
    let expected = bytes(spec);
    let found = reader.bytes("the shape of a key", expected.len())?;
    Ok(found == expected)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use blindsight_ring::GaloisElement;

    use super::*;
    use crate::wire::testing::set;

    #[test]
    fn known_bytes() {
        let spec = KeySpec {
            kind: KeyKind::SparseToDense(GaloisElement::rotation(1, 64)),
            layout: KeyLayout {
                level: 19,
                digits: vec![0..10, 10..19],
                special: Special::Narrow(3),
                raised: true,
            },
        };
        assert_eq!(bytes(&spec), [4, 5, 0, 0, 0, 3, 3, 1, 19, 0, 2, 0, 0, 0, 10, 0, 10, 0, 19, 0]);
    }

    #[test]
    fn different_keys_have_different_shapes() {
        let shapes: HashSet<Vec<u8>> = set().keys().iter().map(bytes).collect();
        let mut distinct: Vec<&KeySpec> = Vec::new();
        for spec in set().keys() {
            if !distinct.contains(&spec) {
                distinct.push(spec);
            }
        }
        assert_eq!(shapes.len(), distinct.len());
    }
}
