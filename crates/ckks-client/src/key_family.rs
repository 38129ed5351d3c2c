//! All keys that follow from one seed.

mod derivation;

use blindsight_ckks::evaluation_key::SeededKey;
use blindsight_ckks::keys::KeySpec;
use blindsight_ckks::parameters::Parameters;

use crate::key_generation::generate_seeded_key;
use crate::sampling::SecretRng;
use crate::secret::SecretKey;
use crate::seed::ClientSeed;
use derivation::{Context, Derivation, Purpose};

/// Version of the way from a seed to keys. It goes into every derived stream.
///
/// It must rise with **every** change of what is drawn from the streams, in which order, or what
/// is made of it: a sampler, the shape of a key, the expansion of uniform halves. A seed lives for
/// months in a browser, across releases. If an evaluation key came out differently, but from the
/// same streams, then one secret and one error `e` would be published twice, as `b = -a s + e + m`
/// and `b' = -a' s + e + m'`. The difference holds no error, and `s` is a matter of linear algebra.
/// With a new version the streams are new as well, and both keys are as good as independent.
pub const GENERATION_VERSION: u32 = 2;

/// The secret key and the evaluation keys that follow from a [`ClientSeed`] under a parameter set.
///
/// Any evaluation key can be made by itself, in any order, on any machine, and again after an
/// interruption with the same bytes: this is what lets a pool of workers share the work, and an
/// upload go on where it broke off.
///
/// Every stream of randomness is a ChaCha20 stream of its own. Its key comes from the seed by
/// HKDF-SHA256 (RFC 5869) with an `info` that names the [`GENERATION_VERSION`], the fingerprint of
/// the parameter set, what the stream is for, and the whole description of the key: what a key is,
/// not its place in some list, decides its bytes. So the same key of two models is the same key, and
/// two different keys never share a stream. Nor do secrets, errors and public seeds: that a public
/// seed is published says nothing about the rest.
#[derive(Debug)]
pub struct KeyFamily {
    derivation: Derivation,
    secret: SecretKey,
}

impl KeyFamily {
    /// The family of a seed.
    #[must_use]
    pub fn new(set: &Parameters, seed: &ClientSeed) -> Self {
        let derivation = Derivation::new(set, seed);
        let mut dense = derivation.stream(Purpose::DenseSecret);
        let mut sparse = derivation.stream(Purpose::SparseSecret);
        let secret = SecretKey::sample(set, &mut dense, &mut sparse);
        Self { derivation, secret }
    }

    /// A name, not secret, for everything but the seed that decides what keys come out: two
    /// releases with one identity make the same keys from the same seed.
    #[must_use]
    pub fn identity(set: &Parameters) -> [u8; 32] {
        Context::new(set).digest()
    }

    /// The secret key.
    #[must_use]
    pub fn secret(&self) -> &SecretKey {
        &self.secret
    }

    /// An evaluation key.
    ///
    /// # Panics
    /// If the family or the description belongs to another parameter set.
    #[must_use]
    pub fn evaluation_key(&self, set: &Parameters, spec: &KeySpec) -> SeededKey {
        let seed = self.derivation.stream(Purpose::PublicSeed(spec)).next_seed();
        let mut errors = self.derivation.stream(Purpose::Errors(spec));
        generate_seeded_key(set, &self.secret, spec, seed, &mut errors)
    }
}

impl KeyFamily {
    /// A stream of randomness for another scheme's secrets and errors, which no other name shares
    /// and nothing of this scheme. The rule of [`GENERATION_VERSION`] holds for whatever is drawn
    /// from it.
    #[must_use]
    pub fn stream(&self, name: &str) -> SecretRng {
        self.derivation.stream(Purpose::Other(name))
    }
}

#[cfg(test)]
mod tests {
    use blindsight_ckks::encoding::Complex64;

    use super::*;
    use crate::testing::{keys, rng, set};
    use crate::{decrypt, encrypt};

    fn family(seed: u8) -> KeyFamily {
        KeyFamily::new(set(), &ClientSeed::generate(&mut rng(seed)))
    }

    fn bytes(family: &KeyFamily, index: usize) -> Vec<u8> {
        family.evaluation_key(set(), &keys().specs()[index]).to_bytes(set())
    }

    #[test]
    fn keys_are_the_same_in_any_order_and_again() {
        let last = keys().len() - 1;
        let (first, second) = (family(30), family(30));
        let forwards = [0, 1, last].map(|index| bytes(&first, index));
        let mut backwards = [last, 1, 0].map(|index| bytes(&second, index));
        backwards.reverse();
        assert!(forwards == backwards);
        assert!(bytes(&first, 0) == forwards[0], "not the same again");
    }

    #[test]
    fn another_seed_gives_another_family() {
        let (a, b) = (family(31), family(32));
        assert_ne!(a.secret().dense(), b.secret().dense());
        assert_ne!(a.secret().sparse(), b.secret().sparse());
        let [x, y] = [&a, &b].map(|f| f.evaluation_key(set(), &keys().specs()[0]));
        assert_ne!(x.seed, y.seed);
        assert!(x.to_bytes(set()) != y.to_bytes(set()));
    }

    #[test]
    fn keys_of_a_family_have_seeds_of_their_own() {
        let family = family(33);
        let seed = |spec| family.evaluation_key(set(), spec).seed.to_bytes();
        let mut seeds: Vec<[u8; 32]> = keys().specs().iter().map(seed).collect();
        seeds.sort_unstable();
        seeds.dedup();
        assert_eq!(seeds.len(), keys().len());
    }

    #[test]
    fn the_secret_key_of_a_family_decrypts() {
        let (family, second) = (family(34), family(34));
        let scale = 1e9;
        let value = [Complex64::new(0.25, -3.0)];
        let fresh = encrypt(set(), family.secret(), &value, scale, 2, &mut rng(35)).unwrap();
        let slots = decrypt(set(), second.secret(), &fresh.expand());
        assert!((slots[0] - value[0]).norm() < 6.0 * 577.0 / scale);
    }
}
