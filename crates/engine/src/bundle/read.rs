//! Reading a bundle.

use std::sync::Arc;

use blindsight_contract::{Contract, Policy};
use sha2::{Digest, Sha256};

use super::batch::{self, BatchFile};
use super::data::ProgramData;
use super::signs::{self, SignsFile};
use super::{Bundle, BundleError, BundleLimits, Code, pack};
use crate::program::ProgramError;

pub(super) const MAGIC: [u8; 8] = *b"BSMODEL\0";
pub(super) const VERSION: u32 = 1;
/// Magic, version, fingerprint.
pub(super) const FINGERPRINT_END: usize = 8 + 4 + 32;
/// All that stands before the contract.
pub(super) const HEADER_BYTES: usize = FINGERPRINT_END + 4 + 4 + 8 + 8 + 8;

impl Bundle {
    /// Reads a compiled model. Its constants are checked when it is loaded.
    ///
    /// # Errors
    /// When the bytes are no compiled model of this version, damaged, larger than the limits, or
    /// its contract or program cannot be: see [`BundleError`].
    pub fn parse(bytes: &[u8], limits: &BundleLimits) -> Result<Self, BundleError> {
        limit("the file", bytes.len() as u64, limits.file_bytes)?;
        let header = Header::parse(bytes)?;
        limit("the program", header.program_len, limits.program_bytes)?;
        limit("the constants", header.constants_len, limits.constant_bytes)?;
        let found = bytes.len() as u64;
        let expected = header.total().ok_or(BundleError::Length { expected: u64::MAX, found })?;
        if expected != found {
            return Err(BundleError::Length { expected, found });
        }
        let hashed = &bytes[FINGERPRINT_END..];
        if <[u8; 32]>::from(Sha256::digest(hashed)) != header.fingerprint {
            return Err(BundleError::Fingerprint);
        }
        let (contract, rest) = bytes[HEADER_BYTES..].split_at(header.contract_packed as usize);
        let (program, constants) = rest.split_at(header.program_packed as usize);
        let accepted = Contract::parse(contract, &Policy::default())?;
        let program = pack::unpack("the program", program, header.program_len as usize)?;
        let code = if program.starts_with(batch::START) {
            let BatchFile { batch } = serde_json::from_slice(&program)?;
            Code::Batch(Arc::new(batch))
        } else if program.starts_with(signs::START) {
            let SignsFile { signs } = serde_json::from_slice(&program)?;
            let request = accepted.request().signs().ok_or(ProgramError::Form)?;
            signs.check_constants(request.signs(), header.constants_len as usize / 4)?;
            Code::Signs(Arc::new(signs))
        } else {
            let data: ProgramData = serde_json::from_slice(&program)?;
            let most_values = limits.constant_bytes / size_of::<[f64; 2]>();
            data.check_references(header.constants_len as usize / 4, most_values)?;
            Code::Steps(Arc::new(data))
        };
        Ok(Self {
            contract: Arc::new(accepted),
            contract_bytes: contract.into(),
            fingerprint: header.fingerprint,
            code,
            constants: constants.into(),
            limits: *limits,
            constants_len: header.constants_len as usize,
        })
    }

    /// The limits that the bundle was read with.
    #[must_use]
    pub fn limits(&self) -> BundleLimits {
        self.limits
    }
}

struct Header {
    fingerprint: [u8; 32],
    contract_packed: u32,
    program_packed: u32,
    constants_packed: u64,
    program_len: u64,
    constants_len: u64,
}

impl Header {
    fn parse(bytes: &[u8]) -> Result<Self, BundleError> {
        let found = bytes.len() as u64;
        if bytes.get(..MAGIC.len()) != Some(&MAGIC) {
            return Err(BundleError::NotABundle);
        }
        let cut = BundleError::Length { expected: HEADER_BYTES as u64, found };
        let fields = bytes.get(MAGIC.len()..HEADER_BYTES).ok_or(cut)?;
        let mut fields = Fields(fields);
        let version = u32::from_le_bytes(fields.take());
        if version != VERSION {
            return Err(BundleError::Version { found: version, known: VERSION });
        }
        Ok(Self {
            fingerprint: fields.take(),
            contract_packed: u32::from_le_bytes(fields.take()),
            program_packed: u32::from_le_bytes(fields.take()),
            constants_packed: u64::from_le_bytes(fields.take()),
            program_len: u64::from_le_bytes(fields.take()),
            constants_len: u64::from_le_bytes(fields.take()),
        })
    }

    fn total(&self) -> Option<u64> {
        let parts = u64::from(self.contract_packed) + u64::from(self.program_packed);
        (HEADER_BYTES as u64 + parts).checked_add(self.constants_packed)
    }
}

/// The header's fields; their lengths add up to its length.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let (taken, rest) = self.0.split_first_chunk().expect("the header holds all its fields");
        self.0 = rest;
        *taken
    }
}

fn limit(what: &'static str, found: u64, most: usize) -> Result<(), BundleError> {
    let most = most as u64;
    if found <= most { Ok(()) } else { Err(BundleError::TooLarge { what, found, most }) }
}
