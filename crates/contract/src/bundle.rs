//! The keys that a client uploads: of CKKS, and of TFHE where labels are answered.

use blindsight_ckks::evaluation_key::SeededKey;
use blindsight_ckks::keys::{KeyError, KeyList, KeySpec};
use blindsight_ckks::parameters::Parameters;
use blindsight_ckks::wire::KeySetManifest;
use blindsight_ckks::wire::frame::HEADER_BYTES;
use blindsight_exact::wire::KeyHead;
use blindsight_exact::{ExactParameters, KeyPiece};
use sha2::{Digest, Sha256};
use thiserror::Error;

/// Keys that travel together: some of CKKS, and those for exact answers, all or none. In this order
/// they follow a head that names them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct KeyBundle {
    scheme: KeyList,
    exact: Option<ExactParameters>,
}

/// One key of a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key<'a> {
    /// An evaluation key of CKKS.
    Scheme(&'a KeySpec),
    /// A piece of the key for exact answers.
    Exact(&'a ExactParameters, KeyPiece),
}

/// What is wrong with the head of a bundle.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HeadError {
    /// The list of keys of CKKS.
    #[error(transparent)]
    Scheme(#[from] blindsight_ckks::wire::ReadError),
    /// The keys for exact answers.
    #[error(transparent)]
    Exact(#[from] blindsight_exact::wire::ReadError),
}

/// Why keys are no part of a bundle.
#[derive(Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum PartError {
    /// Those of CKKS are no list.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// Some of those for exact answers are named without the others.
    #[error("the keys for exact answers go together: {found} of {expected} are named")]
    InPart {
        /// Pieces named.
        found: usize,
        /// Pieces there are.
        expected: usize,
    },
}

impl KeyBundle {
    /// The bundle of these keys.
    #[must_use]
    pub fn new(scheme: KeyList, exact: Option<ExactParameters>) -> Self {
        Self { scheme, exact }
    }

    /// The evaluation keys of CKKS.
    #[must_use]
    pub fn scheme(&self) -> &KeyList {
        &self.scheme
    }

    /// The parameter set of the keys for exact answers, if they are in it.
    #[must_use]
    pub fn exact(&self) -> Option<&ExactParameters> {
        self.exact.as_ref()
    }

    /// All keys, in the order in which they travel.
    pub fn keys(&self) -> impl Iterator<Item = Key<'_>> {
        let exact = self.exact.iter();
        let pieces = exact.flat_map(|set| KeyPiece::all(set).map(move |p| Key::Exact(set, p)));
        self.scheme.specs().iter().map(Key::Scheme).chain(pieces)
    }

    /// The number of keys.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys().count()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.scheme.is_empty() && self.exact.is_none()
    }

    /// The key in a place.
    #[must_use]
    pub fn key(&self, place: usize) -> Option<Key<'_>> {
        self.keys().nth(place)
    }

    /// The bytes of all keys together, without the head.
    #[must_use]
    pub fn byte_len(&self, set: &Parameters) -> u64 {
        self.keys().map(|key| key.byte_len(set)).sum()
    }

    /// The head of an upload: a frame that lists the keys of CKKS, and where those for exact answers
    /// follow, one that names their parameter set.
    #[must_use]
    pub fn head(&self, set: &Parameters) -> Vec<u8> {
        let mut head = KeySetManifest::new(set, &self.scheme).to_bytes(set);
        if let Some(exact) = &self.exact {
            head.extend(KeyHead::to_bytes(exact, set));
        }
        head
    }

    /// SHA-256 of the head: names the bundle.
    #[must_use]
    pub fn digest(&self, set: &Parameters) -> [u8; 32] {
        Sha256::digest(self.head(set)).into()
    }

    /// Reads a head: of any keys that this parameter set may have.
    ///
    /// # Errors
    /// When the bytes are none, or name a key that may not exist.
    pub fn from_head(set: &Parameters, bytes: &[u8]) -> Result<Self, HeadError> {
        // Where the second frame begins; if it is there, it has one length.
        let first = bytes.len().checked_sub(KeyHead::BYTES).filter(|at| *at >= HEADER_BYTES);
        if let Some((first, second)) = first.and_then(|at| bytes.split_at_checked(at))
            && let Ok(manifest) = KeySetManifest::from_bytes(set, first)
        {
            let exact = KeyHead::from_bytes(second, set)?;
            return Ok(Self { scheme: manifest.into_list(), exact: Some(exact) });
        }
        let manifest = KeySetManifest::from_bytes(set, bytes)?;
        Ok(Self { scheme: manifest.into_list(), exact: None })
    }

    /// The part of it that is none of these bundles, which must be of the same scheme: what is left to
    /// upload for whom has uploaded those.
    #[must_use]
    pub fn missing<'a>(&self, have: impl IntoIterator<Item = &'a Self> + Clone) -> Self {
        let lacks = |spec: &&KeySpec| {
            have.clone().into_iter().all(|bundle| bundle.scheme.position(spec).is_none())
        };
        let specs: Vec<KeySpec> = self.scheme.specs().iter().filter(lacks).cloned().collect();
        let lacks = |exact: &&ExactParameters| {
            have.clone().into_iter().all(|bundle| bundle.exact() != Some(*exact))
        };
        // A part of a list is a list.
        let scheme = KeyList::new(specs).unwrap_or_default();
        Self { scheme, exact: self.exact.as_ref().filter(lacks).cloned() }
    }

    /// The part of it that these keys are, in any order.
    ///
    /// # Errors
    /// When a key is named twice, or some keys for exact answers without the others.
    pub fn part(&self, keys: &[Key<'_>]) -> Result<Self, PartError> {
        let specs = keys.iter().filter_map(|key| match key {
            Key::Scheme(spec) => Some((*spec).clone()),
            Key::Exact(..) => None,
        });
        let scheme = KeyList::new(specs.collect())?;
        let found = keys.len() - scheme.len();
        let Some(exact) = self.exact.as_ref().filter(|_| found > 0) else {
            return Ok(Self { scheme, exact: None });
        };
        let mut pieces: Vec<KeyPiece> = KeyPiece::all(exact).collect();
        let expected = pieces.len();
        pieces.retain(|piece| !keys.contains(&Key::Exact(exact, *piece)));
        if pieces.is_empty() && found == expected {
            Ok(Self { scheme, exact: Some(exact.clone()) })
        } else {
            Err(PartError::InPart { found, expected })
        }
    }
}

impl Key<'_> {
    /// The length of its frame.
    #[must_use]
    pub fn byte_len(&self, set: &Parameters) -> u64 {
        match self {
            Self::Scheme(spec) => SeededKey::byte_len(set, spec) as u64,
            Self::Exact(exact, piece) => piece.byte_len(exact) as u64,
        }
    }

    /// SHA-256 of what the key is: the same key has the same name in every model of a scheme.
    #[must_use]
    pub fn name(&self) -> [u8; 32] {
        match self {
            Self::Scheme(spec) => Sha256::digest(spec.to_bytes()).into(),
            Self::Exact(exact, piece) => {
                let hash = Sha256::new_with_prefix(b"a piece of a key for exact answers");
                let hash = hash.chain_update(exact.fingerprint().0);
                let hash = hash.chain_update([piece.part() as u8]);
                hash.chain_update(piece.index().to_le_bytes()).finalize().into()
            }
        }
    }
}
