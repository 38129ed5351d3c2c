//! Unsigned integers of 256 bits: what several residues compose to.

/// Words of 64 bits.
const WORDS: usize = 4;

/// An integer below `2^256`, lowest word first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wide([u64; WORDS]);

impl Wide {
    pub(super) const ZERO: Self = Self([0; WORDS]);
    pub(super) const ONE: Self = Self([1, 0, 0, 0]);

    /// `self * factor + term`, which must stay below `2^256`.
    pub(super) fn multiply_add(self, factor: u64, term: u64) -> Self {
        let mut carry = term;
        let words = self.0.map(|word| {
            let product = u128::from(word) * u128::from(factor) + u128::from(carry);
            carry = (product >> 64) as u64;
            product as u64
        });
        debug_assert!(carry == 0, "beyond 256 bits");
        Self(words)
    }

    /// `self - less`, and whether that is negative: it has then wrapped.
    pub(super) fn minus(self, less: Self) -> (Self, bool) {
        let mut words = [0; WORDS];
        let mut borrow = false;
        for ((to, x), y) in words.iter_mut().zip(self.0).zip(less.0) {
            (*to, borrow) = x.borrowing_sub(y, borrow);
        }
        (Self(words), borrow)
    }

    /// The nearest floating point number; the even one of two.
    pub(super) fn to_f64(self) -> f64 {
        let top = self.0.iter().rposition(|&word| word != 0).unwrap_or(0).max(1);
        // Of what lies below the two highest words, only whether it is zero can decide a rounding.
        let below = u128::from(self.0[..top - 1].iter().any(|&word| word != 0));
        let high = u128::from(self.0[top]) << 64 | u128::from(self.0[top - 1]) | below;
        high as f64 * 2_f64.powi(64 * (top as i32 - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn power(bits: u32) -> Wide {
        let mut words = [0; WORDS];
        words[bits as usize / 64] = 1 << (bits % 64);
        Wide(words)
    }

    #[test]
    fn carries_reach_the_highest_word() {
        let largest = (0..WORDS).fold(Wide::ZERO, |sum, _| {
            let shifted = sum.multiply_add(1 << 63, 0).multiply_add(2, 0);
            shifted.multiply_add(1, u64::MAX)
        });
        assert_eq!(largest, Wide([u64::MAX; WORDS]));
        assert_eq!(power(192).minus(power(0)), (Wide([u64::MAX, u64::MAX, u64::MAX, 0]), false));
        assert!(power(0).minus(power(192)).1);
        assert_eq!(power(100).minus(power(100)), (Wide::ZERO, false));
    }

    #[test]
    fn the_nearest_number_is_taken() {
        assert_eq!(Wide::ZERO.to_f64(), 0.0);
        for bits in [0, 52, 63, 64, 100, 127, 128, 191, 192, 255] {
            assert_eq!(power(bits).to_f64(), 2_f64.powi(bits as i32));
        }
        // Half way between two numbers, and just above.
        let half_way = power(200).minus(power(0)).0.multiply_add(1, 1);
        assert_eq!(half_way.to_f64(), 2_f64.powi(200));
        let mut between = power(200);
        between.0[2] |= 1 << (200 - 53 - 128);
        assert_eq!(between.to_f64(), 2_f64.powi(200), "the even one");
        between.0[0] = 1;
        assert_eq!(between.to_f64(), 2_f64.powi(200) + 2_f64.powi(148));
    }
}
