//! Files that hold formats still.

use std::fs;
use std::path::Path;

/// The golden file, after comparing it with what is made today (or writing that).
pub(crate) fn golden(path: &Path, today: &[u8]) -> Vec<u8> {
    if std::env::var_os("BLINDSIGHT_WRITE_GOLDEN").is_some() {
        fs::write(path, today).unwrap();
    }
    let golden = fs::read(path).unwrap();
    assert!(golden == today, "{} is made differently now", path.display());
    golden
}
