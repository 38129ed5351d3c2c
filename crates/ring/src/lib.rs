//! Polynomial arithmetic in `Z[X]/(X^N + 1)` over residue number systems.
//!
//! The bottom of the house: primes and their transforms, limbs, base conversion, automorphisms,
//! and the inner loops in a portable and an AVX-512 IFMA form. Nothing here knows of ciphertexts.

pub mod arith;
pub mod automorphism;
pub mod base_conversion;
pub mod bits;
pub mod kernels;
pub mod limb;
pub mod modulus;
pub mod poly;
pub mod pool;
pub mod prime;
pub mod sampling;
pub mod subring;
mod transform;

pub use automorphism::{GaloisElement, Permutation};
pub use base_conversion::{BaseConverter, Target};
pub use limb::{Limb, Word};
pub use modulus::{MAX_PRIME_BITS, Modulus, MontgomeryResidue, NARROW_PRIME_BITS};
pub use poly::{Basis, Coefficients, Ntt, NttMontgomery, Poly};
pub use prime::{Prime, PrimeError};
pub use subring::SubringNtt;
