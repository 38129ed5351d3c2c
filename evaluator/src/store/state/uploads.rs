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
    /// Bytes that are on the disk.
    pub received: u64,
    /// The bundle's SHA-256, if the client knew it.
    pub sha256: Option<[u8; 32]>,
    /// The code of why it was refused; nothing more is taken then.
    pub refused: Option<String>,
    /// When it was started.
    pub created_at: Timestamp,
    /// When it is deleted if nobody continues it.
    pub expires_at: Timestamp,
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

    /// Some uploads of a caller, or of everybody, without progress since `before`: in the order in
    /// which they have been idle, those first of which no byte came.
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

    /// Uploads whose time has come: some of them.
    ///
    /// # Errors
    /// When the database fails.
    fn expired_uploads(&self, now: Timestamp) -> Result<Vec<(Owner, Uuid)>>;
}

/// What can be done with uploads.
pub trait WriteUploads {
    /// Notes an upload.
    ///
    /// # Errors
    /// When the database fails.
    fn insert_upload(&self, row: &UploadRow) -> Result<()>;

    /// Commits bytes that are on the disk. `false` if the upload is not where it was.
    ///
    /// # Errors
    /// When the database fails.
    fn advance_upload(
        &self,
        row: &UploadRow,
        to: u64,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<bool>;

    /// Marks an upload as refused: its bytes no longer count, and for a while the row tells why. So
    /// many are remembered of a caller.
    ///
    /// # Errors
    /// When the database fails.
    fn refuse_upload(&self, row: &UploadRow, code: &str, now: Timestamp) -> Result<()>;

    /// Deletes an upload. `false` if it was not there, or another's.
    ///
    /// # Errors
    /// When the database fails.
    fn delete_upload(&self, owner: Owner, id: Uuid) -> Result<bool>;
}
