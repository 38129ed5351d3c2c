//! Clients with all keys, and numbers to encrypt.

use std::sync::LazyLock;

use blindsight_ckks::ciphertext::Ciphertext;
use blindsight_ckks::encoding::Complex64;
use blindsight_ckks::evaluation_key::EvaluationKey;
use blindsight_ckks::keys::{KeyKind, KeyList, KeySpec};
use blindsight_ckks::parameters::Parameters;
use blindsight_ckks_client::{
    ClientSeed, KeyFamily, SecretRng, decrypt, decrypt_coefficients, encrypt,
};
use blindsight_ckks_eval::{
    BootstrapParameters, Bootstrapper, Context, Evaluator, KeySet, KeyUses,
};
use blindsight_ring::GaloisElement;

use crate::rings::{self, Shape};

/// A client's secret with what the evaluator knows of it.
pub(crate) struct Fixture {
    pub(crate) parameters: BootstrapParameters,
    pub(crate) context: Context,
    pub(crate) bootstrapper: Bootstrapper,
    pub(crate) list: KeyList,
    pub(crate) keys: KeySet,
    family: KeyFamily,
}

/// A client in a small ring of 1024 slots, with the keys of a bootstrap and of the rotations that
/// tests use. What does not need the size of the real ring is tested here.
pub(crate) fn small() -> &'static Fixture {
    static FIXTURE: LazyLock<Fixture> = LazyLock::new(|| {
        let parameters = Shape::two_groups(11).parameters();
        let levels = parameters.levels();
        let degree = parameters.set().degree();
        let mut uses = KeyUses::default();
        let rotations = [
            (levels.linear, &[1, 2, 16, 32, 48, 512, -544][..]),
            (levels.slots_to_coefficients, &[1, 16]),
            (levels.slots_to_coefficients - 1, &[128, -100]),
            (levels.chebyshev, &[1, 8]),
            (levels.top, &[-1]),
        ];
        for (level, steps) in rotations {
            for &steps in steps {
                uses.add(KeyKind::Automorphism(GaloisElement::rotation(steps, degree)), level);
            }
        }
        Fixture::new(parameters, uses)
    });
    &FIXTURE
}

/// A client in the real ring, with the keys of a bootstrap.
pub(crate) fn real() -> &'static Fixture {
    static FIXTURE: LazyLock<Fixture> =
        LazyLock::new(|| Fixture::new(rings::real(), KeyUses::default()));
    &FIXTURE
}

impl Fixture {
    /// A client with the keys of the bootstrap and of other uses.
    pub(crate) fn new(parameters: BootstrapParameters, mut uses: KeyUses) -> Self {
        let set = parameters.set().clone();
        parameters.add_uses(&mut uses).unwrap();
        let list = uses.list(&set, parameters.key_levels()).unwrap();
        let family = KeyFamily::new(&set, &ClientSeed::generate(&mut rng(1)));
        let keys = keys(&set, &family, list.specs());
        let context = Context::new(set);
        let bootstrapper = Bootstrapper::new(&context, &parameters).unwrap();
        Self { parameters, context, bootstrapper, list, keys, family }
    }

    pub(crate) fn set(&self) -> &Parameters {
        self.context.set()
    }

    pub(crate) fn evaluator(&self) -> Evaluator<'_> {
        Evaluator { context: &self.context, keys: &self.keys }
    }

    pub(crate) fn rotation(&self, steps: i64) -> GaloisElement {
        GaloisElement::rotation(steps, self.set().degree())
    }

    /// The key that a switch at a level uses, by its definition: the nearest from above.
    pub(crate) fn key_for(&self, kind: KeyKind, level: usize) -> &KeySpec {
        let fits = |spec: &&KeySpec| spec.kind() == kind && spec.level() >= level;
        self.list.specs().iter().filter(fits).min_by_key(|spec| spec.level()).unwrap()
    }

    pub(crate) fn make_key(&self, spec: &KeySpec) -> EvaluationKey {
        EvaluationKey::expand(self.set(), self.family.evaluation_key(self.set(), spec))
    }

    /// The client's keys except those for which `left_out` holds.
    pub(crate) fn keys_without(&self, left_out: impl Fn(&KeySpec) -> bool) -> KeySet {
        let specs = self.list.specs().iter().filter(|spec| !left_out(spec));
        keys(self.set(), &self.family, specs)
    }

    pub(crate) fn encrypt(
        &self,
        slots: &[Complex64],
        scale: f64,
        level: usize,
        seed: u8,
    ) -> Ciphertext {
        let secret = self.family.secret();
        let fresh = encrypt(self.set(), secret, slots, scale, level, &mut rng(seed));
        fresh.unwrap().expand()
    }

    pub(crate) fn decrypt(&self, c: &Ciphertext) -> Vec<Complex64> {
        decrypt(self.set(), self.family.secret(), c).to_vec()
    }

    pub(crate) fn coefficients(&self, c: &Ciphertext) -> Vec<f64> {
        decrypt_coefficients(self.set(), self.family.secret(), c).to_vec()
    }
}

fn keys<'a>(
    set: &Parameters,
    family: &KeyFamily,
    specs: impl IntoIterator<Item = &'a KeySpec>,
) -> KeySet {
    let mut keys = KeySet::default();
    for spec in specs {
        keys.insert(EvaluationKey::expand(set, family.evaluation_key(set, spec)));
    }
    keys
}

pub(crate) fn rng(seed: u8) -> SecretRng {
    SecretRng::from_key(&[seed; 32])
}

/// Numbers between -1 and 1.
pub(crate) fn reals(count: usize, seed: u8) -> Vec<f64> {
    let mut rng = rng(seed);
    (0..count).map(|_| (rng.next_u64() >> 11) as f64 / (1_u64 << 52) as f64 - 1.0).collect()
}

/// Complex numbers with both parts between -1 and 1.
pub(crate) fn complexes(count: usize, seed: u8) -> Vec<Complex64> {
    reals(2 * count, seed).chunks_exact(2).map(|z| Complex64::new(z[0], z[1])).collect()
}

pub(crate) fn as_complex(values: &[f64]) -> Vec<Complex64> {
    values.iter().map(|&x| Complex64::new(x, 0.0)).collect()
}

/// `values` rotated to the left, as a rotation of the slots does.
pub(crate) fn rotated(values: &[Complex64], steps: i64) -> Vec<Complex64> {
    let count = values.len() as i64;
    (0..count).map(|i| values[(i + steps).rem_euclid(count) as usize]).collect()
}
