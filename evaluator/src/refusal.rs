//! Every way in which the service says no: a fixed status and a stable code for each.

mod object;

use std::fmt;

pub use object::code_of;
pub(crate) use object::sentence;

/// A request that was not granted: what a client is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Which refusal.
    pub code: Code,
    /// What is wrong with this request, in a sentence.
    pub detail: String,
    /// After how many seconds it may be worth trying again.
    pub retry_after: Option<u32>,
}

impl Refusal {
    /// A refusal with its own sentence.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), retry_after: None }
    }

    /// The refusal with advice on when to try again.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// What is not there, or another's: nobody can tell which.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(Code::NotFound, "There is nothing here, or it is not yours.")
    }

    /// A model that is not served, or not any more.
    #[must_use]
    pub fn unknown_model(id: &str) -> Self {
        let abridged: String = id.chars().take(64).collect();
        Self::new(Code::UnknownModel, format!("The model {abridged:?} is not served here."))
    }

    /// Scores of a model whose owner allows its label alone.
    #[must_use]
    pub fn scores_withheld(id: &str) -> Self {
        let detail = format!("Of the model {id:?}, only the label is answered here.");
        Self::new(Code::ScoresWithheld, detail)
    }

    /// A failure of the service itself. The cause goes to the log, not to the client.
    pub fn internal(cause: impl fmt::Display) -> Self {
        tracing::error!(%cause, "internal failure");
        Self::new(Code::Internal, "The service failed. It is not your fault; try again later.")
            .retry_after(5)
    }

    /// The service is being stopped.
    #[must_use]
    pub fn stopping() -> Self {
        Self::new(Code::Stopping, "The service is being restarted.").retry_after(5)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.detail)
    }
}

impl std::error::Error for Refusal {}

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $status:literal $code:literal $title:literal;)*) => {
        /// Why a request was not granted. Codes are part of the protocol and never change meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $($(#[$doc])* $variant,)*
        }

        impl Code {
            /// All codes.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The HTTP status.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)* }
            }

            /// The name, in snake case.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// What it means in general.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)* }
            }
        }
    };
}

codes! {
    /// Malformed request.
    BadRequest = 400 "bad_request" "The request is malformed";
    /// `Upload-Length` missing, malformed or not the bundle's.
    UploadLength = 400 "wrong_upload_length" "The length is not that of a key bundle";
    /// `Upload-Metadata` malformed.
    UploadMetadata = 400 "bad_upload_metadata" "The upload's metadata are malformed";
    /// `Upload-Offset` missing or malformed.
    UploadOffset = 400 "bad_upload_offset" "The upload's offset is malformed";
    /// `Upload-Checksum` malformed or of an unknown algorithm.
    ChecksumHeader = 400 "bad_upload_checksum" "The checksum header is malformed";
    /// `Idempotency-Key` malformed.
    IdempotencyKey = 400 "bad_idempotency_key" "The idempotency key is malformed";
    /// The body ended before its announced length.
    BodyIncomplete = 400 "body_incomplete" "The body ended too early";
    /// No service token, API key or JWT, or one that opens nothing.
    Unauthorized = 401 "unauthorized" "A token or key is needed";
    /// Scores of a model whose owner allows its label alone.
    ScoresWithheld = 403 "scores_withheld" "The model answers with the label alone";
    /// Not there, or another's.
    NotFound = 404 "not_found" "Not found";
    /// A model that is not served.
    UnknownModel = 404 "unknown_model" "The model is not served here";
    /// No such method on this resource.
    MethodNotAllowed = 405 "method_not_allowed" "The method is not allowed here";
    /// The body came too slowly.
    BodyTimeout = 408 "body_timeout" "The body came too slowly";
    /// Not the offset at which the upload stands.
    WrongOffset = 409 "wrong_offset" "The upload stands at another offset";
    /// A result before the job is done.
    NotReady = 409 "not_ready" "The result is not ready";
    /// A result that expired or will never be, an upload that was refused.
    Gone = 410 "gone" "It is gone";
    /// Another protocol version of tus.
    TusVersion = 412 "wrong_tus_version" "The tus version is not supported";
    /// A body beyond its limit.
    BodyTooLarge = 413 "body_too_large" "The body is too large";
    /// Another content type.
    ContentType = 415 "wrong_content_type" "The content type is wrong";
    /// A job without the name of a model.
    ModelMissing = 422 "model_missing" "The model is not named";
    /// An upload of keys that are all there already.
    NothingMissing = 422 "nothing_missing" "No key is missing";
    /// Key sets that lack a key of the model, or do not belong together.
    KeysDoNotFit = 422 "keys_do_not_fit" "The keys are not those of the model";
    /// Not one of our objects.
    NotBlindsight = 422 "not_blindsight" "The bytes are not a Blindsight object";
    /// Another format version.
    FormatVersion = 422 "unsupported_version" "The format version is not supported";
    /// No kind of object.
    UnknownKind = 422 "unknown_kind" "The object is of an unknown kind";
    /// Another kind of object.
    WrongKind = 422 "wrong_kind" "The object is of another kind";
    /// A secret key: refused unread, and never stored.
    SecretKey = 422 "secret_key_refused" "Secret keys must never be sent";
    /// Another parameter set.
    Parameters = 422 "wrong_parameters" "The object belongs to another parameter set";
    /// A payload length beyond what fits.
    TooLong = 422 "too_long" "The object is too long";
    /// The object is cut off.
    Truncated = 422 "truncated" "The object is cut off";
    /// Bytes after the object.
    Trailing = 422 "trailing_bytes" "Bytes follow the object";
    /// The checksum inside the object does not match.
    Damaged = 422 "damaged" "The object is damaged";
    /// The content is shorter or longer than its fields.
    ContentLength = 422 "wrong_content_length" "The object's content has the wrong length";
    /// An infinite number or NaN.
    NotFinite = 422 "not_finite" "A number is not finite";
    /// A coefficient that is not below its modulus, or bad padding.
    Coefficient = 422 "bad_coefficient" "A coefficient is not below its modulus";
    /// Another level.
    Level = 422 "wrong_level" "The ciphertext is at another level";
    /// Another scale.
    Scale = 422 "wrong_scale" "The ciphertext has another scale";
    /// Another key of the set.
    WrongKey = 422 "wrong_key" "The evaluation key is another than expected";
    /// A key for another circuit.
    KeyShape = 422 "wrong_key_shape" "The keys were made for another circuit";
    /// Anything else that is wrong with an object.
    InvalidObject = 422 "invalid_object" "The object is not valid";
    /// The bundle's SHA-256 is not the announced one.
    Sha256Mismatch = 422 "sha256_mismatch" "The keys are not the announced ones";
    /// The same idempotency key with another request.
    IdempotencyMismatch = 422 "idempotency_mismatch" "The idempotency key was used otherwise";
    /// Another request is writing to the upload.
    UploadBusy = 423 "upload_busy" "The upload is being written to";
    /// A name in `Host` that is not the service's.
    WrongHost = 421 "wrong_host" "The service does not go by that name";
    /// The job queue is full.
    QueueFull = 429 "queue_full" "The queue is full";
    /// Too many jobs of one key set.
    TooManyJobs = 429 "too_many_jobs" "Too many jobs at once";
    /// As many jobs as a tenant may have on a day.
    DailyQuota = 429 "daily_quota" "No more jobs today";
    /// Too many unfinished uploads.
    TooManyUploads = 429 "too_many_uploads" "Too many unfinished uploads";
    /// Too many requests of this kind at this moment.
    Busy = 429 "busy" "Too busy at this moment";
    /// The checksum of an upload's part does not match (tus).
    ChecksumMismatch = 460 "checksum_mismatch" "The checksum does not match";
    /// The service failed.
    Internal = 500 "internal" "The service failed";
    /// The service is stopping.
    Stopping = 503 "stopping" "The service is being restarted";
    /// No new jobs are accepted, while those that wait still run.
    Draining = 503 "draining" "No new jobs are accepted";
    /// The service's storage does not work.
    StorageUnavailable = 503 "storage_unavailable" "Storage does not work";
    /// The disk limit of the service or of the capability, or the disk itself.
    StorageFull = 507 "storage_full" "There is no room left";
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn codes_are_distinct_and_snake_case() {
        let names: HashSet<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(names.len(), Code::ALL.len());
        for name in names {
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            assert!(name.chars().all(plain), "{name}");
        }
        assert!(Code::ALL.iter().all(|code| (400..600).contains(&code.status())));
    }

    #[test]
    fn the_protocol_document_lists_every_code() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/protocol.md");
        let document = std::fs::read_to_string(path).unwrap();
        for code in Code::ALL {
            let row = format!("| {} | `{}` |", code.status(), code.as_str());
            assert!(document.contains(&row), "docs/protocol.md lacks the row {row}");
        }
    }
}
