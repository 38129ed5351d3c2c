//! JSON Web Tokens (RFC 7519) of an issuer whose public keys are in a file: who they name is the
//! tenant. They are checked here, and never made.

mod keys;
mod verifier;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Validation, decode, decode_header};
use serde_json::Value;
use thiserror::Error;

use crate::config::Config;
use keys::{KeySet, PublicKey};

pub use keys::JwtKeysError;

/// What JWTs are checked against.
#[derive(Debug)]
pub(super) struct Jwt {
    file: PathBuf,
    audience: Option<String>,
    issuer: Option<String>,
    claim: String,
    keys: Mutex<Read>,
}

/// The keys, and the state of the file that they were read from.
#[derive(Debug)]
struct Read {
    keys: Arc<KeySet>,
    file: Option<(SystemTime, u64)>,
    looked_at: Instant,
}

/// Pause between looks at the file.
const PAUSE: Duration = Duration::from_secs(2);

/// By how much clocks may differ.
const LEEWAY_SECONDS: u64 = 60;

/// Why a JWT opens nothing.
#[derive(Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub(super) enum JwtError {
    #[error("The JWT has expired.")]
    Expired,
    #[error("The JWT is not valid yet.")]
    NotYetValid,
    #[error("The JWT is for another service.")]
    Audience,
    #[error("The JWT is of another issuer.")]
    Issuer,
    #[error("The JWT lacks {0}, or that is malformed.")]
    Claim(String),
    #[error("The JWT is not signed as one of this service's keys signs.")]
    Signature,
    #[error("The JWT is malformed.")]
    Malformed,
}

/// Whether something looks like a JWT: three parts in base64url.
pub(super) fn has_form(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    let mut parts = 0;
    text.split('.').all(|part| {
        parts += 1;
        // The signature may be empty: then it is refused for that.
        parts <= 3 && part.bytes().all(plain)
    }) && parts == 3
}

impl Jwt {
    /// # Errors
    /// When the file of keys cannot be read, or holds none that can be used.
    pub(super) fn new(config: &Config) -> Result<Option<Self>, JwtKeysError> {
        let Some(file) = &config.jwt_keys else { return Ok(None) };
        verifier::install();
        let state = state_of(file);
        let keys = Arc::new(KeySet::read(file)?);
        Ok(Some(Self {
            keys: Mutex::new(Read { keys, file: state, looked_at: Instant::now() }),
            file: file.clone(),
            audience: config.jwt_audience.clone(),
            issuer: config.jwt_issuer.clone(),
            claim: config.jwt_tenant_claim.clone(),
        }))
    }

    /// The tenant that a JWT names. Blocks while a changed file is read.
    pub(super) fn tenant(&self, token: &str) -> Result<String, JwtError> {
        let header = decode_header(token).map_err(|error| because(&error))?;
        // What a header demands to be understood is not.
        if header.crit.is_some() {
            return Err(JwtError::Malformed);
        }
        let keys = self.keys();
        let mut last = JwtError::Signature;
        for key in keys.candidates(header.kid.as_deref(), header.alg) {
            match self.check(token, key) {
                // Another key may have signed it.
                Err(JwtError::Signature) => {}
                Err(error) => last = error,
                Ok(tenant) => return Ok(tenant),
            }
        }
        Err(last)
    }

    fn check(&self, token: &str, key: &PublicKey) -> Result<String, JwtError> {
        // The key says which algorithm counts, never the token: no key is ever taken for another
        // kind of key, nor a public key for a shared secret.
        let mut validation = Validation::new(key.algorithm);
        validation.leeway = LEEWAY_SECONDS;
        validation.validate_nbf = true;
        let mut required = vec!["exp"];
        match &self.audience {
            Some(audience) => {
                validation.set_audience(&[audience]);
                required.push("aud");
            }
            None => validation.validate_aud = false,
        }
        if let Some(issuer) = &self.issuer {
            validation.set_issuer(&[issuer]);
            required.push("iss");
        }
        validation.set_required_spec_claims(&required);
        let token =
            decode::<Value>(token, &key.key, &validation).map_err(|error| because(&error))?;
        let tenant = token.claims.get(&self.claim).and_then(Value::as_str);
        tenant.map(str::to_owned).ok_or_else(|| JwtError::Claim(format!("{:?}", self.claim)))
    }

    /// The keys of the file as it is now. One that cannot be used leaves the former ones.
    fn keys(&self) -> Arc<KeySet> {
        let mut read = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if read.looked_at.elapsed() >= PAUSE {
            read.looked_at = Instant::now();
            let state = state_of(&self.file);
            if state != read.file {
                read.file = state;
                match KeySet::read(&self.file) {
                    Ok(keys) => {
                        tracing::info!(file = %self.file.display(), "keys of JWTs read again");
                        read.keys = Arc::new(keys);
                    }
                    Err(error) => tracing::error!(%error, "the former keys of JWTs still hold"),
                }
            }
        }
        read.keys.clone()
    }
}

fn state_of(file: &PathBuf) -> Option<(SystemTime, u64)> {
    let metadata = std::fs::metadata(file).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

fn because(error: &jsonwebtoken::errors::Error) -> JwtError {
    match error.kind() {
        ErrorKind::ExpiredSignature => JwtError::Expired,
        ErrorKind::ImmatureSignature => JwtError::NotYetValid,
        ErrorKind::InvalidAudience => JwtError::Audience,
        ErrorKind::InvalidIssuer => JwtError::Issuer,
        ErrorKind::MissingRequiredClaim(claim) | ErrorKind::InvalidClaimFormat(claim) => {
            JwtError::Claim(format!("{claim:?}"))
        }
        ErrorKind::InvalidSignature
        | ErrorKind::InvalidAlgorithm
        | ErrorKind::InvalidKeyFormat
        | ErrorKind::InvalidAlgorithmName => JwtError::Signature,
        _ => JwtError::Malformed,
    }
}

#[cfg(test)]
mod tests;
