//! LWE ciphertexts as words: a mask, and the body last. The phase is body minus mask times secret.

/// An LWE ciphertext under `S` or `z`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lwe(pub(crate) Vec<u64>);

impl Lwe {
    /// A constant, without any mask.
    pub(crate) fn constant(dimension: usize, part: f64) -> Self {
        let mut words = vec![0; dimension + 1];
        words[dimension] = circle(part);
        Self(words)
    }

    /// Adds a small multiple of another one of the same dimension.
    pub(crate) fn add_multiple(&mut self, factor: i64, other: &Self) {
        for (to, from) in self.0.iter_mut().zip(&other.0) {
            *to = to.wrapping_add(from.wrapping_mul(factor as u64));
        }
    }

    /// The ciphertext of coefficient 0 of a ring sample.
    pub(crate) fn of_ring_sample(mask: &[u64], body: u64) -> Self {
        // Coefficient 0 of mask times S is a_0 S_0 minus all a_(n - j) S_j.
        let turned = mask.iter().skip(1).rev().map(|a| a.wrapping_neg());
        Self(mask.iter().take(1).copied().chain(turned).chain([body]).collect())
    }

    /// The words of the mask.
    #[must_use]
    pub fn mask(&self) -> &[u64] {
        &self.0[..self.0.len() - 1]
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> u64 {
        self.0[self.0.len() - 1]
    }
}

/// A part of the circle as a word.
pub(crate) fn circle(part: f64) -> u64 {
    // Exact: the fraction has 53 bits, 2^64 is a power of two, and 1.0 itself does not come out.
    (part.rem_euclid(1.0) * 18_446_744_073_709_551_616.0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_go_around() {
        assert_eq!(circle(0.25), 1 << 62);
        assert_eq!(circle(-0.25), 3 << 62);
        assert_eq!(circle(1.5), 1 << 63);
        assert_eq!(circle(-1e-30), u64::MAX, "just below once around");
    }

    #[test]
    fn coefficient_zero_of_a_product() {
        // (5 + 7X) (1 + X) mod X^2 + 1 has coefficient 0 = 5 - 7.
        let lwe = Lwe::of_ring_sample(&[5, 7], 100);
        assert_eq!(lwe.mask(), [5, 7_u64.wrapping_neg()]);
        assert_eq!(lwe.body(), 100);
    }
}
