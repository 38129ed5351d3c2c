//! The rows of unfinished uploads.

use uuid::Uuid;

use super::Result;
use super::keys::StoredList;
use crate::caller::Caller;
use crate::capability::Owner;
use crate::time::Timestamp;

/// An upload that is not complete, or was refused a while ago.
#[derive(Debug, Clone)]
pub struct UploadRow {
    /// Its name.
    pub id: Uuid,
    /// Whose it is.
    pub owner: Owner,
    /// Whose share it comes out of.
    pub caller: Caller,
    /// The keys that are uploaded.
    pub list: StoredList,
    /// Bytes of the bundle.
    pub length: u64,
    /// Bytes that count: they are on the disk, or in parts.
    pub received: u64,
    /// The bundle's SHA-256, if the client knew it.
    pub sha256: Option<[u8; 32]>,
    /// The code of why it was refused; nothing more is taken then.
    pub refused: Option<String>,
    /// When it was started.
    pub created_at: Timestamp,
    /// When it is deleted if nobody continues it.
    pub expires_at: Timestamp,
    /// That of the request which took it last; only with it bytes are committed.
    pub token: u64,
}

/// An object with bytes of an upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartRow {
    /// Where in the upload it starts.
    pub start: u64,
    /// Its length.
    pub bytes: u64,
    /// The token of the request that stored it: with `start`, its name.
    pub token: u64,
    /// The SHA-256 of its bytes.
    pub sha256: [u8; 32],
}

impl PartRow {
    /// Where it ends.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.start + self.bytes
    }
}

/// For how long one can ask why an upload was refused.
pub(crate) const REFUSED_SECONDS: u64 = 600;

/// How many refused uploads of a caller are remembered.
pub(crate) const REFUSED_OF_CALLER: u32 = 8;

/// What can be asked of uploads.
pub trait ReadUploads {
    /// An upload, if it is there and the owner's.
    ///
    /// # Errors
    /// When the database fails.
    fn upload(&self, owner: Owner, id: Uuid) -> Result<Option<UploadRow>>;

    /// Whether an upload still takes bytes.
    ///
    /// # Errors
    /// When the database fails.
    fn takes_bytes(&self, id: Uuid) -> Result<bool>;

    /// Some uploads of a caller, or of everybody, without progress and without a writer since
    /// `before`: in the order in which they have been idle, those first of which no byte came.
    ///
    /// # Errors
    /// When the database fails.
    fn idle_uploads(
        &self,
        caller: Option<&Caller>,
        before: Timestamp,
    ) -> Result<Vec<(Owner, Uuid)>>;

    /// Uploads whose bytes are all there.
    ///
    /// # Errors
    /// When the database fails.
    fn complete_uploads(&self) -> Result<Vec<(Owner, Uuid)>>;

    /// Uploads whose time has come and that nobody has taken to write: some of them.
    ///
    /// # Errors
    /// When the database fails.
    fn expired_uploads(&self, now: Timestamp) -> Result<Vec<(Owner, Uuid)>>;

    /// The parts of an upload, in their order.
    ///
    /// # Errors
    /// When the database fails.
    fn upload_parts(&self, id: Uuid) -> Result<Vec<PartRow>>;

    /// The parts of all uploads: upload, start and token.
    ///
    /// # Errors
    /// When the database fails.
    fn all_upload_parts(&self) -> Result<Vec<(Uuid, u64, u64)>>;

    /// Uploads with bytes that are in no part.
    ///
    /// # Errors
    /// When the database fails.
    fn uploads_without_parts(&self) -> Result<Vec<(Owner, Uuid)>>;
}

/// What can be done with uploads.
pub trait WriteUploads {
    /// Notes an upload.
    ///
    /// # Errors
    /// When the database fails.
    fn insert_upload(&self, row: &UploadRow) -> Result<()>;

    /// Takes an upload to write: it gets a new token, and counts as written to until then. `None`
    /// if it is not there, or another's.
    ///
    /// # Errors
    /// When the database fails.
    fn take_upload(&self, owner: Owner, id: Uuid, until: Timestamp) -> Result<Option<UploadRow>>;

    /// Whoever took an upload still writes. `false` if somebody took it since, or it is gone.
    ///
    /// # Errors
    /// When the database fails.
    fn keep_writing(&self, row: &UploadRow, until: Timestamp) -> Result<bool>;

    /// Commits bytes that are on the disk, or in a part, which may take the place of one that starts
    /// where it does. `false` if the upload is not where it was, or somebody took it since.
    ///
    /// # Errors
    /// When the database fails.
    fn advance_upload(
        &self,
        row: &UploadRow,
        to: u64,
        part: Option<&PartRow>,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<bool>;

    /// Marks an upload as refused: its bytes no longer count, and for a while the row tells why. So
    /// many are remembered of a caller. `false` if somebody took it since, or it is gone.
    ///
    /// # Errors
    /// When the database fails.
    fn refuse_upload(&self, row: &UploadRow, code: &str, now: Timestamp) -> Result<bool>;

    /// Deletes an upload. `false` if it was not there, or another's.
    ///
    /// # Errors
    /// When the database fails.
    fn delete_upload(&self, owner: Owner, id: Uuid) -> Result<bool>;
}
