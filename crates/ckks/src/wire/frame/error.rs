//! What can be wrong with a frame, in words for a person.

use super::{ObjectKind, ParameterFingerprint, VERSION};

/// Why bytes are not the object that was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// The first bytes are not the magic.
    #[error("these bytes are not a Blindsight object: they do not start with BSGT")]
    NotBlindsight,
    /// A format version this crate does not read.
    #[error("the object has format version {found}, but only version {VERSION} can be read here")]
    Version {
        /// The version of the object.
        found: u16,
    },
    /// A number that stands for no kind of object.
    #[error("{found} is not the number of any kind of object")]
    UnknownKind {
        /// The number found.
        found: u8,
    },
    /// Another kind of object.
    #[error("expected {expected}, but this is {found}")]
    Kind {
        /// The kind the reader wants.
        expected: ObjectKind,
        /// The kind the header gives.
        found: ObjectKind,
    },
    /// An object of another parameter set.
    #[error("the object was made for parameter set {found}, but {expected} is in use here")]
    Parameters {
        /// The parameter set of the reader.
        expected: ParameterFingerprint,
        /// The parameter set the header gives.
        found: ParameterFingerprint,
    },
    /// A payload longer than the reader allows.
    #[error("the object says it has {found} bytes of content, more than the {most} allowed here")]
    TooLong {
        /// The longest payload allowed.
        most: usize,
        /// The length the header gives.
        found: u64,
    },
    /// The data end before the frame does.
    #[error("the object is cut off: {needed} bytes are needed, but there are only {found}")]
    Truncated {
        /// Bytes of the header, or of the whole frame once its length is known.
        needed: u64,
        /// Bytes there are.
        found: usize,
    },
    /// The data go on after the frame.
    #[error("{left} bytes follow the end of the object")]
    Trailing {
        /// Bytes after the frame.
        left: usize,
    },
    /// Header or payload are not what was written.
    #[error("the object is damaged: its checksum does not match")]
    Checksum,
    /// The payload ends within a field.
    #[error("the object ends within {what}: {needed} bytes are needed, but only {left} are left")]
    PayloadEnds {
        /// What was being read.
        what: &'static str,
        /// Bytes it takes.
        needed: usize,
        /// Bytes there were.
        left: usize,
    },
    /// The payload goes on after its last field.
    #[error("the object has {left} bytes more than its content")]
    Unread {
        /// Bytes left over.
        left: usize,
    },
    /// An infinite number or NaN.
    #[error("{what} is not a finite number")]
    NotFinite {
        /// What was being read.
        what: &'static str,
    },
    /// A count beyond the reader's limit.
    #[error("{what} is {found}, but at most {most} is allowed here")]
    TooMany {
        /// What was being read.
        what: &'static str,
        /// The largest count allowed.
        most: u32,
        /// The count found.
        found: u32,
    },
}
