//! Unfinished uploads as objects, which every process can continue.
//!
//! A request's bytes are one object, a part. It is there before the row that names it commits, and
//! never changes. A part that is small is taken up into the next one, so that many small requests
//! make no many objects.
//!
//! A part is in memory while it is sent: `part_bytes` (16 MiB) and [`SMALL`] at most, for each of the
//! uploads that are written to at a time (`uploads_at_once`, 16). So it is again while an upload is
//! finished, of which there are few at a time.

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::blocking;
use crate::store::blobs::Blob;
use crate::store::state::uploads::{PartRow, UploadRow};
use crate::store::{Blobs, StoreError};

/// Shorter parts are taken up into the next one.
const SMALL: u64 = 256 << 10;

/// Uploads as objects.
#[derive(Debug, Clone)]
pub(super) struct Objects {
    blobs: Blobs,
}

impl Objects {
    pub(super) fn new(blobs: Blobs) -> Self {
        Self { blobs }
    }

    /// Writes to the end of an upload with these parts.
    ///
    /// # Errors
    /// When the last part is taken up and cannot be read, or the parts are not all there.
    pub(super) async fn writer(
        &self,
        row: &UploadRow,
        mut parts: Vec<PartRow>,
    ) -> Result<ObjectWriter, StoreError> {
        check(row, &parts)?;
        let taken_up = parts.pop_if(|last| last.bytes < SMALL);
        let (start, mut blocks) = (parts.last().map_or(0, PartRow::end), Vec::new());
        if let Some(part) = &taken_up {
            let bytes = self.blobs.get(blob(row.id, part)).await?;
            check_part(part.clone(), bytes.clone()).await?;
            blocks.push(bytes);
        }
        let (blobs, id, token) = (self.blobs.clone(), row.id, row.token);
        Ok(ObjectWriter { blobs, id, token, parts, taken_up, start, blocks, put: None })
    }

    /// Reads an upload with these parts.
    ///
    /// # Errors
    /// When the parts are not all there.
    pub(super) fn pieces(
        &self,
        row: &UploadRow,
        parts: Vec<PartRow>,
    ) -> Result<Pieces, StoreError> {
        check(row, &parts)?;
        Ok(Pieces { blobs: self.blobs.clone(), id: row.id, parts, blocks: Vec::new() })
    }

    /// Deletes all parts of an upload, and what was stored beside them.
    ///
    /// # Errors
    /// When the store fails.
    pub(super) async fn delete(&self, id: Uuid) -> Result<(), StoreError> {
        self.blobs.delete_upload(id).await
    }
}

/// Whether parts are what counts of an upload.
fn check(row: &UploadRow, parts: &[PartRow]) -> Result<(), StoreError> {
    let mut end = 0;
    for part in parts {
        if part.start != end {
            return Err(StoreError::Damaged);
        }
        end = part.end();
    }
    if end == row.received { Ok(()) } else { Err(StoreError::Damaged) }
}

/// Whether bytes are those of a part.
async fn check_part(part: PartRow, bytes: Bytes) -> Result<(), StoreError> {
    let sha256: [u8; 32] = blocking(move || Ok(Sha256::digest(&bytes).into())).await?;
    if sha256 == part.sha256 { Ok(()) } else { Err(StoreError::Damaged) }
}

fn blob(upload: Uuid, part: &PartRow) -> Blob {
    Blob::Part { upload, start: part.start, token: part.token }
}

/// Collects a part.
#[derive(Debug)]
pub(super) struct ObjectWriter {
    blobs: Blobs,
    id: Uuid,
    token: u64,
    parts: Vec<PartRow>,
    /// The last part, if it was small: its bytes are the first of this one.
    taken_up: Option<PartRow>,
    start: u64,
    blocks: Vec<Bytes>,
    /// What was stored.
    put: Option<PartRow>,
}

impl ObjectWriter {
    /// Appends. What a connection gives may be small pieces of large buffers, so it is copied.
    pub(super) fn write(&mut self, bytes: &[Bytes]) {
        let block = bytes.concat();
        if !block.is_empty() {
            self.blocks.push(block.into());
        }
    }

    /// What counts, and what was written.
    pub(super) fn pieces(&self) -> Pieces {
        let mut start = self.start;
        let blocks = self.blocks.iter().map(|block| {
            let at = start;
            start += block.len() as u64;
            (at, block.clone())
        });
        let blocks = blocks.collect();
        Pieces { blobs: self.blobs.clone(), id: self.id, parts: self.parts.clone(), blocks }
    }

    /// Stores the part, which nobody else can name.
    ///
    /// # Errors
    /// When the store fails.
    pub(super) async fn put(&mut self) -> Result<PartRow, StoreError> {
        let blocks = self.blocks.clone();
        let sha256 = blocking(move || {
            let mut hasher = Sha256::new();
            blocks.iter().for_each(|block| hasher.update(block));
            Ok(hasher.finalize().into())
        });
        let sha256 = sha256.await?;
        let bytes = self.blocks.iter().map(|block| block.len() as u64).sum();
        let part = PartRow { start: self.start, bytes, token: self.token, sha256 };
        self.put = Some(part.clone());
        self.blobs.put_blocks(blob(self.id, &part), self.blocks.clone()).await?;
        Ok(part)
    }

    /// Deletes the part that this one took up if this one counts, and else this one.
    pub(super) async fn end(self, counts: bool) {
        let unneeded = if counts { self.taken_up } else { self.put };
        let Some(part) = unneeded else { return };
        if let Err(error) = self.blobs.delete(blob(self.id, &part)).await {
            // It goes with the upload, or when it is found that no row names it.
            tracing::debug!(%error, upload = %self.id, "a part that does not count is left");
        }
    }
}

/// The bytes of an upload: parts, and then what is in memory.
#[derive(Debug)]
pub(super) struct Pieces {
    blobs: Blobs,
    id: Uuid,
    parts: Vec<PartRow>,
    blocks: Vec<(u64, Bytes)>,
}

impl Pieces {
    /// So many bytes from there on, over the bounds of parts.
    ///
    /// # Errors
    /// When they are not all there.
    pub(super) async fn read(&self, start: u64, length: usize) -> Result<Bytes, StoreError> {
        let end = start + length as u64;
        let mut bytes = Vec::with_capacity(length);
        for part in &self.parts {
            let (from, to) = (start.max(part.start), end.min(part.end()));
            if from < to {
                let range = from - part.start..to - part.start;
                bytes.extend(self.blobs.get_range(blob(self.id, part), range).await?);
            }
        }
        for (at, block) in &self.blocks {
            let (from, to) = (start.max(*at), end.min(at + block.len() as u64));
            if from < to {
                // Both lie within the block, which is in memory.
                bytes.extend(&block[(from - at) as usize..(to - at) as usize]);
            }
        }
        if bytes.len() == length { Ok(bytes.into()) } else { Err(StoreError::Damaged) }
    }

    /// The SHA-256 of so many bytes, which must end with a part. Every part is compared with what it
    /// was when it was stored.
    ///
    /// # Errors
    /// When a part cannot be read or is another.
    pub(super) async fn sha256(&self, length: u64) -> Result<[u8; 32], StoreError> {
        if self.parts.last().map_or(0, PartRow::end) != length {
            return Err(StoreError::Damaged);
        }
        let mut hasher = Sha256::new();
        for part in &self.parts {
            let bytes = self.blobs.get(blob(self.id, part)).await?;
            check_part(part.clone(), bytes.clone()).await?;
            let hashed = blocking(move || {
                hasher.update(&bytes);
                Ok(hasher)
            });
            hasher = hashed.await?;
        }
        Ok(hasher.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::caller::Caller;
    use crate::capability::Owner;
    use crate::store::state::keys::StoredList;
    use crate::testing::TempFolder;
    use crate::time::Timestamp;

    fn row(received: u64, token: u64) -> UploadRow {
        UploadRow {
            id: Uuid::from_u128(5),
            owner: Owner([0; 32]),
            caller: Caller::stored("c"),
            list: StoredList { scheme: [0; 32], manifest: Vec::new() },
            length: 1 << 30,
            received,
            sha256: None,
            refused: None,
            created_at: Timestamp(0),
            expires_at: Timestamp(0),
            token,
        }
    }

    fn bytes(from: u64, to: u64) -> Bytes {
        (from..to).map(|at| (at * 7 + (at >> 8)) as u8).collect()
    }

    fn files(folder: &TempFolder) -> Vec<String> {
        let folder = folder.path().join("uploads").join(Uuid::from_u128(5).to_string());
        let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Appends bytes as a request does, and returns the parts afterwards.
    async fn append(
        objects: &Objects,
        parts: &[PartRow],
        to: u64,
        token: u64,
    ) -> Result<Vec<PartRow>, StoreError> {
        let from = parts.last().map_or(0, PartRow::end);
        let mut writer = objects.writer(&row(from, token), parts.to_vec()).await?;
        let middle = from + (to - from) / 3;
        writer.write(&[bytes(from, middle), Bytes::new()]);
        writer.write(&[bytes(middle, to)]);
        let read = writer.pieces().read(0, to as usize).await?;
        assert_eq!(read, bytes(0, to), "before it is stored");
        let part = writer.put().await?;
        writer.end(true).await;
        let mut parts = parts.to_vec();
        parts.retain(|kept| kept.start != part.start);
        parts.push(part);
        Ok(parts)
    }

    #[actix_web::test]
    async fn parts_are_read_over_their_bounds_and_small_ones_are_taken_up() {
        let folder = TempFolder::new();
        let objects = Objects::new(Blobs::in_folder(folder.path()).unwrap());
        let mut parts = Vec::new();
        let ends = [10, 11, SMALL + 5, SMALL + 6, 2 * SMALL, 2 * SMALL + 9];
        for (token, to) in (1..).zip(ends) {
            parts = append(&objects, &parts, to, token).await.unwrap();
        }
        let starts: Vec<u64> = parts.iter().map(|part| part.start).collect();
        assert_eq!(starts, [0, SMALL + 5]);
        assert_eq!(files(&folder), ["0.3".to_owned(), format!("{}.6", SMALL + 5)]);
        let end = ends[5];
        let pieces = objects.pieces(&row(end, 7), parts.clone()).unwrap();
        for (from, to) in [(0, 1), (SMALL, SMALL + 10), (SMALL + 5, SMALL + 6), (0, end)] {
            let read = pieces.read(from, (to - from) as usize).await.unwrap();
            assert_eq!(read, bytes(from, to), "{from} to {to}");
        }
        assert!(matches!(pieces.read(end, 1).await, Err(StoreError::Damaged)));
        let expected: [u8; 32] = Sha256::digest(bytes(0, end)).into();
        assert_eq!(pieces.sha256(end).await.unwrap(), expected);
        assert!(matches!(pieces.sha256(end - 1).await, Err(StoreError::Damaged)));
        // Parts that are not what counts.
        assert!(matches!(
            objects.pieces(&row(end + 1, 7), parts.clone()),
            Err(StoreError::Damaged)
        ));
        assert!(matches!(
            objects.pieces(&row(end, 7), parts[1..].to_vec()),
            Err(StoreError::Damaged)
        ));
        objects.delete(Uuid::from_u128(5)).await.unwrap();
        assert!(files(&folder).is_empty());
        assert!(pieces.read(0, 1).await.unwrap_err().is_missing_blob());
    }

    #[actix_web::test]
    async fn a_part_that_does_not_count_is_deleted_and_a_damaged_one_noticed() {
        let folder = TempFolder::new();
        let objects = Objects::new(Blobs::in_folder(folder.path()).unwrap());
        let parts = append(&objects, &[], 100, 1).await.unwrap();
        let mut late = objects.writer(&row(100, 2), parts.clone()).await.unwrap();
        late.write(&[bytes(100, 150)]);
        late.put().await.unwrap();
        assert_eq!(files(&folder), ["0.1", "0.2"]);
        late.end(false).await;
        assert_eq!(files(&folder), ["0.1"]);

        let path = folder.path().join("uploads").join(Uuid::from_u128(5).to_string()).join("0.1");
        let mut damaged = bytes(0, 100).to_vec();
        damaged[50] ^= 1;
        std::fs::write(path, damaged).unwrap();
        let pieces = objects.pieces(&row(100, 3), parts.clone()).unwrap();
        assert!(matches!(pieces.sha256(100).await, Err(StoreError::Damaged)));
        let writer = objects.writer(&row(100, 3), parts).await;
        assert!(matches!(writer, Err(StoreError::Damaged)));
    }
}
