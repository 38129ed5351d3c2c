//! From a seed to independent streams.

use core::fmt;

use blindsight_ckks::keys::KeySpec;
use blindsight_ckks::parameters::Parameters;
use blindsight_ckks::wire::frame::ParameterFingerprint;
use hkdf::Hkdf;
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

use super::GENERATION_VERSION;
use crate::sampling::SecretRng;
use crate::seed::ClientSeed;

/// What a stream is for. Each evaluation key has streams of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose<'a> {
    DenseSecret,
    SparseSecret,
    Errors(&'a KeySpec),
    PublicSeed(&'a KeySpec),
    /// Something of another scheme, by its name.
    Other(&'a str),
}

impl Purpose<'_> {
    /// A number, never reused, and the SHA-256 of the key's description: a text that no other
    /// purpose has.
    fn label(self) -> (u8, [u8; 32]) {
        let described = |spec: &KeySpec| Sha256::digest(spec.to_bytes()).into();
        match self {
            Self::DenseSecret => (1, [0; 32]),
            Self::SparseSecret => (2, [0; 32]),
            Self::Errors(spec) => (3, described(spec)),
            Self::PublicSeed(spec) => (4, described(spec)),
            Self::Other(name) => (5, Sha256::digest(name).into()),
        }
    }
}

/// What every stream of a family is derived from.
pub(super) struct Derivation {
    /// The pseudorandom key of HKDF.
    key: Box<Zeroizing<[u8; 32]>>,
    context: Context,
}

/// What the streams of different releases and parameter sets differ by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Context {
    version: u32,
    parameters: ParameterFingerprint,
}

impl Context {
    pub(super) fn new(set: &Parameters) -> Self {
        Self { version: GENERATION_VERSION, parameters: set.fingerprint() }
    }

    /// SHA-256 of all parts, which have fixed lengths.
    pub(super) fn digest(&self) -> [u8; 32] {
        let hash = Sha256::new_with_prefix(b"blindsight key family");
        let hash = hash.chain_update(self.version.to_le_bytes());
        hash.chain_update(self.parameters.0).finalize().into()
    }
}

impl Derivation {
    pub(super) fn new(set: &Parameters, seed: &ClientSeed) -> Self {
        Self::in_context(Context::new(set), seed)
    }

    fn in_context(context: Context, seed: &ClientSeed) -> Self {
        let (mut extracted, _) = Hkdf::<Sha256>::extract(Some(SALT), seed.expose());
        let mut key = Box::new(Zeroizing::new([0; 32]));
        key.copy_from_slice(&extracted);
        extracted.as_mut_slice().zeroize();
        Self { key, context }
    }

    /// The stream for one purpose, from its start.
    pub(super) fn stream(&self, purpose: Purpose<'_>) -> SecretRng {
        let Context { version, parameters } = &self.context;
        let (number, described) = purpose.label();
        // Every part has a fixed length, so that no two lists of parts are one text.
        let info: [&[u8]; 4] = [&version.to_le_bytes(), &parameters.0, &[number], &described];
        let expander = Hkdf::<Sha256>::from_prk(self.key.as_slice())
            .expect("the pseudorandom key is as long as the hash");
        let mut stream = Zeroizing::new([0; 32]);
        expander
            .expand_multi_info(&info, stream.as_mut_slice())
            .expect("32 bytes are less than 255 hashes");
        SecretRng::from_key(&stream)
    }
}

/// Sets this use of a seed apart from every other; not secret.
const SALT: &[u8] = b"blindsight client seed";

impl fmt::Debug for Derivation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Derivation(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{keys, rng, set};

    fn seed() -> ClientSeed {
        ClientSeed::generate(&mut rng(40))
    }

    fn first_words(derivation: &Derivation) -> Vec<u64> {
        let purposes = [
            Purpose::DenseSecret,
            Purpose::SparseSecret,
            Purpose::Errors(&keys().specs()[0]),
            Purpose::Errors(&keys().specs()[1]),
            Purpose::PublicSeed(&keys().specs()[0]),
            Purpose::PublicSeed(&keys().specs()[1]),
            Purpose::Other("a"),
            Purpose::Other("b"),
        ];
        purposes.map(|purpose| derivation.stream(purpose).next_u64()).to_vec()
    }

    #[test]
    fn streams_differ_in_purpose_key_version_and_parameters() {
        let base = Derivation::new(set(), &seed());
        let mut words = first_words(&base);
        assert_eq!(words, first_words(&Derivation::new(set(), &seed())), "not repeatable");

        let changes: [fn(&mut Context); 2] = [|c| c.version += 1, |c| c.parameters.0[31] ^= 1];
        for change in changes {
            let mut context = base.context;
            change(&mut context);
            assert_ne!(context.digest(), base.context.digest());
            words.extend(first_words(&Derivation::in_context(context, &seed())));
        }
        let other = ClientSeed::generate(&mut rng(41));
        words.extend(first_words(&Derivation::new(set(), &other)));

        let total = words.len();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), total, "two streams are one");
    }

    #[test]
    fn is_hkdf_with_sha256() {
        // HMAC by hand, from its definition (RFC 2104): two hashes around the message.
        let hmac = |key: &[u8], message: &[u8]| -> [u8; 32] {
            let pad = |with: u8| {
                let mut block = [with; 64];
                block.iter_mut().zip(key).for_each(|(b, k)| *b ^= k);
                block
            };
            let inner = Sha256::digest([&pad(0x36), message].concat());
            Sha256::digest([pad(0x5c).as_slice(), &inner].concat()).into()
        };
        let seed = seed();
        let prk = hmac(b"blindsight client seed", seed.expose());
        let set = set();
        let spec = &keys().specs()[0];
        let described = Sha256::digest(spec.to_bytes());
        let fingerprint = set.fingerprint().0;
        let info = [&[2, 0, 0, 0][..], &fingerprint, &[3], &described, &[1]].concat();
        let mut expected = SecretRng::from_key(&hmac(&prk, &info));
        let mut stream = Derivation::new(set, &seed).stream(Purpose::Errors(spec));
        assert_eq!(stream.next_u64(), expected.next_u64());
    }

    #[test]
    fn debug_tells_nothing() {
        assert_eq!(format!("{:?}", Derivation::new(set(), &seed())), "Derivation(..)");
    }
}
