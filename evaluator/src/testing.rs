//! What tests beside the code share.

use std::path::{Path, PathBuf};

/// A temporary folder, removed at the end.
pub(crate) struct TempFolder(PathBuf);

impl TempFolder {
    pub(crate) fn new() -> Self {
        let path =
            std::env::temp_dir().join(format!("blindsight-test-{}", crate::capability::new_id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempFolder {
    fn drop(&mut self) {
        // Nothing is lost if this fails: the folder is temporary.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
