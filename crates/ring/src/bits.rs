//! Packing of residues: values of `width` bits each, end to end.
//!
//! Value i occupies the bits `i * width .. (i + 1) * width` of the byte string, where bit j of the
//! string is bit j mod 8 (counted from the least significant) of byte j / 8. The last byte is
//! filled up with zero bits. So every vector of residues has exactly one packed form, and unpacking
//! refuses any other.

/// Number of bytes that `count` values of `width` bits take.
///
/// # Errors
///
/// [`BitsError::Width`] unless 1 <= `width` <= 64; [`BitsError::TooLong`] if the number does not
/// fit a `usize`.
pub fn packed_len(count: usize, width: u32) -> Result<usize, BitsError> {
    check_width(width, 64)?;
    let bits = count as u128 * u128::from(width);
    usize::try_from(bits.div_ceil(8)).map_err(|_| BitsError::TooLong { count, width })
}

/// Appends the packed `values` to `out`.
///
/// # Errors
///
/// [`BitsError::Width`] unless 1 <= `width` <= 32, [`BitsError::TooWide`] if a value has more than
/// `width` bits, [`BitsError::TooLong`]. `out` is then as it was.
pub fn pack_u32(values: &[u32], width: u32, out: &mut Vec<u8>) -> Result<(), BitsError> {
    check_width(width, 32)?;
    pack(values, width, out)
}

/// Appends the packed `values` to `out`.
///
/// # Errors
///
/// [`BitsError::Width`] unless 1 <= `width` <= 64, [`BitsError::TooWide`] if a value has more than
/// `width` bits, [`BitsError::TooLong`]. `out` is then as it was.
pub fn pack_u64(values: &[u64], width: u32, out: &mut Vec<u8>) -> Result<(), BitsError> {
    check_width(width, 64)?;
    pack(values, width, out)
}

/// Unpacks as many residues as `out` has places. On error, what `out` holds is unspecified.
///
/// # Errors
///
/// [`BitsError::Width`] unless 1 <= `width` <= 32, [`BitsError::Length`] unless `bytes` has
/// exactly the packed length, [`BitsError::NotReduced`] if a value is not below `modulus`,
/// [`BitsError::Padding`] if the bits after the last value are not zero.
pub fn unpack_u32(
    bytes: &[u8],
    width: u32,
    modulus: u32,
    out: &mut [u32],
) -> Result<(), BitsError> {
    check_width(width, 32)?;
    unpack(bytes, width, modulus.into(), out, |value| value as u32)
}

/// Unpacks as many residues as `out` has places. On error, what `out` holds is unspecified.
///
/// # Errors
///
/// [`BitsError::Width`] unless 1 <= `width` <= 64, [`BitsError::Length`] unless `bytes` has
/// exactly the packed length, [`BitsError::NotReduced`] if a value is not below `modulus`,
/// [`BitsError::Padding`] if the bits after the last value are not zero.
pub fn unpack_u64(
    bytes: &[u8],
    width: u32,
    modulus: u64,
    out: &mut [u64],
) -> Result<(), BitsError> {
    check_width(width, 64)?;
    unpack(bytes, width, modulus, out, |value| value)
}

/// Why values cannot be packed or bytes cannot be unpacked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BitsError {
    /// The width is zero or wider than the values' type.
    #[error("residues cannot be packed in {width} bits each: the width must be 1 to {most}")]
    Width {
        /// The width asked for.
        width: u32,
        /// The widest this operation takes.
        most: u32,
    },
    /// The packed length is not a possible length in memory.
    #[error("{count} residues of {width} bits do not fit in memory")]
    TooLong {
        /// The number of values.
        count: usize,
        /// Bits of each.
        width: u32,
    },
    /// A value to be packed needs more bits.
    #[error("residue {index} does not fit in {width} bits")]
    TooWide {
        /// The position of the first such value.
        index: usize,
        /// Bits of each value.
        width: u32,
    },
    /// More or fewer bytes than the values take.
    #[error("packed residues should be {expected} bytes long, but there are {found}")]
    Length {
        /// The exact length of the packed values.
        expected: usize,
        /// The length of what was given.
        found: usize,
    },
    /// An unpacked value is not a residue.
    #[error("packed residue {index} is not below the modulus {modulus}")]
    NotReduced {
        /// The position of the first such value.
        index: usize,
        /// The modulus.
        modulus: u64,
    },
    /// The bits that fill the last byte are not zero.
    #[error("the unused bits after the last packed residue are not zero")]
    Padding,
}

fn check_width(width: u32, most: u32) -> Result<(), BitsError> {
    if (1..=most).contains(&width) { Ok(()) } else { Err(BitsError::Width { width, most }) }
}

fn pack<T: Copy + Into<u64>>(values: &[T], width: u32, out: &mut Vec<u8>) -> Result<(), BitsError> {
    let mask = u64::MAX >> (64 - width);
    let all_bits = values.iter().fold(0, |bits, &value| bits | value.into());
    if all_bits > mask {
        let wide = |&value: &T| value.into() > mask;
        let index = values.iter().position(wide).unwrap_or(0);
        return Err(BitsError::TooWide { index, width });
    }
    let length = packed_len(values.len(), width)?;
    let start = out.len();
    out.resize(start + length, 0);
    let (words, last) = out[start..].as_chunks_mut::<8>();
    let mut words = words.iter_mut();

    // The lowest `fill` bits of `pending` are packed but not yet written; fill < 64.
    let mut pending = 0_u64;
    let mut fill = 0;
    for &value in values {
        let value = value.into();
        pending |= value << fill;
        fill += width;
        if fill >= 64 {
            if let Some(word) = words.next() {
                *word = pending.to_le_bytes();
            }
            fill -= 64;
            pending = shift_right(value, width - fill);
        }
    }
    // What is left fills most of one more word, or the bytes that make no whole word.
    match words.next() {
        Some(word) => *word = pending.to_le_bytes(),
        None => last.copy_from_slice(&pending.to_le_bytes()[..last.len()]),
    }
    Ok(())
}

fn unpack<T: Copy + Into<u64>>(
    bytes: &[u8],
    width: u32,
    modulus: u64,
    out: &mut [T],
    narrow: impl Fn(u64) -> T,
) -> Result<(), BitsError> {
    let expected = packed_len(out.len(), width)?;
    let found = bytes.len();
    if found != expected {
        return Err(BitsError::Length { expected, found });
    }
    let (words, tail) = bytes.as_chunks::<8>();
    let mut last = [0; 8];
    last[..tail.len()].copy_from_slice(tail);
    let mut words = words.iter();

    let mask = u64::MAX >> (64 - width);
    // The lowest `fill` bits of `pending` are read but not yet unpacked, the rest are zero.
    let mut pending = 0_u64;
    let mut fill = 0;
    let mut all_reduced = true;
    for place in &mut *out {
        let value;
        if fill >= width {
            value = pending & mask;
            pending >>= width;
            fill -= width;
        } else {
            let word = u64::from_le_bytes(*words.next().unwrap_or(&last));
            value = (pending | word << fill) & mask;
            let used = width - fill;
            pending = shift_right(word, used);
            fill = 64 - used;
        }
        all_reduced &= value < modulus;
        *place = narrow(value);
    }
    if !all_reduced {
        let too_big = |&value: &T| value.into() >= modulus;
        let index = out.iter().position(too_big).unwrap_or(0);
        return Err(BitsError::NotReduced { index, modulus });
    }
    // The length is exact, so every byte has been read and what remains is padding.
    if pending != 0 {
        return Err(BitsError::Padding);
    }
    Ok(())
}

/// `value >> bits` for 0 <= bits <= 64.
fn shift_right(value: u64, bits: u32) -> u64 {
    value.checked_shr(bits).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;

    use super::*;

    fn packed(values: &[u64], width: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        pack_u64(values, width, &mut bytes).unwrap();
        bytes
    }

    /// The definition at the head of the file, bit by bit.
    fn packed_by_definition(values: &[u64], width: u32) -> Vec<u8> {
        let width = width as usize;
        let mut bytes = vec![0; (values.len() * width).div_ceil(8)];
        for (i, value) in values.iter().enumerate() {
            for bit in 0..width {
                let j = i * width + bit;
                bytes[j / 8] |= ((value >> bit & 1) as u8) << (j % 8);
            }
        }
        bytes
    }

    /// A width, a modulus whose residues it holds, and residues.
    fn residues() -> impl Strategy<Value = (u32, u64, Vec<u64>)> {
        (1_u32..=64)
            .prop_flat_map(|width| (Just(width), 1..=u64::MAX >> (64 - width)))
            .prop_flat_map(|(width, modulus)| {
                let values = prop::collection::vec(0..modulus, 0..80);
                (Just(width), Just(modulus), values)
            })
    }

    proptest! {
        #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(1), ..Default::default() })]

        #[test]
        fn round_trip_64((width, modulus, values) in residues()) {
            let bytes = packed(&values, width);
            prop_assert_eq!(&bytes, &packed_by_definition(&values, width));
            prop_assert_eq!(bytes.len(), packed_len(values.len(), width).unwrap());
            let mut out = vec![0; values.len()];
            unpack_u64(&bytes, width, modulus, &mut out).unwrap();
            prop_assert_eq!(out, values);
        }

        #[test]
        fn round_trip_32((width, modulus, values) in residues()) {
            prop_assume!(width <= 32);
            let modulus = modulus as u32;
            let short: Vec<u32> = values.iter().map(|&v| v as u32).collect();
            let mut bytes = vec![0xEE];
            pack_u32(&short, width, &mut bytes).unwrap();
            prop_assert_eq!(bytes[0], 0xEE, "bytes already there are kept");
            prop_assert_eq!(&bytes[1..], packed(&values, width));
            let mut out = vec![0; values.len()];
            unpack_u32(&bytes[1..], width, modulus, &mut out).unwrap();
            prop_assert_eq!(out, short);
        }

        #[test]
        fn other_lengths_are_refused((width, modulus, values) in residues(), delta in 1_usize..20) {
            let mut bytes = packed(&values, width);
            let expected = bytes.len();
            let mut out = vec![0; values.len()];
            for found in [expected + delta, expected.saturating_sub(delta)] {
                prop_assume!(found != expected);
                bytes.resize(found, 0);
                let error = unpack_u64(&bytes, width, modulus, &mut out).unwrap_err();
                prop_assert_eq!(error, BitsError::Length { expected, found });
            }
        }

        #[test]
        fn first_value_not_reduced_is_named(
            (width, modulus, mut values) in residues(),
            at: prop::sample::Index,
        ) {
            prop_assume!(!values.is_empty());
            let index = at.index(values.len());
            values[index..].fill(modulus);
            let mut out = vec![0; values.len()];
            let error = unpack_u64(&packed(&values, width), width, modulus, &mut out).unwrap_err();
            prop_assert_eq!(error, BitsError::NotReduced { index, modulus });
        }

        #[test]
        fn any_padding_bit_is_refused((width, modulus, values) in residues(), extra in 0_usize..7) {
            let mut bytes = packed(&values, width);
            let bit = values.len() * width as usize + extra;
            prop_assume!(bit < 8 * bytes.len());
            bytes[bit / 8] |= 1 << (bit % 8);
            let mut out = vec![0; values.len()];
            let error = unpack_u64(&bytes, width, modulus, &mut out).unwrap_err();
            prop_assert_eq!(error, BitsError::Padding);
        }

        #[test]
        fn first_value_too_wide_is_named(
            (width, _, mut values) in residues(),
            at: prop::sample::Index,
        ) {
            prop_assume!(width < 64 && !values.is_empty());
            let index = at.index(values.len());
            values[index..].fill(1 << width);
            let mut out = vec![1, 2, 3];
            let error = pack_u64(&values, width, &mut out).unwrap_err();
            prop_assert_eq!(error, BitsError::TooWide { index, width });
            prop_assert_eq!(out, [1, 2, 3]);
        }
    }

    #[test]
    fn known_bytes() {
        assert_eq!(packed(&[1, 2, 3], 4), [0x21, 0x03]);
        assert_eq!(packed(&[0x1FF, 0, 0x155], 9), [0xFF, 0x01, 0x54, 0x05]);
        assert_eq!(packed(&[u64::MAX - 1], 64), [0xFE, 255, 255, 255, 255, 255, 255, 255]);
    }

    #[test]
    fn impossible_widths_are_refused() {
        for width in [0, 33, 64, 65, u32::MAX] {
            let error = BitsError::Width { width, most: 32 };
            assert_eq!(pack_u32(&[], width, &mut Vec::new()), Err(error.clone()));
            assert_eq!(unpack_u32(&[], width, 1, &mut []), Err(error));
        }
        for width in [0, 65, u32::MAX] {
            let error = BitsError::Width { width, most: 64 };
            assert_eq!(pack_u64(&[], width, &mut Vec::new()), Err(error.clone()));
            assert_eq!(unpack_u64(&[], width, 1, &mut []), Err(error.clone()));
            assert_eq!(packed_len(1, width), Err(error));
        }
    }

    #[test]
    fn impossible_lengths_are_refused() {
        let count = usize::MAX;
        assert_eq!(packed_len(count, 8), Ok(usize::MAX));
        assert_eq!(packed_len(count, 9), Err(BitsError::TooLong { count, width: 9 }));
        assert_eq!(packed_len(0, 9), Ok(0));
    }
}
