//! What may be published under TFHE's secrets.
//!
//! With a modulus of `2^64` throughout, security grows with the dimension and with the errors. So the
//! table has, for each binary secret, the smallest error that is allowed. How it was estimated:
//! docs/exact.md.

/// `(dimension of a binary secret, log2 of the bound of its errors)`: errors are uniform between
/// minus and plus this bound ([`crate::sampling::bounded_uniform`]), modulo `2^64`.
const BINARY: [(usize, u32); 2] = [(918, 45), (2048, 17)];

/// The least `log2` of the bound of errors under a binary secret of this dimension: that of the
/// largest entry that is no larger, and none where there is no such entry.
#[must_use]
pub fn least_log2_error(dimension: usize) -> Option<u32> {
    let covered = BINARY.iter().filter(|(entry, _)| *entry <= dimension);
    covered.map(|(_, log2_error)| *log2_error).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn larger_dimensions_allow_smaller_errors() {
        let dimensions = [917, 918, 2047, 2048, 4096];
        let expected = [None, Some(45), Some(45), Some(17), Some(17)];
        assert_eq!(dimensions.map(least_log2_error), expected);
    }
}
