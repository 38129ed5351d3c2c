//! What tests beside the code share.

use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::caller::Caller;
use crate::store::state::jobs::{JobRow, JobState};
use crate::time::Timestamp;

/// A job that waits.
pub(crate) fn job(number: u128) -> JobRow {
    JobRow {
        seq: number as i64,
        id: Uuid::from_u128(number),
        caller: Caller::stored("somebody"),
        keys: Uuid::from_u128(99),
        model: "a".to_owned(),
        contract: [0; 32],
        steps: 20,
        state: JobState::Queued,
        attempts: 0,
        epoch: 0,
        worker: None,
        step: 0,
        request_sha256: [0; 32],
        result_bytes: None,
        error: None,
        evaluate_ms: None,
        cost_ms: 1000,
        trace: None,
        created_at: Timestamp(0),
        started_at: None,
        finished_at: None,
    }
}

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
