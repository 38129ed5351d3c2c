//! A part of an upload: written, checked, made durable, committed, in this order.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::lock::UploadLock;
use super::take::{SAY_SO, shut_out};
use super::transfers::Transfer;
use super::{Progress, Uploads, finish};
use crate::blocking::blocking;
use crate::caller::Caller;
use crate::capability::Owner;
use crate::orphans;
use crate::refusal::{Code, Refusal};
use crate::store::staging::{StagedReader, StagedWriter};
use crate::store::state::uploads::{PartRow, UploadRow};
use crate::time::Timestamp;

/// What a client says of a part.
#[derive(Debug, Clone)]
pub struct Part {
    /// Where it belongs.
    pub offset: u64,
    /// Its length, if it was announced.
    pub length: Option<u64>,
    /// Its checksum, if there is one.
    pub checksum: Option<Checksum>,
}

/// A part's checksum. A part that has one counts as a whole or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Checksum {
    /// SHA-1: what every server of tus must know. It guards against accidents only.
    Sha1([u8; 20]),
    /// SHA-256.
    Sha256([u8; 32]),
}

/// How far the upload is after a part.
pub type Appended = Progress;

impl Uploads {
    /// Appends a part to an upload. What arrived before an interruption stays, if the part has no
    /// checksum.
    ///
    /// # Errors
    /// `not_found`, `gone`, `wrong_offset`, `body_too_large`, `checksum_mismatch`, `upload_busy`,
    /// `busy`, those of `body`, and those of a key that is wrong: then the upload is lost.
    pub async fn append<S>(
        self: &Arc<Self>,
        (owner, caller): (Owner, &Caller),
        id: Uuid,
        part: Part,
        mut body: S,
    ) -> Result<Appended, Refusal>
    where
        S: Stream<Item = Result<Bytes, Refusal>> + Unpin,
    {
        // Before the lock, which is a place in memory that strangers should not take.
        if self.look(owner, id).await?.is_complete() {
            return repeat_of_the_end(self, owner, id, &part).await;
        }
        let transfer = self.transfers.take(caller, Instant::now())?;
        let mut lock = self.locks.take(id).await?;
        let (offset, length, part_bytes) = (part.offset, part.length, self.config.part_bytes);
        let taken = self.take(owner, id, move |row| {
            check_offset(offset, row.received)?;
            let most = most(row, part_bytes);
            if length.is_some_and(|length| length > most) { Err(too_large(most)) } else { Ok(()) }
        });
        let Some((row, parts)) = taken.await? else {
            return repeat_of_the_end(self, owner, id, &part).await;
        };
        let progress = {
            let incoming = Incoming::open(self, &row, parts, part.checksum.as_ref(), transfer);
            match incoming.await {
                Ok(incoming) => self.receive(&row, incoming, &part, &mut body, &mut lock).await,
                Err(refusal) => Err(refusal),
            }
        };
        if !progress.as_ref().is_ok_and(|progress| progress.received > row.received) {
            self.writes_no_more(&row).await;
        }
        let progress = progress?;
        if progress.received < progress.length {
            return Ok(progress);
        }
        finish::finish(self, owner, id).await?;
        self.look(owner, id).await
    }

    /// Takes a part in and commits it.
    async fn receive<S>(
        self: &Arc<Self>,
        row: &UploadRow,
        mut incoming: Incoming,
        part: &Part,
        body: &mut S,
        lock: &mut UploadLock,
    ) -> Result<Progress, Refusal>
    where
        S: Stream<Item = Result<Bytes, Refusal>> + Unpin,
    {
        let most = most(row, self.config.part_bytes);
        let end = incoming.take_all(body, most, row, lock).await;
        self.metrics.uploaded_bytes.inc_by(incoming.count);
        if let Err(refusal) = &end
            && (part.checksum.is_some()
                || incoming.is_shut_out
                || refusal.code == Code::BodyTooLarge)
        {
            return Err(refusal.clone());
        }
        if let (Ok(()), Some(checksum)) = (&end, &part.checksum) {
            incoming.check(checksum)?;
        }
        if incoming.count == 0 {
            // Nothing came, so nothing is prolonged.
            end?;
            let expires_at = Some(row.expires_at);
            return Ok(Progress { received: row.received, length: row.length, expires_at });
        }
        let progress = commit(self, row.clone(), incoming).await?;
        end.map(|()| progress)
    }
}

/// A client that missed the answer to the last part sends it again, or asks with an empty one.
async fn repeat_of_the_end(
    uploads: &Arc<Uploads>,
    owner: Owner,
    id: Uuid,
    part: &Part,
) -> Result<Appended, Refusal> {
    let progress = uploads.look(owner, id).await?;
    check_offset(part.offset, progress.received)?;
    if part.length == Some(0) { Ok(progress) } else { Err(too_large(0)) }
}

fn check_offset(found: u64, received: u64) -> Result<(), Refusal> {
    if found == received {
        return Ok(());
    }
    let detail = format!("The upload stands at {received}, not at {found}.");
    Err(Refusal::new(Code::WrongOffset, detail))
}

/// How many bytes can be appended in a request.
fn most(row: &UploadRow, part_bytes: u64) -> u64 {
    (row.length - row.received).min(part_bytes)
}

fn too_large(most: u64) -> Refusal {
    let detail = format!("At most {most} bytes can be appended in this request.");
    Refusal::new(Code::BodyTooLarge, detail)
}

/// The bytes of a part on their way to the disk.
struct Incoming {
    uploads: Arc<Uploads>,
    writer: StagedWriter,
    pending: Vec<Bytes>,
    pending_bytes: usize,
    count: u64,
    hasher: Option<Hasher>,
    transfer: Transfer,
    /// Whether another process has taken the upload since.
    is_shut_out: bool,
}

enum Hasher {
    Sha1(Sha1),
    Sha256(Sha256),
}

/// How many bytes wait in memory for a write.
const WRITE_BYTES: usize = 256 << 10;

impl Incoming {
    async fn open(
        uploads: &Arc<Uploads>,
        row: &UploadRow,
        parts: Vec<PartRow>,
        checksum: Option<&Checksum>,
        transfer: Transfer,
    ) -> Result<Self, Refusal> {
        let writer = match uploads.store.staging.writer(row, parts).await {
            Ok(writer) => writer,
            Err(error) => return Err(uploads.failed(row, error).await),
        };
        let hasher = checksum.map(|checksum| match checksum {
            Checksum::Sha1(_) => Hasher::Sha1(Sha1::new()),
            Checksum::Sha256(_) => Hasher::Sha256(Sha256::new()),
        });
        let (pending, pending_bytes, count) = (Vec::new(), 0, 0);
        let (uploads, is_shut_out) = (uploads.clone(), false);
        Ok(Self { uploads, writer, pending, pending_bytes, count, hasher, transfer, is_shut_out })
    }

    /// Takes the body to its end, or to whatever interrupts it.
    async fn take_all<S>(
        &mut self,
        body: &mut S,
        most: u64,
        row: &UploadRow,
        lock: &mut UploadLock,
    ) -> Result<(), Refusal>
    where
        S: Stream<Item = Result<Bytes, Refusal>> + Unpin,
    {
        let mut stopping = self.uploads.lifecycle.stopping();
        let mut said = Instant::now();
        loop {
            if self.uploads.store.staging.has_parts() && said.elapsed() >= SAY_SO {
                if let Err(refusal) = self.uploads.still_writes(row).await {
                    self.is_shut_out = true;
                    return Err(refusal);
                }
                said = Instant::now();
            }
            let next = tokio::select! {
                next = body.next() => next,
                () = lock.wanted() => return Err(shut_out()),
                () = self.transfer.wanted() => {
                    let detail = "Others are waiting to upload; go on in a moment.";
                    return Err(Refusal::new(Code::Busy, detail).retry_after(2));
                }
                _ = stopping.wait_for(|&stopping| stopping) => return Err(Refusal::stopping()),
            };
            let Some(bytes) = next.transpose()? else {
                return self.flush().await;
            };
            self.count += bytes.len() as u64;
            self.transfer.moved(bytes.len() as u64);
            if self.count > most {
                return Err(too_large(most));
            }
            match &mut self.hasher {
                Some(Hasher::Sha1(hasher)) => hasher.update(&bytes),
                Some(Hasher::Sha256(hasher)) => hasher.update(&bytes),
                None => {}
            }
            self.pending_bytes += bytes.len();
            self.pending.push(bytes);
            if self.pending_bytes >= WRITE_BYTES {
                self.flush().await?;
            }
        }
    }

    async fn flush(&mut self) -> Result<(), Refusal> {
        let pending = std::mem::take(&mut self.pending);
        self.pending_bytes = 0;
        Ok(self.writer.write(pending).await?)
    }

    fn check(&mut self, checksum: &Checksum) -> Result<(), Refusal> {
        let matches = match (self.hasher.take(), checksum) {
            (Some(Hasher::Sha1(hasher)), Checksum::Sha1(expected)) => {
                hasher.finalize()[..] == expected[..]
            }
            (Some(Hasher::Sha256(hasher)), Checksum::Sha256(expected)) => {
                hasher.finalize()[..] == expected[..]
            }
            _ => false,
        };
        if matches {
            return Ok(());
        }
        let detail = "The part was damaged on its way: its checksum does not match. Send it again.";
        Err(Refusal::new(Code::ChecksumMismatch, detail))
    }
}

/// Checks what came, makes it durable and commits it.
async fn commit(
    uploads: &Arc<Uploads>,
    row: UploadRow,
    mut incoming: Incoming,
) -> Result<Progress, Refusal> {
    incoming.flush().await?;
    let received = row.received + incoming.count;
    check_frames(uploads, &row, &incoming.writer.reader(), received).await?;
    let begun = Instant::now();
    let part = match incoming.writer.sync().await {
        Ok(part) => part,
        Err(error) => return Err(uploads.failed(&row, error).await),
    };
    let (id, owner, length) = (row.id, row.owner, row.length);
    let committed = blocking(uploads, move |uploads| {
        let now = Timestamp::now();
        let expires_at = now.after_seconds(uploads.config.upload_seconds);
        let advanced = uploads.store.db.write(|t| {
            let is_late = part.is_some() && begun.elapsed() > orphans::COMMIT_WITHIN;
            Ok::<_, Refusal>(
                !is_late && t.advance_upload(&row, received, part.as_ref(), now, expires_at)?,
            )
        })?;
        Ok(advanced.then_some(Progress { received, length, expires_at: Some(expires_at) }))
    });
    let committed = committed.await?;
    incoming.writer.end(committed.is_some()).await;
    match committed {
        Some(progress) => Ok(progress),
        None if uploads.find(owner, id).await?.is_some() => Err(shut_out()),
        None => Err(Refusal::not_found()),
    }
}

/// Checks the keys that are complete when so many bytes are there.
async fn check_frames(
    uploads: &Arc<Uploads>,
    row: &UploadRow,
    reader: &StagedReader,
    received: u64,
) -> Result<(), Refusal> {
    let (model, keys, layout) = uploads.expected(row)?;
    let keys = Arc::new(keys);
    for frame in layout.completed(row.received, received) {
        let _one_at_a_time = uploads.frame_check.lock().await;
        let length = usize::try_from(frame.length).map_err(Refusal::internal)?;
        let bytes = match reader.read(frame.start, length).await {
            Ok(bytes) => bytes,
            Err(error) => return Err(uploads.failed(row, error).await),
        };
        let (model, keys) = (model.clone(), keys.clone());
        let checked =
            blocking(uploads, move |_| Ok(model.check_frame(&keys, frame.index, &bytes)?)).await;
        match checked {
            Ok(()) => {}
            Err(refusal) if matches!(refusal.code, Code::Internal | Code::UnknownModel) => {
                return Err(refusal);
            }
            Err(refusal) => return Err(uploads.refuse(row, refusal).await?),
        }
    }
    Ok(())
}
