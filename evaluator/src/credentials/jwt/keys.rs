//! The public keys of who signs JWTs: PEM, or a JWKS (RFC 7517).

use std::path::{Path, PathBuf};

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind};
use thiserror::Error;

/// Why a file of keys cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum JwtKeysError {
    /// It cannot be read.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: std::io::Error,
    },
    /// It holds no key that could be used.
    #[error(
        "{}: {reason}: give public keys in PEM, or a JWKS (RSA of 2048 bits or more, P-256 or \
         Ed25519)", path.display()
    )]
    Keys {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
}

/// The keys of a file.
#[derive(Debug)]
pub(super) struct KeySet(Vec<PublicKey>);

/// A public key, and the one algorithm that it is used with.
#[derive(Debug)]
pub(super) struct PublicKey {
    id: Option<String>,
    pub(super) algorithm: Algorithm,
    pub(super) key: DecodingKey,
}

/// So many keys of a file are tried at most.
const MOST: usize = 64;

impl KeySet {
    /// Reads a file.
    pub(super) fn read(path: &Path) -> Result<Self, JwtKeysError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| JwtKeysError::File { path: path.to_owned(), source })?;
        Self::parse(&text).map_err(|reason| JwtKeysError::Keys { path: path.to_owned(), reason })
    }

    fn parse(text: &str) -> Result<Self, &'static str> {
        let keys = if text.trim_start().starts_with('{') { jwks(text)? } else { pem(text)? };
        match keys.len() {
            0 => Err("there is no key in it that can be used"),
            1..=MOST => Ok(Self(keys)),
            _ => Err("there are too many keys in it"),
        }
    }

    /// The keys that may have signed a token with this header: those that it names, or that have no
    /// name.
    pub(super) fn candidates(
        &self,
        id: Option<&str>,
        algorithm: Algorithm,
    ) -> impl Iterator<Item = &PublicKey> {
        self.0.iter().filter(move |key| {
            let fits = match (id, key.id.as_deref()) {
                (Some(wanted), Some(id)) => wanted == id,
                _ => true,
            };
            fits && key.algorithm == algorithm
        })
    }
}

/// One public key after another. A private key has no business here.
fn pem(text: &str) -> Result<Vec<PublicKey>, &'static str> {
    if text.contains("PRIVATE KEY") {
        return Err("there is a private key in it");
    }
    let mut keys = Vec::new();
    for block in text.split("-----BEGIN ").skip(1) {
        if !block.starts_with("PUBLIC KEY-----") && !block.starts_with("RSA PUBLIC KEY-----") {
            return Err("there is something else than public keys in it");
        }
        let block = format!("-----BEGIN {block}");
        let block = block.as_bytes();
        let key = DecodingKey::from_ed_pem(block)
            .or_else(|_| DecodingKey::from_ec_pem(block))
            .or_else(|_| DecodingKey::from_rsa_pem(block));
        let key = key.map_err(|_| "a key in it is malformed")?;
        keys.push(PublicKey::new(None, key).ok_or("a key in it is of a kind that is not used")?);
    }
    Ok(keys)
}

/// Keys that are for something else, or of other kinds, are passed over.
fn jwks(text: &str) -> Result<Vec<PublicKey>, &'static str> {
    let set: JwkSet = serde_json::from_str(text).map_err(|_| "it is no JWKS")?;
    let mut keys = Vec::new();
    for jwk in &set.keys {
        match of_jwk(jwk) {
            Some(key) => keys.push(key),
            None => tracing::warn!(id = jwk.common.key_id, "a key of the JWKS is passed over"),
        }
    }
    Ok(keys)
}

fn of_jwk(jwk: &Jwk) -> Option<PublicKey> {
    let curve_is_known = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => true,
        AlgorithmParameters::EllipticCurve(key) => key.curve == EllipticCurve::P256,
        AlgorithmParameters::OctetKeyPair(key) => key.curve == EllipticCurve::Ed25519,
        // Shared secrets are no public keys.
        _ => false,
    };
    let is_for_signatures =
        jwk.common.public_key_use.as_ref().is_none_or(|used| *used == PublicKeyUse::Signature);
    if !curve_is_known || !is_for_signatures {
        return None;
    }
    let key = PublicKey::new(jwk.common.key_id.clone(), DecodingKey::from_jwk(jwk).ok()?)?;
    let named = jwk.common.key_algorithm.map(|named| Algorithm::try_from(named).ok());
    named.is_none_or(|named| named == Some(key.algorithm)).then_some(key)
}

impl PublicKey {
    fn new(id: Option<String>, key: DecodingKey) -> Option<Self> {
        let length = match key.kind() {
            DecodingKeyKind::SecretOrDer(bytes) => bytes.len(),
            DecodingKeyKind::RsaModulusExponent { n, .. } => n.len(),
        };
        let algorithm = match (key.family(), length) {
            (AlgorithmFamily::Rsa, 256..) => Algorithm::RS256,
            (AlgorithmFamily::Ec, 65) => Algorithm::ES256,
            (AlgorithmFamily::Ed, 32) => Algorithm::EdDSA,
            _ => return None,
        };
        Some(Self { id, algorithm, key })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_no_public_keys_are_refused() {
        for (wrong, reason) in [
            ("", "no key"),
            ("nonsense", "no key"),
            ("{}", "no JWKS"),
            (r#"{"keys": []}"#, "no key"),
            (r#"{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}"#, "no key"),
            ("-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n", "private"),
            ("-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n", "something else"),
            ("-----BEGIN PUBLIC KEY-----\nAA==\n-----END PUBLIC KEY-----\n", "malformed"),
        ] {
            let refused = KeySet::parse(wrong).unwrap_err();
            assert!(refused.contains(reason), "{wrong}: {refused}");
        }
    }
}
