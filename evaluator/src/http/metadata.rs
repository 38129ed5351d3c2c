//! The headers of tus that have a grammar of their own.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use uuid::Uuid;

use super::ids;
use crate::hex;
use crate::refusal::{Code, Refusal};
use crate::uploads::Checksum;

/// What `Upload-Metadata` says of a key bundle.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Metadata {
    pub(super) model: String,
    pub(super) sha256: Option<[u8; 32]>,
    pub(super) have: Vec<Uuid>,
}

impl Metadata {
    /// Reads `key base64(value)` pairs with commas between them. Keys that mean nothing here are
    /// allowed, as tus says.
    ///
    /// # Errors
    /// `bad_upload_metadata`.
    pub(super) fn parse(header: &str) -> Result<Self, Refusal> {
        let (mut model, mut sha256, mut have) = (None, None, None);
        for pair in header.split(',') {
            let (key, value) = pair.trim().split_once(' ').unwrap_or((pair.trim(), ""));
            let value = STANDARD.decode(value.trim()).ok();
            let value = value.and_then(|bytes| String::from_utf8(bytes).ok());
            let value = value.ok_or_else(|| malformed("a value is not base64 of a text"))?;
            let twice = match key {
                "model" => model.replace(value).is_some(),
                "sha256" => {
                    let digest = hex::decode(&value).ok_or_else(|| {
                        malformed("sha256 is not the hexadecimal form of 32 bytes")
                    })?;
                    sha256.replace(digest).is_some()
                }
                "have" => {
                    let ids = ids::parse(&value);
                    let ids = ids.map_err(|wrong| malformed(&format!("have {wrong}")))?;
                    have.replace(ids).is_some()
                }
                _ => false,
            };
            if twice {
                return Err(malformed("a key stands twice"));
            }
        }
        let model = model.ok_or_else(|| malformed("the model is missing"))?;
        Ok(Self { model, sha256, have: have.unwrap_or_default() })
    }
}

/// Reads `Upload-Checksum`: the algorithm and the digest in base64.
///
/// # Errors
/// `bad_upload_checksum`.
pub(super) fn checksum(header: &str) -> Result<Checksum, Refusal> {
    let malformed = |detail: &str| Refusal::new(Code::ChecksumHeader, detail);
    let (algorithm, digest) = header
        .trim()
        .split_once(' ')
        .ok_or_else(|| malformed("Upload-Checksum is an algorithm and a digest."))?;
    let digest = STANDARD
        .decode(digest.trim())
        .map_err(|_| malformed("The digest in Upload-Checksum is not base64."))?;
    let length = || malformed("The digest in Upload-Checksum has the wrong length.");
    match algorithm {
        "sha1" => digest.try_into().map(Checksum::Sha1).map_err(|_| length()),
        "sha256" => digest.try_into().map(Checksum::Sha256).map_err(|_| length()),
        _ => Err(malformed("Upload-Checksum can have the algorithms sha1 and sha256.")),
    }
}

fn malformed(detail: &str) -> Refusal {
    Refusal::new(Code::UploadMetadata, format!("Upload-Metadata: {detail}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(text: &str) -> String {
        STANDARD.encode(text)
    }

    #[test]
    fn metadata_are_read() {
        let digest = "ab".repeat(32);
        let have = encode(&[1, 2].map(|id| Uuid::from_u128(id).to_string()).join(","));
        let model = encode("resnet");
        let header = format!("model {model}, sha256 {},extra,have {have}", encode(&digest));
        let expected = Metadata {
            model: "resnet".to_owned(),
            sha256: Some([0xAB; 32]),
            have: vec![Uuid::from_u128(1), Uuid::from_u128(2)],
        };
        assert_eq!(Metadata::parse(&header), Ok(expected));
        let expected = Metadata { model: "x".to_owned(), sha256: None, have: vec![] };
        assert_eq!(Metadata::parse(&format!("model {}", encode("x"))), Ok(expected));
    }

    #[test]
    fn wrong_metadata_are_refused() {
        let model = format!("model {}", encode("x"));
        let short = format!("{model},sha256 {}", encode("ab"));
        let sign = format!("{model},sha256 {}", encode(&"+1".repeat(32)));
        let twice = format!("{model},{model}");
        let have = format!("{model},have {}", encode("1"));
        let nothing = format!("{model},have");
        for wrong in ["", "model !", "other YQ==", &short, &sign, &twice, &have, &nothing] {
            let refusal = Metadata::parse(wrong).unwrap_err();
            assert_eq!(refusal.code, Code::UploadMetadata, "{wrong}");
        }
    }

    #[test]
    fn checksums_are_read() {
        let digest = STANDARD.encode([7; 20]);
        assert_eq!(checksum(&format!("sha1 {digest}")), Ok(Checksum::Sha1([7; 20])));
        for wrong in ["", "sha1", "sha1 !", "sha256 AAAA", "md5 AAAA", "crc32 AAAA"] {
            assert_eq!(checksum(wrong).unwrap_err().code, Code::ChecksumHeader, "{wrong}");
        }
    }
}
