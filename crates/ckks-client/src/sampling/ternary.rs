//! Ternary secrets: coefficients -1, 0, 1.
//!
//! Neither sampler's timing nor its memory accesses depend on the coefficients it returns: only
//! on how many random words were rejected, and a rejected word leaves no trace in the result.

use zeroize::Zeroizing;

use super::SecretRng;

/// `length` independent coefficients, each -1, 0 or 1 with probability 1/3.
#[must_use]
pub fn uniform(rng: &mut SecretRng, length: usize) -> Zeroizing<Vec<i8>> {
    let mut coefficients = Zeroizing::new(vec![0; length]);
    let mut done = 0;
    while done < length {
        let mut word = rng.next_u64();
        // Two bits a coefficient: 0, 1, 2 are -1, 0, 1, and 3 is written but then overwritten.
        for _ in 0..u64::BITS / 2 {
            let Some(slot) = coefficients.get_mut(done) else {
                break;
            };
            let field = (word & 3) as i8;
            *slot = field - 1;
            done += usize::from(field != 3);
            word >>= 2;
        }
    }
    coefficients
}

/// `length` coefficients of which exactly `weight` are -1 or 1, the rest 0: uniform over all such
/// vectors.
///
/// Positions come from selection sampling (Knuth, The Art of Computer Programming, volume 2,
/// 3.4.2, algorithm S): with r nonzero coefficients still to place in m places, the next place
/// gets one with probability r/m.
///
/// # Errors
///
/// [`TernaryError::TooHeavy`] if `weight` exceeds `length`.
pub fn sparse(
    rng: &mut SecretRng,
    length: usize,
    weight: usize,
) -> Result<Zeroizing<Vec<i8>>, TernaryError> {
    if weight > length {
        return Err(TernaryError::TooHeavy { weight, length });
    }
    let mut coefficients = Zeroizing::new(vec![0; length]);
    let mut missing = weight as u64;
    for (index, slot) in coefficients.iter_mut().enumerate() {
        let (draw, sign) = below((length - index) as u64, rng);
        // draw < missing, as the borrow of a subtraction instead of a branch: both are below 2^63.
        let chosen = draw.wrapping_sub(missing) >> 63;
        missing -= chosen;
        *slot = (chosen as i8) * (1 - 2 * sign);
    }
    Ok(coefficients)
}

/// Why a ternary secret cannot be drawn.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TernaryError {
    /// More nonzero coefficients than coefficients.
    #[error("a secret of {length} coefficients cannot have {weight} nonzero ones")]
    TooHeavy {
        /// The Hamming weight asked for.
        weight: usize,
        /// The number of coefficients.
        length: usize,
    },
}

/// A number uniform in 0..bound (0 < bound < 2^63), and one more bit, from the same word.
fn below(bound: u64, rng: &mut SecretRng) -> (u64, i8) {
    let mask = u64::MAX.checked_shr((bound - 1).leading_zeros()).unwrap_or(0);
    loop {
        let word = rng.next_u64();
        let draw = word & mask;
        if draw < bound {
            return (draw, (word >> 63) as i8);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn uniform_takes_each_value_a_third_of_the_time() {
        let mut rng = SecretRng::from_key(&[3; 32]);
        let secret = uniform(&mut rng, 1 << 16);
        for value in [-1, 0, 1] {
            let share = secret.iter().filter(|&&c| c == value).count() as f64 / 65536.0;
            // Five standard deviations: 5 * sqrt(2/9 / 65536) = 0.0092.
            assert!((share - 1.0 / 3.0).abs() < 0.0092, "share of {value}: {share}");
        }
        assert!(secret.iter().all(|c| (-1..=1).contains(c)));
    }

    #[test]
    fn uniform_neighbours_are_independent() {
        let mut rng = SecretRng::from_key(&[4; 32]);
        let secret = uniform(&mut rng, 1 << 16);
        let sum: i32 = secret.windows(2).map(|w| i32::from(w[0]) * i32::from(w[1])).sum();
        // Products have variance 4/9: five standard deviations are 5 * sqrt(65536 * 4/9) = 853.
        assert!(sum.abs() < 853, "correlation sum {sum}");
    }

    #[test]
    fn any_length_is_filled() {
        let mut rng = SecretRng::from_key(&[5; 32]);
        for length in [0, 1, 31, 32, 33, 1000] {
            assert_eq!(uniform(&mut rng, length).len(), length);
        }
    }

    #[test]
    fn sparse_has_exactly_the_weight() {
        let mut rng = SecretRng::from_key(&[6; 32]);
        for (length, weight) in [(0, 0), (1, 0), (1, 1), (64, 64), (1 << 15, 28), (1000, 999)] {
            let secret = sparse(&mut rng, length, weight).unwrap();
            assert_eq!(secret.len(), length);
            assert_eq!(secret.iter().filter(|&&c| c != 0).count(), weight);
            assert!(secret.iter().all(|c| (-1..=1).contains(c)));
        }
    }

    #[test]
    fn sparse_is_uniform_over_all_vectors() {
        // Length 5, weight 2: C(5, 2) * 4 = 40 vectors, 1000 draws expected of each.
        // Chi-squared with 39 degrees of freedom: above 90 has probability 7e-6.
        let mut rng = SecretRng::from_key(&[7; 32]);
        let mut counts: HashMap<Vec<i8>, u32> = HashMap::new();
        for _ in 0..40_000 {
            let secret = sparse(&mut rng, 5, 2).unwrap();
            *counts.entry(secret.to_vec()).or_default() += 1;
        }
        assert_eq!(counts.len(), 40);
        let chi2: f64 = counts.values().map(|&c| (f64::from(c) - 1e3).powi(2) / 1e3).sum();
        assert!(chi2 < 90.0, "chi-squared {chi2}");
    }

    #[test]
    fn too_heavy_is_refused() {
        let mut rng = SecretRng::from_key(&[8; 32]);
        let error = sparse(&mut rng, 4, 5).unwrap_err();
        assert_eq!(error, TernaryError::TooHeavy { weight: 5, length: 4 });
        assert_eq!(error.to_string(), "a secret of 4 coefficients cannot have 5 nonzero ones");
    }
}
