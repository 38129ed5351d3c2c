//! Hexadecimal digits, as which digests are written.

/// Bytes as lower-case digits.
#[must_use]
pub(crate) fn encode(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes of a digest, if there are as many digits as that has.
pub(crate) fn decode(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    // Parsing alone would take a sign for a digit.
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        let digits = std::str::from_utf8(digits).ok()?;
        *byte = u8::from_str_radix(digits, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_read_as_they_are_written() {
        let digest = std::array::from_fn(|i| (i * 7) as u8);
        assert_eq!(decode(&encode(&digest)), Some(digest));
        assert_eq!(decode(&encode(&digest).to_uppercase()), Some(digest));
        for wrong in ["", "ab", &"0".repeat(63), &"+1".repeat(32), &"g0".repeat(32)] {
            assert_eq!(decode(wrong), None, "{wrong}");
        }
    }
}
