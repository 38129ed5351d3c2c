//! How the end of a run is noted, once, by whoever may have to try several times.

use crate::store::state::deletions::Discarded;
use crate::store::state::jobs::{JobRow, JobState};
use crate::store::state::runs::{RunEnd, RunName, Start};
use crate::store::state::{self, Writes};
use crate::time::Timestamp;

/// Whether the end of a run counts.
#[derive(Debug)]
pub(super) enum Noted {
    /// It does, from now on.
    Now(JobRow),
    /// It did before: an earlier try went through, and only the database's word for it was lost.
    Before(JobRow),
    /// There is a later run, or there will be one.
    TakenOver,
    /// The job was cancelled or deleted.
    Unwanted,
}

impl Noted {
    /// The job, if the end counts.
    pub(super) fn into_row(self) -> Option<JobRow> {
        match self {
            Self::Now(row) | Self::Before(row) => Some(row),
            Self::TakenOver | Self::Unwanted => None,
        }
    }
}

/// Notes the end of a run. A result that nobody wants is given up for deletion.
pub(super) fn note_end(
    t: &dyn Writes,
    run: RunName,
    start: Start,
    end: &RunEnd,
    now: Timestamp,
) -> state::Result<Noted> {
    if let Some(row) = t.end_job(start, end, now)? {
        return Ok(Noted::Now(row));
    }
    let noted = match t.jobs_named(&[run.job])?.pop() {
        // Nobody but the run itself makes its job done.
        Some(row) if row.epoch == start.epoch && row.state == JobState::Done => {
            return Ok(Noted::Before(row));
        }
        Some(row) if row.epoch != start.epoch || row.state == JobState::Queued => Noted::TakenOver,
        _ => Noted::Unwanted,
    };
    // It may have been stored before it was known that nobody wants it.
    t.discard(Discarded::Result(run), 0)?;
    Ok(noted)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::caller::Caller;
    use crate::capability::Owner;
    use crate::store::Store;
    use crate::store::state::Database;
    use crate::store::state::jobs::NewRow;
    use crate::store::state::keys::{BundleName, NewKeys, StoredList};
    use crate::store::state::runs::Tenure;
    use crate::testing::TempFolder;

    const JOB: Uuid = Uuid::from_u128(5);
    const NOW: Timestamp = Timestamp(50);
    const END: RunEnd = RunEnd::Done { result_bytes: 9, evaluate_ms: 1 };

    fn started(db: &Database) -> (RunName, Start) {
        let (owner, caller) = (Owner([1; 32]), Caller::stored("c"));
        let (keys, list) = (Uuid::from_u128(1), StoredList { scheme: [3; 32], manifest: vec![] });
        let row = db.write(|t| {
            t.insert_key_set(&NewKeys {
                id: keys,
                owner,
                caller: &caller,
                bundle: BundleName { sha256: [7; 32], place: keys },
                list: &list,
                count: 0,
                bytes: 0,
                created_at: NOW,
                expires_at: Timestamp(5000),
            })?;
            t.insert_job(&NewRow {
                id: JOB,
                owner,
                caller: &caller,
                keys,
                with: &[],
                model: "m",
                contract: [5; 32],
                steps: 3,
                idempotency_key: None,
                request_sha256: [6; 32],
                request_bytes: 0,
                cost_ms: 1,
                trace: None,
                created_at: NOW,
            })?;
            let seq = t.waiting_jobs(1)?[0].seq;
            t.start_job(seq, Tenure { worker: keys, lease_ms: 600_000 }, NOW)
        });
        let row = row.unwrap().unwrap();
        let start = Start { seq: row.seq, epoch: row.epoch };
        (RunName { job: JOB, epoch: row.epoch }, start)
    }

    fn results_to_delete(db: &Database) -> u64 {
        db.read(|c| c.pending_deletions()).unwrap().count
    }

    #[test]
    fn an_end_that_is_noted_again_keeps_its_result() {
        let folder = TempFolder::new();
        let store = Store::open(folder.path(), None, None).unwrap();
        let db = &store.db;
        let (run, start) = started(db);
        let note = |start| db.write(|t| note_end(t, run, start, &END, NOW)).unwrap();
        assert!(matches!(note(start), Noted::Now(row) if row.state == JobState::Done));
        // As after a commit whose confirmation was lost.
        assert!(matches!(note(start), Noted::Before(row) if row.state == JobState::Done));
        assert_eq!(results_to_delete(db), 0);
        // Another run of the same job has no such claim.
        let other = Start { epoch: start.epoch + 1, ..start };
        assert!(matches!(note(other), Noted::TakenOver));
        assert_eq!(results_to_delete(db), 1);
    }
}
