//! The readers of the headers of tus, which a stranger sends before any upload.
//!
//! The service's own files, without the service: HTTP and the database around them take minutes
//! to build and parse nothing here.
#![no_main]
#![allow(dead_code, unreachable_pub, reason = "only the readers of these files are used")]

#[path = "../../evaluator/src/hex.rs"]
mod hex;
#[path = "../../evaluator/src/http/ids.rs"]
mod ids;
#[path = "../../evaluator/src/http/metadata.rs"]
mod metadata;

/// As in the service, where there are many more.
mod refusal {
    #[derive(Debug, PartialEq, Eq)]
    pub enum Code {
        UploadMetadata,
        ChecksumHeader,
    }

    #[derive(Debug, PartialEq, Eq)]
    pub struct Refusal {
        pub code: Code,
        pub detail: String,
    }

    impl Refusal {
        pub fn new(code: Code, detail: impl Into<String>) -> Self {
            Self { code, detail: detail.into() }
        }
    }
}

/// As in the service, whose file does much more.
mod uploads {
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub enum Checksum {
        Sha1([u8; 20]),
        Sha256([u8; 32]),
    }
}

use refusal::Code;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    // A header that is no text is refused before.
    let Ok(header) = std::str::from_utf8(data) else {
        return;
    };
    match metadata::Metadata::parse(header) {
        Ok(read) => {
            assert!(read.have.len() <= ids::MOST);
            for (at, id) in read.have.iter().enumerate() {
                assert!(!read.have[..at].contains(id), "a key set twice");
            }
        }
        Err(refusal) => assert!(refusal.code == Code::UploadMetadata),
    }
    if let Err(refusal) = metadata::checksum(header) {
        assert!(refusal.code == Code::ChecksumHeader && !refusal.detail.is_empty());
    }
});
