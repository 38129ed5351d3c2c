//! The first bytes of every frame.

use super::{Expected, ObjectKind, ParameterFingerprint, Reader, VERSION, WireError};

/// Length of the header in bytes.
pub const HEADER_BYTES: usize = 51;

/// A header that was read but, apart from its version and kind, not yet believed.
///
/// A server reads it before it accepts the rest of an upload; who takes several kinds of objects
/// reads it to know which one to expect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    kind: ObjectKind,
    parameters: ParameterFingerprint,
    payload_length: u64,
    checksum: u32,
}

impl Header {
    /// Reads the header at the front of `bytes`; more bytes may follow.
    ///
    /// # Errors
    ///
    /// [`WireError::NotBlindsight`], [`WireError::Version`], [`WireError::UnknownKind`], or
    /// [`WireError::Truncated`] if there are fewer than [`HEADER_BYTES`] bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, WireError> {
        let magic = bytes.get(..MAGIC.len()).unwrap_or(bytes);
        if magic != &MAGIC[..magic.len()] {
            return Err(WireError::NotBlindsight);
        }
        let Some(fields) = bytes.get(MAGIC.len()..HEADER_BYTES) else {
            return Err(WireError::Truncated { needed: HEADER_BYTES as u64, found: bytes.len() });
        };
        let mut reader = Reader::new(fields);
        let version = reader.u16("the format version")?;
        if version != VERSION {
            return Err(WireError::Version { found: version });
        }
        let number = reader.u8("the object kind")?;
        let kind = ObjectKind::ALL
            .into_iter()
            .find(|&kind| kind as u8 == number)
            .ok_or(WireError::UnknownKind { found: number })?;
        Ok(Self {
            kind,
            parameters: ParameterFingerprint(reader.array("the parameter set")?),
            payload_length: reader.u64("the payload length")?,
            checksum: reader.u32("the checksum")?,
        })
    }

    /// Checks the header against what the reader is prepared to accept, and returns the length of
    /// the payload in bytes.
    ///
    /// # Errors
    ///
    /// [`WireError::Kind`], [`WireError::Parameters`], [`WireError::TooLong`].
    pub fn check(&self, expected: &Expected) -> Result<usize, WireError> {
        if self.kind != expected.kind {
            return Err(WireError::Kind { expected: expected.kind, found: self.kind });
        }
        if self.parameters != expected.parameters {
            return Err(WireError::Parameters {
                expected: expected.parameters,
                found: self.parameters,
            });
        }
        usize::try_from(self.payload_length)
            .ok()
            .filter(|&length| length <= expected.max_payload)
            .ok_or(WireError::TooLong { most: expected.max_payload, found: self.payload_length })
    }

    /// The kind of object.
    #[must_use]
    pub fn kind(&self) -> ObjectKind {
        self.kind
    }

    /// The parameter set the object says it belongs to.
    #[must_use]
    pub fn parameters(&self) -> ParameterFingerprint {
        self.parameters
    }

    /// The length of the payload in bytes, as the header gives it.
    #[must_use]
    pub fn payload_length(&self) -> u64 {
        self.payload_length
    }

    /// The header that belongs before `payload`.
    pub(super) fn of(kind: ObjectKind, parameters: ParameterFingerprint, payload: &[u8]) -> Self {
        let mut header =
            Self { kind, parameters, payload_length: payload.len() as u64, checksum: 0 };
        header.checksum = header.checksum_with(payload);
        header
    }

    /// The reader of `payload`, if that is what the checksum was made for.
    pub(super) fn verify<'a>(&self, payload: &'a [u8]) -> Result<Reader<'a>, WireError> {
        if self.checksum == self.checksum_with(payload) {
            Ok(Reader::new(payload))
        } else {
            Err(WireError::Checksum)
        }
    }

    fn checksum_with(&self, payload: &[u8]) -> u32 {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&self.encode()[..CHECKSUM_AT]);
        hasher.update(payload);
        hasher.finalize()
    }

    pub(super) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..4].copy_from_slice(&MAGIC);
        bytes[4..6].copy_from_slice(&VERSION.to_le_bytes());
        bytes[6] = self.kind as u8;
        bytes[7..39].copy_from_slice(&self.parameters.0);
        bytes[39..CHECKSUM_AT].copy_from_slice(&self.payload_length.to_le_bytes());
        bytes[CHECKSUM_AT..].copy_from_slice(&self.checksum.to_le_bytes());
        bytes
    }
}

const MAGIC: [u8; 4] = *b"BSGT";

/// Where the checksum stands in the header: it covers everything before it.
const CHECKSUM_AT: usize = HEADER_BYTES - 4;
