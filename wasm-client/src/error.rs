//! The only failures that cross the boundary.

use std::fmt;

use js_sys::Reflect;
use wasm_bindgen::JsValue;

/// What went wrong, for programs. The names in JavaScript are those of the SDK's error codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Code {
    /// An argument makes no sense.
    InvalidArgument,
    /// The file is no picture that this module decodes.
    UnsupportedPicture,
    /// The picture is too large for this module's memory.
    PictureTooLarge,
    /// The server's description of a model is not one that a client should act upon.
    ContractRefused,
    /// The encrypted answer is malformed.
    BadAnswer,
    /// The sealed seed cannot be opened with this key.
    StorageCorrupt,
    /// The system gives no random bytes.
    NoEntropy,
    /// `WebCrypto` is missing or refuses.
    UnsupportedEnvironment,
    /// A bug in this module.
    WorkerFailed,
}

impl Code {
    /// The code as JavaScript knows it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::InvalidArgument => "invalid_argument",
            Self::UnsupportedPicture => "unsupported_picture",
            Self::PictureTooLarge => "picture_too_large",
            Self::ContractRefused => "contract_refused",
            Self::BadAnswer => "bad_answer",
            Self::StorageCorrupt => "storage_corrupt",
            Self::NoEntropy => "no_entropy",
            Self::UnsupportedEnvironment => "unsupported_environment",
            Self::WorkerFailed => "worker_failed",
        }
    }
}

/// A code and a sentence. In JavaScript: an `Error` with the property `code`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientError {
    /// For programs.
    pub code: Code,
    /// For people.
    pub message: String,
}

impl ClientError {
    pub(crate) fn new(code: Code, message: impl fmt::Display) -> Self {
        Self { code, message: message.to_string() }
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ClientError {}

impl From<ClientError> for JsValue {
    fn from(error: ClientError) -> Self {
        let value = js_sys::Error::new(&error.message);
        // Setting a property of an object that was just made cannot fail; if it did, the error
        // without its code would still be an error.
        let _ = Reflect::set(&value, &"code".into(), &error.code.name().into());
        value.into()
    }
}
