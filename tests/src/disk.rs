//! What a data folder holds.

use std::fs;
use std::path::Path;

/// Bytes of all blobs and unfinished uploads in a data folder: everything but the database and the
/// lock.
pub fn stored_bytes(data: &Path) -> u64 {
    let mut bytes = 0;
    for entry in fs::read_dir(data).expect("a folder") {
        let entry = entry.expect("an entry of a folder");
        let name = entry.file_name();
        // A file may be gone between the two looks.
        let Ok(metadata) = entry.metadata() else { continue };
        if metadata.is_dir() {
            bytes += stored_bytes(&entry.path());
        } else if !name.to_string_lossy().starts_with("state.sqlite") {
            bytes += metadata.len();
        }
    }
    bytes
}
