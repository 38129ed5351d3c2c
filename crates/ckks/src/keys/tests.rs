use super::*;
use crate::wire::testing::{keys, set};

fn rotation(steps: i64) -> KeyKind {
    KeyKind::Automorphism(GaloisElement::rotation(steps, set().degree()))
}

#[test]
fn packed_digits_of_a_lower_level_are_those_of_a_higher_one_cut_off() {
    // Special primes of 374 bits: more than one digit from level 14 on.
    let room = set().special(set().all_special()).log2() - KeyLayout::MARGIN_BITS;
    let top = KeyLayout::packed(set(), 19).unwrap();
    assert!(top.digits.len() > 1 && top.special == set().all_special());
    for level in 1..=19 {
        let layout = KeyLayout::packed(set(), level).unwrap();
        assert_eq!(layout.check(set()), Ok(()));
        assert!(layout.digits.iter().all(|digit| digit_bits(set(), digit) <= room));
        let cut = top.digits.iter().filter(|d| d.start < level);
        let cut: Vec<_> = cut.map(|d| d.start..d.end.min(level)).collect();
        assert_eq!(layout.digits, cut);
        // Filled from the bottom: the next limb would not fit.
        for pair in layout.digits.windows(2) {
            assert!(digit_bits(set(), &(pair[0].start..pair[0].end + 1)) > room);
        }
    }
    assert!(matches!(KeyLayout::packed(set(), 20), Err(KeyError::NoSuchLevel { .. })));
}

#[test]
fn digits_are_balanced_for_any_count() {
    for level in [1, 2, 7, 16, 19] {
        for count in 1..=level.min(KeyLayout::MOST_DIGITS) {
            let digits = balanced_digits(set(), level, count);
            assert_eq!(digits.len(), count);
            assert_eq!((digits[0].start, digits[count - 1].end), (0, level));
            assert!(digits.windows(2).all(|pair| pair[0].end == pair[1].start));
            let largest = digits.iter().map(|d| digit_bits(set(), d)).fold(0.0, f64::max);
            // No digit can be smaller than the mean, nor need it exceed it by more than a limb.
            let mean = digit_bits(set(), &(0..level)) / count as f64;
            assert!(
                largest >= mean - 1e-9 && largest <= mean + 38.0,
                "{level}, {count}: {largest}"
            );
        }
    }
    assert_eq!(balanced_digits(set(), 16, 2).len(), 2);
}

#[test]
fn special_primes_are_the_fewest_that_cover() {
    let special = |level, digits| KeyLayout::balanced(set(), level, digits).unwrap().special;
    assert_eq!(special(1, 1), Special { wide: 0, narrow: 1 });
    assert_eq!(special(5, 1), Special { wide: 0, narrow: 4 });
    assert_eq!(special(16, 2), Special { wide: 5, narrow: 0 });
    assert_eq!(special(19, 2), Special { wide: 5, narrow: 1 });
    assert_eq!(KeyLayout::raised(set()).unwrap().special, Special { wide: 0, narrow: 1 });
    let refused = KeyLayout::balanced(set(), 19, 1).unwrap_err();
    assert!(matches!(refused, KeyError::SmallSpecial { level: 19, .. }));
}

#[test]
fn impossible_layouts_are_refused() {
    for (level, digits) in [(0, 1), (20, 1), (usize::MAX, 2)] {
        let refused = KeyLayout::balanced(set(), level, digits);
        assert!(matches!(refused, Err(KeyError::NoSuchLevel { .. })));
    }
    for (level, digits) in [(3, 0), (3, 4), (19, 9)] {
        let refused = KeyLayout::balanced(set(), level, digits);
        assert_eq!(refused, Err(KeyError::Digits { level }));
    }
    let layout = KeyLayout::balanced(set(), 16, 2).unwrap();
    let only = |digit: Range<usize>| std::iter::once(digit).collect();
    for digits in [vec![], vec![0..16, 16..16], vec![0..8, 9..16], only(1..16), only(0..15)] {
        let layout = KeyLayout { digits, ..layout.clone() };
        let refused = KeySpec::new(set(), rotation(1), layout);
        assert_eq!(refused, Err(KeyError::Digits { level: 16 }));
    }
    let special = Special { wide: 6, narrow: 0 };
    let refused = KeySpec::new(set(), rotation(1), KeyLayout { special, ..layout.clone() });
    assert_eq!(refused, Err(KeyError::NoSuchSpecial { level: 16 }));
    let special = Special { wide: 4, narrow: 0 };
    let refused = KeySpec::new(set(), rotation(1), KeyLayout { special, ..layout });
    assert!(matches!(refused, Err(KeyError::SmallSpecial { .. })));
}

#[test]
fn insecure_keys_cannot_be_described() {
    // All special primes together: 539 + 374 bits.
    let all =
        KeyLayout { special: set().all_special(), ..KeyLayout::balanced(set(), 19, 2).unwrap() };
    let refused = KeySpec::new(set(), rotation(1), all);
    assert!(matches!(refused, Err(KeyError::Insecure { level: 19, .. })));
    // Two narrow ones, 851 bits: in the margin below the limit. One, 820 bits, is what is served.
    let special = |narrow| Special { wide: 5, narrow };
    let key = |narrow| {
        let layout = KeyLayout::balanced(set(), 19, 2).unwrap();
        KeySpec::new(set(), rotation(1), KeyLayout { special: special(narrow), ..layout })
    };
    assert!(key(1).is_ok());
    assert!(matches!(key(2), Err(KeyError::Insecure { level: 19, .. })));
    // The sparse secret at its smallest modulus, but with more special primes than its row allows.
    let special = Special { wide: 2, narrow: 0 };
    let wide = KeyLayout { special, ..KeyLayout::balanced(set(), 1, 1).unwrap() };
    let refused = KeySpec::new(set(), KeyKind::DenseToSparse, wide);
    assert!(matches!(refused, Err(KeyError::Insecure { level: 1, .. })));
    let refused =
        KeySpec::new(set(), KeyKind::DenseToSparse, KeyLayout::balanced(set(), 2, 1).unwrap());
    assert_eq!(refused, Err(KeyError::SparseLevel { level: 2 }));
}

#[test]
fn kinds_have_their_places() {
    let identity = GaloisElement::identity();
    let layout = KeyLayout::balanced(set(), 3, 1).unwrap();
    let refused = KeySpec::new(set(), KeyKind::Automorphism(identity), layout.clone());
    assert_eq!(refused, Err(KeyError::Exponent { exponent: 1 }));
    let refused = KeySpec::new(set(), KeyKind::SparseToDense(identity), layout);
    assert_eq!(refused, Err(KeyError::RaisedLevel { level: 3 }));
    let raised = KeyLayout::raised(set()).unwrap();
    assert!(KeySpec::new(set(), KeyKind::SparseToDense(identity), raised).is_ok());
}

#[test]
fn a_list_has_one_order_and_no_repetition() {
    let mut reversed = keys().specs().to_vec();
    reversed.reverse();
    assert_eq!(&KeyList::new(reversed.clone()).unwrap(), keys());
    for (index, spec) in keys().specs().iter().enumerate() {
        assert_eq!(keys().position(spec), Some(index));
    }
    reversed.push(reversed[0].clone());
    assert_eq!(KeyList::new(reversed.clone()), Err(KeyError::Repeated));
    let many = vec![reversed[0].clone(); KeyList::MOST + 1];
    assert!(matches!(KeyList::new(many), Err(KeyError::TooMany { .. })));
}

#[test]
fn descriptions_tell_keys_apart() {
    let mut descriptions: Vec<_> = keys().specs().iter().map(KeySpec::to_bytes).collect();
    descriptions.sort();
    descriptions.dedup();
    assert_eq!(descriptions.len(), keys().len());
}
