//! The security table: the largest modulus under which anything may be published.
//!
//! Figures are the lattice-estimator's (commit 27a581b of 2026-06-06, classical cost, error of
//! standard deviation 3.19, unlimited samples; the smallest of primal uSVP, primal BDD and dual
//! hybrid). They are a little stricter than the homomorphic encryption standard's table. A modulus
//! here is that of the largest published object: for evaluation keys, chain times special primes.

use thiserror::Error;

/// The security every published object must have, in bits.
pub const TARGET_BITS: f64 = 128.0;

/// Extra bits demanded of sparse secrets: rotations of the secret in a meet-in-the-middle attack
/// (ePrint 2026/279) cost 6 to 13 bits less than the estimator says.
pub const SPARSE_MARGIN_BITS: f64 = 14.0;

/// A modulus too large for its ring and secret.
#[derive(Debug, Error, Clone, Copy, PartialEq)]
#[error("log2 of the modulus is {actual:.1}, but {TARGET_BITS} bits of security allow {limit:.1}")]
pub struct Insecure {
    /// `log2` of the modulus asked for.
    pub actual: f64,
    /// The largest allowed `log2`.
    pub limit: f64,
}

/// `(log2 N, largest log2 q)` for a uniform ternary secret.
const TERNARY: [(u32, f64); 5] = [(12, 106.0), (13, 214.0), (14, 430.0), (15, 868.0), (16, 1747.0)];

/// `(Hamming weight, log2 q, estimated bits)` for a sparse ternary secret at `N = 2^15`.
const SPARSE_2_15: [(usize, f64, f64); 6] = [
    (24, 76.0, 130.3),
    (26, 76.0, 137.3),
    (28, 76.0, 144.0),
    (32, 85.0, 154.1),
    (32, 100.0, 149.7),
    (32, 110.0, 146.9),
];

/// The largest `log2` of a modulus for a uniform ternary secret in the ring of degree
/// `2^log_degree`; zero where the table has no entry.
#[must_use]
pub fn ternary_limit(log_degree: u32) -> f64 {
    TERNARY.iter().find(|(n, _)| *n == log_degree).map_or(0.0, |(_, limit)| *limit)
}

/// Checks a modulus under a uniform ternary secret.
///
/// # Errors
/// When the modulus is above the limit, or the table has no entry for the degree.
pub fn check_ternary(log_degree: u32, log2_modulus: f64) -> Result<(), Insecure> {
    check(log2_modulus, ternary_limit(log_degree))
}

/// Checks a modulus under a sparse ternary secret of the given Hamming weight: an entry of the
/// table with no more weight and no smaller a modulus must reach the target with the margin.
///
/// # Errors
/// When no entry covers the modulus.
pub fn check_sparse(log_degree: u32, weight: usize, log2_modulus: f64) -> Result<(), Insecure> {
    let covered = SPARSE_2_15.iter().filter(|(h, _, bits)| {
        log_degree == 15 && *h <= weight && *bits >= TARGET_BITS + SPARSE_MARGIN_BITS
    });
    check(log2_modulus, covered.map(|(_, limit, _)| *limit).fold(0.0, f64::max))
}

fn check(actual: f64, limit: f64) -> Result<(), Insecure> {
    if actual <= limit { Ok(()) } else { Err(Insecure { actual, limit }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_enforced() {
        assert!(check_ternary(15, 868.0).is_ok());
        assert!(check_ternary(15, 868.1).is_err());
        assert!(check_ternary(11, 10.0).is_err());
        assert!(check_sparse(15, 28, 76.0).is_ok());
        assert!(check_sparse(15, 28, 76.1).is_err());
        assert!(check_sparse(15, 26, 76.0).is_err(), "137 bits leave no margin");
        assert!(check_sparse(15, 32, 110.0).is_ok());
        assert!(check_sparse(14, 32, 30.0).is_err());
    }
}
