//! Capabilities: unguessable tokens that give access to what their holder uploaded.
//!
//! The service keeps only the SHA-256 of a capability. Finding a row by that hash leaks nothing
//! through its timing: whoever could choose the hash would know the capability.
//!
//! The randomness here names things. No key is made of it: the evaluator has none to make.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::hex;

/// A fresh capability: 32 bytes, 244 of their bits random, as 43 characters of base64url.
#[must_use]
pub fn new_capability() -> String {
    let mut bytes = [0; 32];
    bytes[..16].copy_from_slice(Uuid::new_v4().as_bytes());
    bytes[16..].copy_from_slice(Uuid::new_v4().as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A fresh name of an upload, a key set or a job: 122 random bits.
#[must_use]
pub fn new_id() -> Uuid {
    Uuid::new_v4()
}

/// Who holds a capability: its SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Owner(pub [u8; 32]);

impl Owner {
    /// The owner that a capability's text stands for; `None` if it is not 32 bytes of base64url.
    #[must_use]
    pub fn of(capability: &str) -> Option<Self> {
        let bytes: [u8; 32] = URL_SAFE_NO_PAD.decode(capability).ok()?.try_into().ok()?;
        Some(Self(Sha256::digest(bytes).into()))
    }
}

/// A service token, kept as its SHA-256 so that a comparison's timing tells nothing of it.
#[derive(Debug, Clone, Copy)]
pub struct ServiceToken([u8; 32]);

impl ServiceToken {
    /// The token with this text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(Sha256::digest(text).into())
    }

    /// Whether this text is the token.
    #[must_use]
    pub fn is(&self, text: &str) -> bool {
        <[u8; 32]>::from(Sha256::digest(text)) == self.0
    }

    /// A name that does not give the token away.
    #[must_use]
    pub fn name(&self) -> String {
        hex::encode(&self.0[..6])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_have_one_form() {
        let capability = new_capability();
        assert_eq!(capability.len(), 43);
        assert!(Owner::of(&capability).is_some());
        assert_ne!(capability, new_capability());
        for wrong in ["", "abc", &capability[1..], &format!("{capability}="), &"!".repeat(43)] {
            assert_eq!(Owner::of(wrong), None, "{wrong}");
        }
        // The last character carries two bits that must be zero: no second text for one owner.
        let other = format!("{}B", &"A".repeat(42));
        assert_eq!(Owner::of(&other), None);
    }

    #[test]
    fn tokens_are_compared_whole() {
        let token = ServiceToken::new("a token");
        assert!(token.is("a token"));
        assert!(!token.is("a toke") && !token.is("") && !token.is("a token "));
    }
}
