//! Why a file is no compiled model.

use blindsight_contract::ContractError;
use thiserror::Error;

use crate::program::ProgramError;

/// Why a file is no compiled model that this version can run.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BundleError {
    /// The file is something else.
    #[error("this is no compiled model")]
    NotABundle,
    /// Another version of the format.
    #[error(
        "the model was compiled for format version {found}; compile it again for version {known}"
    )]
    Version {
        /// The version found.
        found: u32,
        /// The version that this program reads.
        known: u32,
    },
    /// The file is cut off, or longer than it says.
    #[error("the compiled model has {found} bytes, but says {expected}")]
    Length {
        /// The length that the header gives.
        expected: u64,
        /// The length of the file.
        found: u64,
    },
    /// A part is larger than allowed.
    #[error("{what} of the compiled model has {found} bytes; at most {most} are allowed")]
    TooLarge {
        /// The part.
        what: &'static str,
        /// Its length.
        found: u64,
        /// The limit.
        most: u64,
    },
    /// Bits were flipped.
    #[error("the compiled model is damaged: its fingerprint does not fit")]
    Fingerprint,
    /// The contract is refused.
    #[error("the contract: {0}")]
    Contract(#[from] ContractError),
    /// A part does not unpack to what the header says.
    #[error("{0} of the compiled model cannot be unpacked")]
    Packing(&'static str),
    /// The program is no JSON of the right form.
    #[error("the program cannot be read: {0}")]
    Malformed(#[from] serde_json::Error),
    /// A constant lies outside the constants there are, or all together are too many.
    #[error("the constants of the program lie outside those of the file, or are too many")]
    Constant,
    /// The encoded constants take more memory than declared.
    #[error("the constants take {needed} bytes of memory, but the file declares {declared}")]
    Memory {
        /// Bytes that the file declares.
        declared: u64,
        /// Bytes that the encoded constants take.
        needed: u64,
    },
    /// A polynomial, a rotation or a number of the program is impossible.
    #[error("{0} of the program is impossible")]
    Number(&'static str),
    /// The model is a network of signs.
    #[cfg(not(feature = "exact"))]
    #[error("networks of signs are run by TFHE, and this program was built without it")]
    WithoutExact,
    /// The program cannot be run under its contract.
    #[error("the program: {0}")]
    Program(#[from] ProgramError),
}
