//! What every database must do in the same way: each test runs on SQLite, and on PostgreSQL where
//! `tests/with-postgres.sh` offers one.

mod tenants;

use uuid::Uuid;

use super::deletions::{Discarded, Due, Pending};
use super::jobs::{JobError, JobState, NewRow, Recovered, RunEnd, Start};
use super::keys::{NewKeys, StoredList};
use super::uploads::UploadRow;
use super::usage::{Scope, Usage};
use super::{Database, StateError};
use crate::caller::Caller;
use crate::capability::Owner;
use crate::store::sqlite::Sqlite;
use crate::testing::TempFolder;
use crate::time::Timestamp;

const OWNER: Owner = Owner([1; 32]);
const SHA256: [u8; 32] = [7; 32];

fn on_each(test: impl Fn(&Database)) {
    let folder = TempFolder::new();
    test(&Database::new(Sqlite::open(&folder.path().join("x.sqlite")).unwrap()));
    #[cfg(feature = "postgres")]
    if let Some(url) = crate::store::postgres::testing::new_database() {
        test(&Database::new(crate::store::postgres::Postgres::open(&url).unwrap()));
    }
}

fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

fn caller(name: &str) -> Caller {
    Caller::stored(name)
}

fn list() -> StoredList {
    StoredList { scheme: [3; 32], manifest: vec![4; 50] }
}

fn upload(number: u128, length: u64) -> UploadRow {
    UploadRow {
        id: id(number),
        owner: OWNER,
        caller: caller("c"),
        list: list(),
        length,
        received: 0,
        sha256: number.is_multiple_of(2).then_some(SHA256),
        refused: None,
        created_at: Timestamp(1000 + number as i64),
        expires_at: Timestamp(9000),
    }
}

/// A key set, with 300 bytes.
fn insert_keys(db: &Database, number: u128) {
    let (list, caller) = (list(), caller("c"));
    let new = NewKeys {
        id: id(number),
        owner: OWNER,
        caller: &caller,
        sha256: SHA256,
        list: &list,
        count: 3,
        bytes: 300,
        created_at: Timestamp(10),
        expires_at: Timestamp(5000),
    };
    db.write(|t| t.insert_key_set(&new)).unwrap();
}

/// A job of a caller under key set 1, with a request of 20 bytes.
fn insert_job(db: &Database, number: u128, name: &str, cost_ms: u64) {
    let name = caller(name);
    let new = NewRow {
        id: id(number),
        owner: OWNER,
        caller: &name,
        keys: id(1),
        with: &[id(2)],
        model: "m",
        contract: [5; 32],
        steps: 3,
        idempotency_key: Some("again").filter(|_| number == 100),
        request_sha256: [6; 32],
        request_bytes: 20,
        cost_ms,
        created_at: Timestamp(50),
    };
    db.write(|t| t.insert_job(&new)).unwrap();
}

fn usage(db: &Database, scope: Scope<'_>) -> Usage {
    db.read(|c| c.usage(scope)).unwrap()
}

fn due(db: &Database, now: i64) -> Vec<Due> {
    let mut due = db.read(|c| c.due(Timestamp(now), 10)).unwrap();
    due.sort_by_key(|due| due.what.key());
    due
}

/// What is noted for deletion, which is then crossed off.
fn noted(db: &Database) -> (Vec<Discarded>, u64) {
    let found: Vec<Discarded> = due(db, 0).into_iter().map(|due| due.what).collect();
    let bytes = db.read(|c| c.pending_deletions()).unwrap().bytes;
    db.write(|t| found.iter().try_for_each(|&what| t.deleted(what))).unwrap();
    (found, bytes)
}

#[test]
fn a_failed_write_leaves_no_trace() {
    on_each(|db| {
        let what = Discarded::Bundle(SHA256);
        let failed = db.write(|t| {
            t.discard(what, 5)?;
            assert_eq!(t.pending_deletions()?, Pending { count: 1, bytes: 5 });
            Err::<(), _>(StateError::new(false, "on purpose"))
        });
        assert!(failed.is_err());
        assert_eq!(db.read(|c| c.pending_deletions()).unwrap(), Pending::default());
    });
}

#[test]
fn what_cannot_be_deleted_is_tried_again_and_counted() {
    on_each(|db| {
        let all = [
            Discarded::Bundle(SHA256),
            Discarded::Request(id(2)),
            Discarded::Result(id(2)),
            Discarded::Upload(id(1)),
        ];
        db.write(|t| all.iter().try_for_each(|&what| t.discard(what, 10))).unwrap();
        // Twice is once.
        db.write(|t| t.discard(all[0], 10)).unwrap();
        assert_eq!(db.read(|c| c.pending_deletions()).unwrap(), Pending { count: 4, bytes: 40 });
        assert_eq!(usage(db, Scope::All).bytes, 40);
        let found = due(db, 1000);
        assert_eq!(found.iter().map(|due| due.what).collect::<Vec<_>>(), all);
        db.write(|t| t.not_deleted(found[1], Timestamp(1000))).unwrap();
        db.write(|t| t.deleted(found[0].what)).unwrap();
        let left: Vec<_> = due(db, 1500).iter().map(|due| due.what).collect();
        assert_eq!(left, all[2..]);
        assert!(due(db, 2000).contains(&Due { what: all[1], attempts: 1 }));
        assert_eq!(usage(db, Scope::All).bytes, 30);
    });
}

#[test]
fn an_upload_goes_forward_until_it_is_refused() {
    on_each(|db| {
        let row = upload(1, 70);
        db.write(|t| t.insert_upload(&row)).unwrap();
        db.write(|t| t.insert_upload(&upload(2, 30))).unwrap();
        let mine = caller("c");
        for scope in [Scope::All, Scope::Caller(&mine), Scope::Owner(OWNER)] {
            let found = usage(db, scope);
            assert_eq!((found.rows, found.uploads, found.bytes), (2, 2, 100), "{scope:?}");
        }
        assert_eq!(usage(db, Scope::Caller(&caller("other"))), Usage::default());
        assert!(db.read(|c| c.upload(Owner([9; 32]), id(1))).unwrap().is_none());
        let forward = |row: &UploadRow, to| {
            db.write(|t| t.advance_upload(row, to, Timestamp(3000), Timestamp(4000))).unwrap()
        };
        assert!(forward(&row, 7));
        assert!(!forward(&row, 9), "it is not where it was");
        let row = db.read(|c| c.upload(OWNER, id(1))).unwrap().unwrap();
        assert_eq!((row.received, row.expires_at, row.list.clone()), (7, Timestamp(4000), list()));
        assert_eq!((row.sha256, upload(2, 30).sha256), (None, Some(SHA256)));
        // Those first of which no byte came.
        let idle = |whose: Option<&Caller>, before| {
            db.read(|c| c.idle_uploads(whose, Timestamp(before))).unwrap()
        };
        assert_eq!(idle(None, 5000), [(OWNER, id(2)), (OWNER, id(1))]);
        assert_eq!(idle(Some(&mine), 2000), [(OWNER, id(2))]);
        assert_eq!(idle(Some(&caller("other")), 5000), []);
        assert!(forward(&row, 70));
        assert_eq!(db.read(|c| c.complete_uploads()).unwrap(), [(OWNER, id(1))]);

        let row = UploadRow { received: 70, ..row };
        db.write(|t| t.refuse_upload(&row, "wrong", Timestamp(0))).unwrap();
        assert!(!forward(&row, 70));
        assert!(!db.read(|c| c.takes_bytes(id(1))).unwrap());
        assert_eq!(noted(db), (vec![Discarded::Upload(id(1))], 70));
        let found = usage(db, Scope::Caller(&mine));
        assert_eq!((found.rows, found.uploads, found.bytes), (2, 1, 30));
        let row = db.read(|c| c.upload(OWNER, id(1))).unwrap().unwrap();
        assert_eq!(row.refused.as_deref(), Some("wrong"));
        let expired = |now| db.read(|c| c.expired_uploads(now)).unwrap();
        assert_eq!(expired(Timestamp(9000)), [(OWNER, id(2))]);
        assert!(expired(row.expires_at).contains(&(OWNER, id(1))));
        for number in [1, 2] {
            assert!(db.write(|t| t.delete_upload(OWNER, id(number))).unwrap());
        }
        assert!(!db.write(|t| t.delete_upload(OWNER, id(2))).unwrap());
        assert_eq!(noted(db).0, [Discarded::Upload(id(2))]);
        assert_eq!(usage(db, Scope::Caller(&mine)), Usage::default());
    });
}

#[test]
fn so_many_refused_uploads_are_remembered() {
    on_each(|db| {
        for number in 0..12 {
            db.write(|t| t.insert_upload(&upload(number, 5))).unwrap();
            let now = Timestamp(number as i64);
            db.write(|t| t.refuse_upload(&upload(number, 5), "wrong", now)).unwrap();
        }
        assert_eq!(usage(db, Scope::All).rows, 8 + 12, "rows and files to delete");
        assert!(db.read(|c| c.upload(OWNER, id(3))).unwrap().is_none());
        assert!(db.read(|c| c.upload(OWNER, id(4))).unwrap().is_some());
    });
}

#[test]
fn a_bundle_lives_as_long_as_a_key_set_uses_it() {
    on_each(|db| {
        assert!(!db.read(|c| c.is_known(OWNER)).unwrap());
        insert_keys(db, 1);
        insert_keys(db, 2);
        assert!(db.read(|c| c.is_known(OWNER)).unwrap());
        assert_eq!(db.read(|c| c.bundles()).unwrap(), [SHA256]);
        let row = db.read(|c| c.key_set(OWNER, id(1))).unwrap().unwrap();
        assert_eq!((row.list.clone(), row.digest, row.bytes), (list(), list().digest(), 300));
        assert!(db.read(|c| c.key_sets(OWNER, &[id(1), id(3)])).unwrap().is_none());
        let same = db.read(|c| c.same_key_set(OWNER, &SHA256, &list())).unwrap();
        assert!(same == Some(id(1)) || same == Some(id(2)));
        assert_eq!(usage(db, Scope::Owner(OWNER)).bytes, 600);

        let is_expired = |now| db.read(|c| c.is_expired(id(1), Timestamp(now))).unwrap();
        assert!(!is_expired(4999) && is_expired(5000));
        db.write(|t| t.keep_key_set(id(1), Timestamp(7000))).unwrap();
        assert_eq!(db.read(|c| c.expired_key_sets(Timestamp(6000))).unwrap(), [(OWNER, id(2))]);
        insert_job(db, 100, "c", 5);
        assert!(!is_expired(8000), "a job waits");

        assert!(!db.write(|t| t.delete_key_set(&row)).unwrap());
        assert_eq!(noted(db), (vec![Discarded::Request(id(100))], 20), "its jobs go with it");
        let row = db.read(|c| c.key_set(OWNER, id(2))).unwrap().unwrap();
        assert!(db.write(|t| t.delete_key_set(&row)).unwrap());
        assert_eq!(due(db, 0)[0].what, Discarded::Bundle(SHA256));
        // It is sent again before it was deleted.
        insert_keys(db, 3);
        assert_eq!(noted(db), (vec![], 0));
    });
}

#[test]
fn a_job_ends_once() {
    on_each(|db| {
        insert_keys(db, 1);
        insert_job(db, 100, "c", 5);
        insert_job(db, 101, "c", 6);
        let waiting = db.read(|c| c.waiting_jobs()).unwrap();
        assert_eq!(waiting.iter().map(|job| job.id).collect::<Vec<_>>(), [id(100), id(101)]);
        assert_eq!(db.read(|c| c.repeated_job(id(1), "again")).unwrap().unwrap().id, id(100));
        assert!(db.read(|c| c.repeated_job(id(1), "other")).unwrap().is_none());
        assert_eq!(db.read(|c| c.unfinished_jobs(id(1))).unwrap(), 2);
        let seq = waiting[0].seq;
        assert_eq!(db.read(|c| c.keys_of_job(seq)).unwrap(), (OWNER, vec![id(1), id(2)]));

        let start = || db.write(|t| t.start_job(seq, Timestamp(60))).unwrap();
        let job = start().unwrap();
        assert_eq!((job.state, job.attempts), (JobState::Running, 1));
        assert_eq!(job.started_at, Some(Timestamp(60)));
        assert!(start().is_none(), "it runs already");
        let end = |attempts, end: RunEnd| {
            db.write(|t| t.end_job(Start { seq, attempts }, &end, Timestamp(70))).unwrap()
        };
        assert_eq!(end(1, RunEnd::Again { counted: false }).unwrap().attempts, 0);
        assert_eq!(start().unwrap().attempts, 1);
        assert_eq!(end(1, RunEnd::Again { counted: true }).unwrap().attempts, 1);
        assert_eq!(start().unwrap().attempts, 2);
        let done = RunEnd::Done { result_bytes: 9, evaluate_ms: 4 };
        assert!(end(1, done.clone()).is_none(), "an earlier start ends nothing");
        assert_eq!(usage(db, Scope::All).running, 1);
        let job = end(2, done.clone()).unwrap();
        assert_eq!(
            (job.state, job.result_bytes, job.evaluate_ms),
            (JobState::Done, Some(9), Some(4))
        );
        assert!(end(2, done).is_none());
        assert!(db.write(|t| t.cancel_job(seq, Timestamp(80))).unwrap().is_none());
        assert_eq!(noted(db), (vec![Discarded::Request(id(100))], 20));
        let blobs = db.read(|c| c.jobs_with_blobs()).unwrap();
        assert_eq!(blobs, (vec![id(101)], vec![id(100)]));

        let cancelled = db.write(|t| t.cancel_job(waiting[1].seq, Timestamp(80))).unwrap();
        assert_eq!(cancelled.unwrap().state, JobState::Cancelled);
        assert_eq!(noted(db).0, [Discarded::Request(id(101))]);
        assert_eq!(usage(db, Scope::All).queued, 0);
        // Results first, jobs later.
        db.write(|t| t.expire_jobs(Timestamp(75), Timestamp(0))).unwrap();
        assert_eq!(noted(db), (vec![Discarded::Result(id(100))], 9));
        db.write(|t| t.expire_jobs(Timestamp(75), Timestamp(75))).unwrap();
        assert!(db.read(|c| c.job(OWNER, id(100))).unwrap().is_none());
        assert!(db.read(|c| c.job(OWNER, id(101))).unwrap().is_some());
        db.write(|t| t.forget_oldest_jobs(&caller("c"), 1)).unwrap();
        assert!(db.read(|c| c.job(OWNER, id(101))).unwrap().is_none());
    });
}

#[test]
fn jobs_that_ran_when_the_process_ended_wait_again_or_are_given_up() {
    on_each(|db| {
        insert_keys(db, 1);
        for number in [100, 101, 102] {
            insert_job(db, number, "c", 5);
        }
        let seq: Vec<i64> =
            db.read(|c| c.waiting_jobs()).unwrap().iter().map(|job| job.seq).collect();
        let start = |seq| db.write(|t| t.start_job(seq, Timestamp(60))).unwrap();
        start(seq[0]);
        start(seq[1]);
        let again = RunEnd::Again { counted: true };
        db.write(|t| t.end_job(Start { seq: seq[1], attempts: 1 }, &again, Timestamp(1))).unwrap();
        start(seq[1]);
        let recovered = db.write(|t| t.recover_jobs(2, "internal", Timestamp(90))).unwrap();
        assert_eq!(recovered, Recovered { dead: 1, requeued: 1 });
        let dead = db.read(|c| c.job(OWNER, id(101))).unwrap().unwrap();
        assert_eq!((dead.state, dead.finished_at), (JobState::Dead, Some(Timestamp(90))));
        let detail = "The service ended 2 times while the job ran.".to_owned();
        assert_eq!(dead.error, Some(JobError { code: "internal".to_owned(), detail }));
        let mut deleted = db.write(|t| t.delete_jobs_of_keys(id(2))).unwrap();
        deleted.sort();
        assert_eq!(deleted, [id(100), id(102)], "unfinished ones that use it beside another");
        assert_eq!(db.write(|t| t.delete_jobs_of_keys(id(1))).unwrap(), [id(101)]);
        assert_eq!(noted(db).0.len(), 3);
    });
}

#[test]
fn who_comes_back_starts_where_the_others_are() {
    on_each(|db| {
        insert_keys(db, 1);
        insert_job(db, 100, "a", 40);
        insert_job(db, 101, "a", 40);
        insert_job(db, 102, "b", 40);
        let (a, b) = (caller("a"), caller("b"));
        db.write(|t| t.charge(&a, 1000)).unwrap();
        let times = || db.read(|c| c.virtual_times()).unwrap();
        assert_eq!((times()[&a], times()[&b]), (1000, 0));
        let first = db.read(|c| c.waiting_jobs()).unwrap()[0].seq;
        db.write(|t| t.start_job(first, Timestamp(0))).unwrap();
        // As it was before the run that is going on.
        db.write(|t| t.arrive(&b)).unwrap();
        assert_eq!(times()[&b], 960);
        db.write(|t| t.arrive(&b)).unwrap();
        assert_eq!(times()[&b], 960);
        db.write(|t| t.charge(&b, -5000)).unwrap();
        assert_eq!(times()[&b], 0, "nobody has less than nothing");
    });
}
