//! A short name for a file's contents, to notice mix-ups.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// 64-bit FNV-1a hash of a file, written as 16 hexadecimal digits.
///
/// It tells files apart that were mixed up by accident. It is no cryptographic hash: somebody
/// who wants two files with one fingerprint can make them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Fingerprint(u64);

impl Fingerprint {
    /// The fingerprint of the bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let mix =
            |hash: u64, &byte: &u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        Self(bytes.iter().fold(0xcbf2_9ce4_8422_2325, mix))
    }
}

impl Fingerprint {
    /// The fingerprint of what is left of a file's network without its last layer: where its values
    /// lie is another question than where those of the whole network do.
    #[must_use]
    pub fn of_features(self) -> Self {
        Self::of(format!("features of {self}").as_bytes())
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for Fingerprint {
    type Err = BadFingerprint;

    fn from_str(text: &str) -> Result<Self, BadFingerprint> {
        let digits = text.len() == 16 && text.bytes().all(|digit| digit.is_ascii_hexdigit());
        let value = digits.then(|| u64::from_str_radix(text, 16).ok()).flatten();
        value.map(Self).ok_or(BadFingerprint)
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = BadFingerprint;

    fn try_from(text: String) -> Result<Self, BadFingerprint> {
        text.parse()
    }
}

impl From<Fingerprint> for String {
    fn from(fingerprint: Fingerprint) -> Self {
        fingerprint.to_string()
    }
}

/// The text is no fingerprint.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("a fingerprint is 16 hexadecimal digits")]
pub struct BadFingerprint;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_test_vectors() {
        // From the FNV reference: the empty string and "foobar".
        assert_eq!(Fingerprint::of(b"").to_string(), "cbf29ce484222325");
        assert_eq!(Fingerprint::of(b"foobar").to_string(), "85944171f73967e8");
    }

    #[test]
    fn text_round_trips() {
        let fingerprint = Fingerprint::of(b"abc");
        assert_eq!(fingerprint.to_string().parse(), Ok(fingerprint));
        for bad in ["", "12", "+123456789abcdef", "85944171f73967eg", "85944171f73967e80"] {
            assert_eq!(bad.parse::<Fingerprint>(), Err(BadFingerprint), "{bad}");
        }
    }
}
