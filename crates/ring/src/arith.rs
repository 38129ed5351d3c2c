//! Scalar modular arithmetic on `u64` moduli: set-up code and tests, never a hot loop.

/// `a * b mod q`, for any `a`, `b` and any non-zero `q`.
#[must_use]
pub const fn mul_mod(a: u64, b: u64, q: u64) -> u64 {
    ((a as u128 * b as u128) % q as u128) as u64
}

/// `base^exponent mod q`.
#[must_use]
pub const fn pow_mod(base: u64, mut exponent: u64, q: u64) -> u64 {
    let mut square = base % q;
    let mut result = 1 % q;
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = mul_mod(result, square, q);
        }
        square = mul_mod(square, square, q);
        exponent >>= 1;
    }
    result
}

/// The inverse of `a` modulo the prime `q` (Fermat). `a` must not be divisible by `q`.
#[must_use]
pub const fn inv_mod_prime(a: u64, q: u64) -> u64 {
    pow_mod(a, q - 2, q)
}

/// The product of `factors` modulo `q`.
#[must_use]
pub fn product_mod(factors: impl IntoIterator<Item = u64>, q: u64) -> u64 {
    factors.into_iter().fold(1 % q, |acc, f| mul_mod(acc, f % q, q))
}

/// The residue in `[0, q)` of a signed integer.
#[must_use]
pub const fn reduce_signed(x: i128, q: u64) -> u64 {
    x.rem_euclid(q as i128) as u64
}

/// Deterministic Miller-Rabin: the first twelve primes as bases decide every 64-bit integer
/// (Sorenson and Webster 2015).
#[must_use]
pub const fn is_prime(n: u64) -> bool {
    const BASES: [u64; 12] = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37];
    if n < 2 {
        return false;
    }
    let mut i = 0;
    while i < BASES.len() {
        if n.is_multiple_of(BASES[i]) {
            return n == BASES[i];
        }
        i += 1;
    }
    let twos = (n - 1).trailing_zeros();
    let odd = (n - 1) >> twos;
    i = 0;
    while i < BASES.len() {
        if is_witness(n, BASES[i], odd, twos) {
            return false;
        }
        i += 1;
    }
    true
}

/// Whether `base` proves the odd number `n = odd * 2^twos + 1` composite.
const fn is_witness(n: u64, base: u64, odd: u64, twos: u32) -> bool {
    let mut x = pow_mod(base, odd, n);
    if x == 1 || x == n - 1 {
        return false;
    }
    let mut round = 1;
    while round < twos {
        x = mul_mod(x, x, n);
        if x == n - 1 {
            return false;
        }
        round += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn primality_agrees_with_trial_division() {
        for n in 0..5_000_u64 {
            let by_division = n >= 2 && (2..n).take_while(|d| d * d <= n).all(|d| n % d != 0);
            assert_eq!(is_prime(n), by_division, "{n}");
        }
        // A strong pseudoprime to the first nine prime bases.
        assert!(!is_prime(3_825_123_056_546_413_051));
        assert!(is_prime((1 << 61) - 1));
    }

    #[test]
    fn inverse_and_signed_residue() {
        let q = 1_125_899_904_679_937;
        for a in [1, 2, 12_345, q - 1] {
            assert_eq!(mul_mod(a, inv_mod_prime(a, q), q), 1);
        }
        assert_eq!(reduce_signed(-1, q), q - 1);
        assert_eq!(reduce_signed(-(i128::from(q)), q), 0);
        assert_eq!(product_mod([q - 1, q - 1], q), 1);
    }
}
