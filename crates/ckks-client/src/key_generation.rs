//! Generation of one evaluation key.

use core::ops::Range;

use blindsight_ckks::evaluation_key::{SeededKey, uniform_limb};
use blindsight_ckks::keys::{KeyKind, KeySpec};
use blindsight_ckks::parameters::Parameters;
use blindsight_ring::arith::product_mod;
use blindsight_ring::poly::scale_limb;
use blindsight_ring::sampling::Seed;
use blindsight_ring::{Basis, GaloisElement, Limb, Poly};
use zeroize::Zeroizing;

use crate::parallel;
use crate::sampling::{DiscreteGaussian, SecretRng};
use crate::secret::SecretKey;
use crate::secret_poly::SecretPoly;

/// Generates a key from the seed of its uniform halves and the stream of its errors. Neither may
/// ever have served another key under this secret.
///
/// For each digit `d` it is `b_d = -a_d s_to + e_d + P s_from` on the digit's limbs, and the same
/// without the last term on all others: see [`blindsight_ckks::keys`].
///
/// # Panics
/// If the secret key or the key's description belongs to another parameter set.
pub(crate) fn generate_seeded_key(
    set: &Parameters,
    secret: &SecretKey,
    spec: &KeySpec,
    seed: Seed,
    errors: &mut SecretRng,
) -> SeededKey {
    secret.assert_belongs_to(set);
    let basis = spec.basis(set);
    let digits = &spec.layout().digits;
    let errors = (0..digits.len()).map(|_| error(errors, set.degree()));
    let job = Job {
        digits,
        switched: Switched::new(spec.kind(), secret, set.degree()),
        special: set.special(spec.layout().special),
        basis: &basis,
        seed: &seed,
        errors: errors.collect(),
    };
    let mut columns: Vec<_> = parallel::map(basis.len(), |limb| job.limb_of_rows(limb))
        .into_iter()
        .map(Vec::into_iter)
        .collect();
    let rows = digits.iter().map(|_| {
        let limbs = columns.iter_mut().filter_map(Iterator::next);
        Poly::from_limbs(&basis, limbs.collect())
    });
    let rows = rows.collect();
    SeededKey { spec: spec.clone(), seed, rows }
}

/// What a key switches from, and what to.
struct Switched<'a> {
    from: Source<'a>,
    to: Zeroizing<Vec<i8>>,
}

enum Source<'a> {
    Secret(&'a [i8]),
    Square(&'a [i8]),
}

impl<'a> Switched<'a> {
    fn new(kind: KeyKind, secret: &'a SecretKey, degree: usize) -> Self {
        let (dense, sparse) = (secret.dense(), secret.sparse());
        let preimage = |element: GaloisElement| {
            let inverse = element.inverse(degree);
            Zeroizing::new(inverse.apply_to_coefficients(dense))
        };
        let copy = |secret: &[i8]| Zeroizing::new(secret.to_vec());
        let (from, to) = match kind {
            KeyKind::Relinearisation => (Source::Square(dense), copy(dense)),
            KeyKind::Automorphism(element) => (Source::Secret(dense), preimage(element)),
            KeyKind::DenseToSparse => (Source::Secret(dense), copy(sparse)),
            KeyKind::SparseToDense(element) => (Source::Secret(sparse), preimage(element)),
        };
        Self { from, to }
    }
}

/// All that the limbs of a key are computed from, each on its own.
struct Job<'a> {
    digits: &'a [Range<usize>],
    switched: Switched<'a>,
    special: Basis,
    basis: &'a Basis,
    seed: &'a Seed,
    /// One polynomial for each digit.
    errors: Vec<Zeroizing<Vec<i32>>>,
}

impl Job<'_> {
    /// One limb of every row.
    fn limb_of_rows(&self, limb: usize) -> Vec<Limb> {
        let prime = &self.basis.primes()[limb];
        let basis = Basis::new(vec![prime.clone()]);
        let to = SecretPoly::montgomery(&basis, &self.switched.to);
        let lifted = self.lifted(&basis);
        let rows = self.errors.iter().zip(self.digits).enumerate();
        let rows = rows.map(|(digit, (error, range))| {
            let a = uniform_limb(prime, self.seed, digit, limb);
            let a = Poly::from_limbs(&basis, vec![a]);
            let product = SecretPoly::new(a.multiply(&to));
            let mut b = Poly::from_signed(&basis, error).into_ntt();
            b.sub_assign(&product);
            // Digits are ranges of chain limbs: none contains the limb of a special prime.
            if range.contains(&limb) {
                b.add_assign(&lifted);
            }
            b.into_limbs()
        });
        rows.flatten().collect()
    }

    /// `P s_from` modulo the one prime of `basis`.
    fn lifted(&self, basis: &Basis) -> SecretPoly {
        let mut from = match self.switched.from {
            Source::Secret(secret) => SecretPoly::from_signed(basis, secret),
            Source::Square(secret) => {
                let plain = SecretPoly::from_signed(basis, secret);
                SecretPoly::new(plain.multiply(&SecretPoly::montgomery(basis, secret)))
            }
        };
        let prime = &basis.primes()[0];
        let specials = self.special.primes().iter().map(|p| p.value());
        let factor = prime.to_montgomery(product_mod(specials, prime.value()));
        scale_limb(prime, &mut from.limbs_mut()[0], factor);
        from
    }
}

fn error(rng: &mut SecretRng, degree: usize) -> Zeroizing<Vec<i32>> {
    let mut error = Zeroizing::new(vec![0; degree]);
    DiscreteGaussian.fill(rng, &mut error);
    error
}

#[cfg(test)]
mod tests {
    use blindsight_ckks::evaluation_key::uniform;

    use super::*;

    fn generate_key(
        set: &Parameters,
        secret: &SecretKey,
        spec: &KeySpec,
        rng: &mut SecretRng,
    ) -> SeededKey {
        let seed = rng.next_seed();
        generate_seeded_key(set, secret, spec, seed, rng)
    }
    use crate::testing::{centred, keys, moments, rng, secret, set};

    /// The image of the secret that the key says it switches to, as the automorphism defines it:
    /// what becomes `s` under `X -> X^g`.
    fn secrets_of(kind: KeyKind) -> (Vec<i64>, Vec<i8>) {
        let degree = set().degree();
        let (s, sparse) = (secret().dense(), secret().sparse());
        let preimage = |element: GaloisElement| {
            let image: Vec<i8> = (0..degree)
                .map(|i| {
                    let exponent = i * element.exponent() as usize % (2 * degree);
                    if exponent < degree { s[exponent] } else { -s[exponent - degree] }
                })
                .collect();
            assert_eq!(element.apply_to_coefficients(&image), s);
            image
        };
        let wide = |s: &[i8]| s.iter().map(|&c| i64::from(c)).collect();
        match kind {
            KeyKind::Relinearisation => (square(s), s.to_vec()),
            KeyKind::Automorphism(element) => (wide(s), preimage(element)),
            KeyKind::DenseToSparse => (wide(s), sparse.to_vec()),
            KeyKind::SparseToDense(element) => (wide(sparse), preimage(element)),
        }
    }

    /// The square of a ternary polynomial, whose coefficients are far below the base prime.
    fn square(s: &[i8]) -> Vec<i64> {
        let basis = set().modulus(1);
        let plain = Poly::from_signed(&basis, s).into_ntt();
        let product = plain.multiply(&plain.clone().into_montgomery());
        centred(&product.into_coefficients(), 0)
    }

    /// `b_d + a_d s_to - P s_from` is the same small error on every limb, where the last term is
    /// there only on the limbs of the digit.
    fn check_rows(key: &SeededKey, spec: &KeySpec) {
        let basis = spec.basis(set());
        let special = set().special(spec.layout().special);
        let (from, to) = secrets_of(spec.kind());
        let to = Poly::from_signed(&basis, &to).into_ntt().into_montgomery();
        assert_eq!(key.rows.len(), spec.layout().digits.len());
        for (digit, range) in spec.layout().digits.iter().enumerate() {
            let mut phase = key.rows[digit].clone();
            phase.add_assign(&uniform(&basis, &key.seed, digit).multiply(&to));
            let phase = phase.into_coefficients();
            let mut first: Option<Vec<i64>> = None;
            for (limb, prime) in basis.primes().iter().enumerate() {
                let mut coefficients = centred(&phase, limb);
                if range.contains(&limb) {
                    let q = prime.value();
                    let p = product_mod(special.primes().iter().map(|p| p.value()), q);
                    for (c, from) in coefficients.iter_mut().zip(&from) {
                        let message = i128::from(p) * i128::from(*from);
                        let error = prime.reduce(i128::from(*c) - message) as i64;
                        *c = if error > q as i64 / 2 { error - q as i64 } else { error };
                    }
                }
                assert!(coefficients.iter().all(|e| e.abs() <= 29), "limb {limb}");
                assert_eq!(*first.get_or_insert_with(|| coefficients.clone()), coefficients);
            }
            let (mean, deviation) = moments(first.unwrap().iter().map(|&e| e as f64));
            assert!(mean.abs() < 0.089, "mean {mean}");
            assert!((deviation - 3.19).abs() < 0.063, "deviation {deviation}");
        }
    }

    #[test]
    fn every_key_hides_what_it_should() {
        let mut rng = rng(14);
        let mut kinds = [false; 4];
        for spec in keys().specs() {
            let key = generate_key(set(), secret(), spec, &mut rng);
            assert_eq!(&key.spec, spec);
            check_rows(&key, spec);
            kinds[match spec.kind() {
                KeyKind::Relinearisation => 0,
                KeyKind::Automorphism(_) => 1,
                KeyKind::DenseToSparse => 2,
                KeyKind::SparseToDense(_) => 3,
            }] = true;
        }
        assert_eq!(kinds, [true; 4], "a kind of key is not tested");
    }

    #[test]
    fn digits_and_keys_have_errors_of_their_own() {
        let mut specs = keys().specs().iter();
        let spec = specs.find(|spec| spec.layout().digits.len() == 2).unwrap();
        let mut rng = rng(15);
        let [a, b] = [(); 2].map(|()| generate_key(set(), secret(), spec, &mut rng));
        assert_ne!(a.seed, b.seed);
        let basis = spec.basis(set());
        let (_, to) = secrets_of(spec.kind());
        let to = Poly::from_signed(&basis, &to).into_ntt().into_montgomery();
        let special_limb = basis.len() - 1;
        let error = |key: &SeededKey, digit: usize| {
            let mut phase = key.rows[digit].clone();
            phase.add_assign(&uniform(&basis, &key.seed, digit).multiply(&to));
            centred(&phase.into_coefficients(), special_limb)
        };
        let errors = [error(&a, 0), error(&a, 1), error(&b, 0)];
        assert_ne!(errors[0], errors[1]);
        assert_ne!(errors[0], errors[2]);
    }
}
