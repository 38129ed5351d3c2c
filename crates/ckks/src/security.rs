//! The security table: the largest modulus under which anything may be published.
//!
//! Figures are the lattice-estimator's (commit 27a581b of 2026-06-06, reduction cost MATZOV, which is
//! classical; error of standard deviation 3.19, unlimited samples; the smallest of primal uSVP, primal
//! BDD and dual hybrid). They are a little stricter than the homomorphic encryption standard's table.
//! A modulus here is that of the largest published object: for evaluation keys, chain times special
//! primes. What has been estimated how: docs/security.md, docs/security/.

use thiserror::Error;

/// The security every published object must have, in bits.
pub const TARGET_BITS: f64 = 128.0;

/// Part of the largest modulus for a uniform ternary secret, in bits, that no object may use: an
/// attack that gains a few bits then costs no set its place.
pub const TERNARY_MARGIN: f64 = 0.05;

/// Extra bits demanded of sparse secrets: rotations of the secret in a meet-in-the-middle attack
/// (ePrint 2026/279) are reported to cost 6 to 13 bits less than the estimator says.
pub const SPARSE_MARGIN_BITS: f64 = 14.0;

/// A modulus too large for its ring and secret.
#[derive(Debug, Error, Clone, Copy, PartialEq)]
#[error(
    "log2 of the modulus is {actual:.1}, but {TARGET_BITS} bits of security, with the margin \
     demanded, allow {limit:.1}"
)]
pub struct Insecure {
    /// `log2` of the modulus asked for.
    pub actual: f64,
    /// The largest allowed `log2`.
    pub limit: f64,
}

/// `(log2 N, largest log2 q)` for a uniform ternary secret, without margin.
const TERNARY: [(u32, f64); 6] =
    [(11, 53.0), (12, 106.0), (13, 214.0), (14, 430.0), (15, 868.0), (16, 1747.0)];

/// `(Hamming weight, log2 q, bits)` for a sparse ternary secret at `N = 2^15` against the primal
/// hybrid with meet in the middle.
const SPARSE_2_15: [(usize, f64, f64); 6] = [
    (24, 76.0, 130.3),
    (26, 76.0, 137.3),
    (28, 76.0, 144.0),
    (32, 85.0, 154.1),
    (32, 100.0, 149.7),
    (32, 110.0, 146.9),
];

/// `(Hamming weight, bits)` for the same secrets against Meet-LWE, which needs no lattice and gains
/// nothing from a larger modulus: our own count, docs/security/meet_lwe.py.
const SPARSE_MEET_LWE_2_15: [(usize, f64); 4] =
    [(24, 124.9), (26, 133.7), (28, 142.5), (32, 159.6)];

/// The largest `log2` of a modulus for a uniform ternary secret in the ring of degree
/// `2^log_degree`, the margin taken off; zero where the table has no entry.
#[must_use]
pub fn ternary_limit(log_degree: u32) -> f64 {
    (1.0 - TERNARY_MARGIN) * ternary_edge(log_degree)
}

/// The largest `log2` of a modulus that is estimated to give [`TARGET_BITS`], without margin; zero
/// where the table has no entry. Nothing may be published there.
#[must_use]
pub fn ternary_edge(log_degree: u32) -> f64 {
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
/// table with no more weight and no smaller a modulus must reach the target with the margin, and
/// so must the weight by itself, against attacks that need no lattice.
///
/// # Errors
/// When no entry covers the modulus.
pub fn check_sparse(log_degree: u32, weight: usize, log2_modulus: f64) -> Result<(), Insecure> {
    let enough = |bits: f64| bits >= TARGET_BITS + SPARSE_MARGIN_BITS;
    let heavy_enough = SPARSE_MEET_LWE_2_15.iter().any(|(h, bits)| *h <= weight && enough(*bits));
    let covered = SPARSE_2_15
        .iter()
        .filter(|(h, _, bits)| log_degree == 15 && heavy_enough && *h <= weight && enough(*bits));
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
        assert!(check_ternary(15, 824.5).is_ok());
        assert!(check_ternary(11, 50.3).is_ok());
        assert!(check_ternary(10, 10.0).is_err());
        assert!(check_sparse(15, 28, 76.0).is_ok());
        assert!(check_sparse(15, 28, 76.1).is_err());
        assert!(check_sparse(15, 26, 76.0).is_err(), "137 bits leave no margin");
        assert!(check_sparse(15, 32, 110.0).is_ok());
        assert!(check_sparse(14, 32, 30.0).is_err());
    }

    #[test]
    fn the_last_twentieth_of_the_modulus_is_refused() {
        for (log_degree, edge) in TERNARY {
            for modulus in [0.9501 * edge, 0.99 * edge, edge] {
                let refused = check_ternary(log_degree, modulus).unwrap_err();
                assert_eq!(refused.limit, ternary_limit(log_degree));
                assert!(refused.to_string().contains("margin"), "{refused}");
            }
            assert!(check_ternary(log_degree, 0.9499 * edge).is_ok());
        }
    }

    /// A smaller modulus is no margin: what is too light stays so under any.
    #[test]
    fn a_light_secret_is_refused_under_every_modulus() {
        for modulus in [76.0, 56.5, 20.0, 0.1] {
            for weight in [1, 16, 24, 26, 27] {
                assert!(check_sparse(15, weight, modulus).is_err(), "{weight} {modulus}");
            }
            assert!(check_sparse(15, 28, modulus).is_ok());
        }
    }
}
