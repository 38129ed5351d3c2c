//! A bundle taken apart and sealed again, so that damage reaches what stands behind the seal.

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::bundle::pack;
use crate::testing::light_bundle;

/// Where the header's fields start: lengths of the parts, then unpacked lengths.
pub(super) const CONTRACT_LEN: usize = 44;
pub(super) const PROGRAM_LEN: usize = 48;
pub(super) const CONSTANTS_LEN: usize = 52;
pub(super) const PROGRAM_UNPACKED: usize = 60;
pub(super) const CONSTANTS_UNPACKED: usize = 68;
pub(super) const HEADER: usize = 76;

/// Makes the fingerprint fit.
pub(super) fn seal(bytes: &mut [u8]) {
    if let Some((head, hashed)) = bytes.split_at_mut_checked(CONTRACT_LEN) {
        head[12..].copy_from_slice(&Sha256::digest(hashed));
    }
}

/// The parts of a bundle, in the clear.
#[derive(Debug, Clone)]
pub(super) struct Parts {
    pub(super) contract: Value,
    pub(super) program: Value,
    pub(super) constants: Vec<u8>,
}

impl Parts {
    pub(super) fn of(bytes: &[u8]) -> Self {
        let length = |at: usize| {
            u32::from_le_bytes(*bytes[at..].first_chunk().expect("the header is whole")) as usize
        };
        let (contract, rest) = bytes[HEADER..].split_at(length(CONTRACT_LEN));
        let (program, constants) = rest.split_at(length(PROGRAM_LEN));
        let program = pack::unpack("it", program, length(PROGRAM_UNPACKED)).unwrap();
        Self {
            contract: serde_json::from_slice(contract).unwrap(),
            program: serde_json::from_slice(&program).unwrap(),
            constants: pack::unpack("it", constants, length(CONSTANTS_UNPACKED)).unwrap(),
        }
    }

    pub(super) fn light() -> Self {
        Self::of(&light_bundle("light"))
    }

    pub(super) fn join(&self) -> Vec<u8> {
        let text = |value: &Value| serde_json::to_vec(value).unwrap();
        join(&text(&self.contract), &text(&self.program), &self.constants)
    }

    /// With another text as program.
    pub(super) fn join_program(&self, program: &[u8]) -> Vec<u8> {
        join(&serde_json::to_vec(&self.contract).unwrap(), program, &self.constants)
    }
}

fn join(contract: &[u8], program: &[u8], constants: &[u8]) -> Vec<u8> {
    let packed = [program, constants].map(pack::pack);
    let mut bytes = b"BSMODEL\0\x01\0\0\0".to_vec();
    bytes.extend([0; 32]);
    bytes.extend((contract.len() as u32).to_le_bytes());
    bytes.extend((packed[0].len() as u32).to_le_bytes());
    bytes.extend((packed[1].len() as u64).to_le_bytes());
    bytes.extend((program.len() as u64).to_le_bytes());
    bytes.extend((constants.len() as u64).to_le_bytes());
    bytes.extend_from_slice(contract);
    bytes.extend_from_slice(&packed[0]);
    bytes.extend_from_slice(&packed[1]);
    seal(&mut bytes);
    bytes
}
