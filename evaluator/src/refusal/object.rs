//! What is wrong with an object of the wire format, as a code of the protocol.

use blindsight_ckks::wire::ReadError;
use blindsight_ckks::wire::frame::{ObjectKind, WireError};
use blindsight_engine::RequestError;

use super::{Code, Refusal};

/// The code that stands for a reader's error.
#[must_use]
pub fn code_of(error: &ReadError) -> Code {
    match error {
        ReadError::Frame(error) => code_of_frame(error),
        ReadError::Residues { .. } => Code::Coefficient,
        ReadError::Level { .. } | ReadError::NoSuchLevel { .. } => Code::Level,
        ReadError::Scale { .. } => Code::Scale,
        ReadError::OtherKey => Code::WrongKey,
        ReadError::Key(_)
        | ReadError::KeyKind { .. }
        | ReadError::KeyDigits { .. }
        | ReadError::KeyOrder { .. }
        | ReadError::KeyLength { .. } => Code::KeyShape,
        _ => Code::InvalidObject,
    }
}

fn code_of_frame(error: &WireError) -> Code {
    match error {
        WireError::NotBlindsight => Code::NotBlindsight,
        WireError::Version { .. } => Code::FormatVersion,
        WireError::UnknownKind { .. } => Code::UnknownKind,
        WireError::Kind { found: ObjectKind::SecretKey, .. } => Code::SecretKey,
        WireError::Kind { .. } => Code::WrongKind,
        WireError::Parameters { .. } => Code::Parameters,
        WireError::TooLong { .. } | WireError::TooMany { .. } => Code::TooLong,
        WireError::Truncated { .. } => Code::Truncated,
        WireError::Trailing { .. } => Code::Trailing,
        WireError::Checksum => Code::Damaged,
        WireError::PayloadEnds { .. } | WireError::Unread { .. } => Code::ContentLength,
        WireError::NotFinite { .. } => Code::NotFinite,
        _ => Code::InvalidObject,
    }
}

impl From<blindsight_exact::wire::ReadError> for Refusal {
    fn from(error: blindsight_exact::wire::ReadError) -> Self {
        use blindsight_exact::wire::ReadError as Exact;
        let code = match &error {
            Exact::Frame(error) => code_of_frame(error),
            Exact::Numbers { .. } => Code::Coefficient,
            Exact::OtherPiece { .. } => Code::WrongKey,
            Exact::Parameters(_) => Code::KeyShape,
            _ => Code::InvalidObject,
        };
        Self::new(code, sentence(&error.to_string()))
    }
}

impl From<RequestError> for Refusal {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::Scheme(error) => error.into(),
            RequestError::Signs(error) => error.into(),
            // A model is run in the way of its own contract.
            error => Self::new(Code::WrongKind, sentence(&error.to_string())),
        }
    }
}

impl From<ReadError> for Refusal {
    fn from(error: ReadError) -> Self {
        Self::new(code_of(&error), sentence(&error.to_string()))
    }
}

/// Errors are written to stand after a colon; alone they are a sentence.
pub(crate) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).chain(['.']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_key_is_told_apart() {
        let (expected, found) = (ObjectKind::EvaluationKeySet, ObjectKind::SecretKey);
        let refusal = Refusal::from(ReadError::Frame(WireError::Kind { expected, found }));
        assert_eq!(refusal.code, Code::SecretKey);
        let found = ObjectKind::Response;
        let refusal = Refusal::from(ReadError::Frame(WireError::Kind { expected, found }));
        assert_eq!(refusal.code, Code::WrongKind);
    }

    #[test]
    fn details_are_sentences() {
        let refusal = Refusal::from(ReadError::Frame(WireError::Checksum));
        assert_eq!(refusal.detail, "The object is damaged: its checksum does not match.");
        assert_eq!(refusal.code.status(), 422);
    }
}
