//! What the tests share.

use std::sync::LazyLock;

use blindsight_ckks::keys::{KeyKind, KeyLayout, KeyList, KeySpec};
use blindsight_ckks::parameters::{Literal, Parameters};
use blindsight_ring::{Coefficients, GaloisElement, Limb, Poly};

use crate::sampling::SecretRng;
use crate::secret::SecretKey;

pub(crate) fn set() -> &'static Parameters {
    static SET: LazyLock<Parameters> =
        LazyLock::new(|| Parameters::new(Literal::bootstrapped_2_15()).unwrap());
    &SET
}

/// One key of each kind, at various levels.
pub(crate) fn keys() -> &'static KeyList {
    static KEYS: LazyLock<KeyList> = LazyLock::new(|| {
        let rotation = |steps| GaloisElement::rotation(steps, set().degree());
        let balanced = |level, digits| KeyLayout::balanced(set(), level, digits).unwrap();
        let specs = [
            (KeyKind::DenseToSparse, balanced(1, 1)),
            (KeyKind::SparseToDense(rotation(512)), KeyLayout::raised(set()).unwrap()),
            (KeyKind::Relinearisation, balanced(16, 2)),
            (KeyKind::Relinearisation, balanced(6, 3)),
            (KeyKind::Automorphism(rotation(1)), balanced(3, 1)),
            (KeyKind::Automorphism(GaloisElement::conjugation(set().degree())), balanced(17, 2)),
        ];
        let specs = specs.map(|(kind, layout)| KeySpec::new(set(), kind, layout).unwrap());
        KeyList::new(specs.to_vec()).unwrap()
    });
    &KEYS
}

pub(crate) fn secret() -> &'static SecretKey {
    static SECRET: LazyLock<SecretKey> =
        LazyLock::new(|| SecretKey::generate(set(), &mut rng(0xC1)));
    &SECRET
}

pub(crate) fn rng(seed: u8) -> SecretRng {
    SecretRng::from_key(&[seed; 32])
}

/// The centred residues of one limb.
pub(crate) fn centred(poly: &Poly<Coefficients>, limb: usize) -> Vec<i64> {
    let q = poly.basis().primes()[limb].value() as i64;
    let residue = |i| Limb::get(&poly.limbs()[limb], i) as i64;
    let degree = poly.limbs()[limb].len();
    (0..degree).map(|i| if 2 * residue(i) > q { residue(i) - q } else { residue(i) }).collect()
}

/// Mean and standard deviation.
pub(crate) fn moments(samples: impl IntoIterator<Item = f64>) -> (f64, f64) {
    let (mut count, mut sum, mut squares) = (0.0, 0.0, 0.0);
    for x in samples {
        count += 1.0;
        sum += x;
        squares += x * x;
    }
    let mean = sum / count;
    (mean, (squares / count - mean * mean).sqrt())
}
