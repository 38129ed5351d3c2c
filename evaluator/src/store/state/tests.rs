//! What every database must do in the same way: each test runs on SQLite, and on PostgreSQL where
//! `tests/with-postgres.sh` offers one.

mod tenants;

use uuid::Uuid;

use super::deletions::{Discarded, Due, Pending};
use super::jobs::{JobError, JobState, NewRow};
use super::keys::{BundleName, NewKeys, StoredList};
use super::runs::{Lost, Recovered, RunEnd, RunName, Start, Tenure, Warm};
use super::uploads::{PartRow, UploadRow};
use super::usage::{Scope, Usage};
use super::{Database, StateError};
use crate::caller::Caller;
use crate::capability::Owner;
use crate::store::sqlite::Sqlite;
use crate::testing::TempFolder;
use crate::time::Timestamp;
use crate::traces::TraceParent;

const OWNER: Owner = Owner([1; 32]);
const SHA256: [u8; 32] = [7; 32];

/// A lease that does not end while a test runs.
const TENURE: Tenure = Tenure { worker: Uuid::from_u128(77), lease_ms: 600_000 };

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
        token: 0,
    }
}

const PLACE: Uuid = Uuid::from_u128(77);

fn bundle(place: Uuid) -> BundleName {
    BundleName { sha256: SHA256, place }
}

/// A key set, with 300 bytes.
fn insert_keys(db: &Database, number: u128) {
    insert_keys_at(db, number, PLACE);
}

fn insert_keys_at(db: &Database, number: u128, place: Uuid) {
    let (list, caller) = (list(), caller("c"));
    let new = NewKeys {
        id: id(number),
        owner: OWNER,
        caller: &caller,
        bundle: bundle(place),
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
        trace: TraceParent::new(1, number as u64, true),
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
        let what = Discarded::Bundle(bundle(PLACE));
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
            Discarded::Bundle(bundle(PLACE)),
            Discarded::Request(id(2)),
            Discarded::Result(RunName { job: id(2), epoch: 3 }),
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
            db.write(|t| t.advance_upload(row, to, None, Timestamp(3000), Timestamp(4000))).unwrap()
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
        assert_eq!(db.read(|c| c.bundles()).unwrap(), [bundle(PLACE)]);
        let row = db.read(|c| c.key_set(OWNER, id(1))).unwrap().unwrap();
        assert_eq!((row.list.clone(), row.digest, row.bytes), (list(), list().digest(), 300));
        assert_eq!(row.bundle, bundle(PLACE));
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
        assert_eq!(db.read(|c| c.bundle(&SHA256)).unwrap(), None);
        let gone = Discarded::Bundle(bundle(PLACE));
        assert_eq!(due(db, 0)[0].what, gone);
        // It is sent again before it was deleted: that is another place. Who sends it at the same
        // time uses it there.
        insert_keys_at(db, 3, id(78));
        insert_keys_at(db, 4, id(79));
        assert_eq!(db.read(|c| c.bundle(&SHA256)).unwrap(), Some(bundle(id(78))));
        let row = db.read(|c| c.key_set(OWNER, id(4))).unwrap().unwrap();
        assert_eq!(row.bundle, bundle(id(78)));
        assert_eq!(noted(db), (vec![gone], 300));
        for number in [3, 4] {
            let row = db.read(|c| c.key_set(OWNER, id(number))).unwrap().unwrap();
            db.write(|t| t.delete_key_set(&row)).unwrap();
        }
        assert_eq!(noted(db).0, [Discarded::Bundle(bundle(id(78)))]);
        // As an earlier version stored it.
        insert_keys_at(db, 5, Uuid::nil());
        let row = db.read(|c| c.key_set(OWNER, id(5))).unwrap().unwrap();
        db.write(|t| t.delete_key_set(&row)).unwrap();
        assert_eq!(noted(db).0, [Discarded::Bundle(bundle(Uuid::nil()))]);
    });
}

#[test]
fn who_takes_an_upload_later_shuts_the_earlier_one_out() {
    on_each(|db| {
        db.write(|t| t.insert_upload(&upload(1, 70))).unwrap();
        let take = |until| db.write(|t| t.take_upload(OWNER, id(1), Timestamp(until))).unwrap();
        assert!(
            db.write(|t| t.take_upload(Owner([9; 32]), id(1), Timestamp(0))).unwrap().is_none()
        );
        assert!(db.write(|t| t.take_upload(OWNER, id(2), Timestamp(0))).unwrap().is_none());
        let (first, second) = (take(20_000).unwrap(), take(30_000).unwrap());
        assert!(first.token < second.token);
        let keep =
            |row: &UploadRow, until| db.write(|t| t.keep_writing(row, Timestamp(until))).unwrap();
        assert!(!keep(&first, 90_000) && keep(&second, 40_000));
        // Nobody takes its place while it is written to.
        let idle = |before| db.read(|c| c.idle_uploads(None, Timestamp(before))).unwrap();
        let expired = |now| db.read(|c| c.expired_uploads(Timestamp(now))).unwrap();
        assert!(idle(39_999).is_empty() && expired(39_999).is_empty());
        assert_eq!((idle(40_000), expired(40_000)), (vec![(OWNER, id(1))], vec![(OWNER, id(1))]));

        let part = |row: &UploadRow, start, bytes| PartRow {
            start,
            bytes,
            token: row.token,
            sha256: [9; 32],
        };
        let forward = |row: &UploadRow, part: &PartRow| {
            let (now, until) = (Timestamp(3000), Timestamp(4000));
            db.write(|t| t.advance_upload(row, part.end(), Some(part), now, until)).unwrap()
        };
        assert!(!forward(&first, &part(&first, 0, 5)));
        assert!(db.read(|c| c.upload_parts(id(1))).unwrap().is_empty());
        let small = part(&second, 0, 5);
        assert!(forward(&second, &small));
        assert_eq!(idle(3000), [(OWNER, id(1))], "a commit ends the writing");
        assert_eq!(db.read(|c| c.upload_parts(id(1))).unwrap(), [small]);
        // A part that took the small one up, and another.
        let third = take(0).unwrap();
        let parts = [part(&third, 0, 50), part(&third, 50, 20)];
        assert!(forward(&third, &parts[0]));
        assert!(forward(&UploadRow { received: 50, ..third.clone() }, &parts[1]));
        assert_eq!(db.read(|c| c.upload_parts(id(1))).unwrap(), parts);
        let mut all = db.read(|c| c.all_upload_parts()).unwrap();
        all.sort();
        assert_eq!(all, [(id(1), 0, third.token), (id(1), 50, third.token)]);
        assert!(db.read(|c| c.uploads_without_parts()).unwrap().is_empty());

        assert!(!db.write(|t| t.refuse_upload(&second, "wrong", Timestamp(0))).unwrap());
        assert!(db.write(|t| t.refuse_upload(&third, "wrong", Timestamp(0))).unwrap());
        assert!(db.read(|c| c.upload_parts(id(1))).unwrap().is_empty());

        db.write(|t| t.insert_upload(&upload(3, 70))).unwrap();
        let row = db.write(|t| t.take_upload(OWNER, id(3), Timestamp(0))).unwrap().unwrap();
        assert!(forward(&row, &part(&row, 0, 5)));
        assert!(db.write(|t| t.delete_upload(OWNER, id(3))).unwrap());
        assert!(db.read(|c| c.all_upload_parts()).unwrap().is_empty());
        db.write(|t| t.insert_upload(&UploadRow { received: 7, ..upload(5, 70) })).unwrap();
        assert_eq!(db.read(|c| c.uploads_without_parts()).unwrap(), [(OWNER, id(5))]);
    });
}

#[test]
fn a_job_ends_once() {
    on_each(|db| {
        insert_keys(db, 1);
        insert_job(db, 100, "c", 5);
        insert_job(db, 101, "c", 6);
        let waiting = db.read(|c| c.waiting_jobs(10)).unwrap();
        assert_eq!(waiting.iter().map(|job| job.id).collect::<Vec<_>>(), [id(100), id(101)]);
        assert_eq!(db.read(|c| c.repeated_job(id(1), "again")).unwrap().unwrap().id, id(100));
        assert!(db.read(|c| c.repeated_job(id(1), "other")).unwrap().is_none());
        assert_eq!(db.read(|c| c.unfinished_jobs(id(1))).unwrap(), 2);
        let seq = waiting[0].seq;
        let sets_of = |seq| {
            let sets = db.read(|c| c.key_sets_of_job(seq)).unwrap();
            sets.iter().map(|set| set.id).collect::<Vec<_>>()
        };
        assert_eq!(sets_of(seq), [id(1)], "the other one is not there");
        insert_keys(db, 2);
        assert_eq!(sets_of(seq), [id(1), id(2)]);

        let start = || db.write(|t| t.start_job(seq, TENURE, Timestamp(60))).unwrap();
        let start_with_keys = || db.write(|t| t.start_job_with_keys(seq, TENURE, Timestamp(60)));
        let (job, sets) = start_with_keys().unwrap().unwrap();
        assert_eq!(sets.iter().map(|set| set.id).collect::<Vec<_>>(), [id(1), id(2)]);
        assert!(start_with_keys().unwrap().is_none(), "it runs already");
        let waits = |seq| db.read(|c| c.waiting_job(seq)).unwrap().map(|job| job.id);
        assert_eq!((waits(seq), waits(waiting[1].seq)), (None, Some(id(101))));
        assert_eq!((job.state, job.attempts), (JobState::Running, 1));
        assert_eq!(job.started_at, Some(Timestamp(60)));
        assert!(start().is_none(), "it runs already");
        let end = |epoch, end: RunEnd| {
            db.write(|t| t.end_job(Start { seq, epoch }, &end, Timestamp(70))).unwrap()
        };
        assert_eq!(end(1, RunEnd::Again { counted: false }).unwrap().attempts, 0);
        let again = start().unwrap();
        assert_eq!((again.attempts, again.epoch), (1, 2), "epochs are never used again");
        let done = RunEnd::Done { result_bytes: 9, evaluate_ms: 4 };
        assert!(end(1, done.clone()).is_none(), "an earlier run ends nothing");
        assert_eq!(end(2, RunEnd::Again { counted: true }).unwrap().attempts, 1);
        let again = start().unwrap();
        assert_eq!((again.attempts, again.epoch, again.worker), (2, 3, Some(TENURE.worker)));
        assert!(end(2, done.clone()).is_none(), "an earlier run ends nothing");
        assert_eq!(usage(db, Scope::All).running, 1);
        let job = end(3, done.clone()).unwrap();
        assert_eq!(
            (job.state, job.result_bytes, job.evaluate_ms),
            (JobState::Done, Some(9), Some(4))
        );
        assert!(end(3, done).is_none());
        assert!(db.write(|t| t.cancel_job(seq, Timestamp(80))).unwrap().is_none());
        assert_eq!(noted(db), (vec![Discarded::Request(id(100))], 20));
        let blobs = db.read(|c| c.jobs_with_blobs()).unwrap();
        let run = RunName { job: id(100), epoch: 3 };
        assert_eq!(blobs, (vec![id(101)], vec![run]));

        let cancelled = db.write(|t| t.cancel_job(waiting[1].seq, Timestamp(80))).unwrap();
        assert_eq!(cancelled.unwrap().state, JobState::Cancelled);
        assert_eq!(noted(db).0, [Discarded::Request(id(101))]);
        assert_eq!(usage(db, Scope::All).queued, 0);
        // Results first, jobs later.
        db.write(|t| t.expire_jobs(Timestamp(75), Timestamp(0))).unwrap();
        assert_eq!(noted(db), (vec![Discarded::Result(run)], 9));
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
            db.read(|c| c.waiting_jobs(10)).unwrap().iter().map(|job| job.seq).collect();
        let start = |seq| db.write(|t| t.start_job(seq, TENURE, Timestamp(60))).unwrap();
        start(seq[0]);
        start(seq[1]);
        let again = RunEnd::Again { counted: true };
        db.write(|t| t.end_job(Start { seq: seq[1], epoch: 1 }, &again, Timestamp(1))).unwrap();
        start(seq[1]);
        let recovered =
            db.write(|t| t.recover_jobs(Lost::All, 2, "internal", Timestamp(90))).unwrap();
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
fn only_what_is_lost_is_taken_over() {
    on_each(|db| {
        insert_keys(db, 1);
        let tenures =
            [TENURE, Tenure { worker: id(78), ..TENURE }, Tenure { worker: id(79), lease_ms: 0 }];
        for (number, tenure) in (100..).zip(tenures) {
            insert_job(db, number, "c", 5);
            let seq = db.read(|c| c.waiting_jobs(10)).unwrap()[0].seq;
            assert!(db.write(|t| t.start_job(seq, tenure, Timestamp(60))).unwrap().is_some());
        }
        std::thread::sleep(std::time::Duration::from_millis(60));
        let mut working = db.read(|c| c.working()).unwrap();
        working.sort_by_key(|one| one.worker);
        let overdue: Vec<bool> = working.iter().map(|one| one.is_overdue).collect();
        assert_eq!(overdue, [false, false, true]);
        assert!(working.iter().all(|one| one.silent_ms >= 60 && one.silent_ms < 60_000));

        let take = |lost| {
            db.write(|t| t.recover_jobs(lost, 9, "internal", Timestamp(90))).unwrap().requeued
        };
        assert_eq!(take(Lost::Of { worker: id(78), silent_ms: 60_000 }), 0, "not silent enough");
        assert_eq!(take(Lost::Of { worker: id(78), silent_ms: 50 }), 1);
        assert_eq!(take(Lost::Overdue), 1);
        let running = db.read(|c| c.running_jobs()).unwrap();
        assert_eq!(running.iter().map(|job| job.id).collect::<Vec<_>>(), [id(100)]);
        assert_eq!(db.read(|c| c.waiting_jobs(1)).unwrap().len(), 1);
        let named = db.read(|c| c.jobs_named(&[id(101), id(999)])).unwrap();
        assert_eq!(named.iter().map(|job| (job.id, job.epoch)).collect::<Vec<_>>(), [(id(101), 1)]);
    });
}

#[test]
fn the_oldest_jobs_of_who_is_next_are_offered() {
    on_each(|db| {
        insert_keys(db, 1);
        for (number, name) in [(100, "a"), (101, "a"), (102, "a"), (103, "b"), (104, "c")] {
            insert_job(db, number, name, 5);
        }
        db.write(|t| t.charge(&caller("a"), 10)).unwrap();
        db.write(|t| t.charge(&caller("c"), 20)).unwrap();
        let next = |callers, each| {
            let next = db.read(|c| c.next_jobs(TENURE.worker, callers, each)).unwrap();
            assert!(next.iter().all(|one| one.warm == Warm::Nowhere && one.waited_ms < 60_000));
            next.iter().map(|one| (one.caller.to_string(), one.spent_ms)).collect::<Vec<_>>()
        };
        let of = |name: &str, spent| (name.to_owned(), spent);
        assert_eq!(next(2, 2), [of("a", 10), of("a", 10), of("b", 0)]);
        assert_eq!(next(9, 1), [of("a", 10), of("b", 0), of("c", 20)]);
        assert!(db.read(|c| c.queue_age_ms()).unwrap() < 60_000);
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
        let first = db.read(|c| c.waiting_jobs(10)).unwrap()[0].seq;
        db.write(|t| t.start_job(first, TENURE, Timestamp(0))).unwrap();
        // As it was before the run that is going on.
        db.write(|t| t.arrive(&b)).unwrap();
        assert_eq!(times()[&b], 960);
        db.write(|t| t.arrive(&b)).unwrap();
        assert_eq!(times()[&b], 960);
        db.write(|t| t.charge(&b, -5000)).unwrap();
        assert_eq!(times()[&b], 0, "nobody has less than nothing");
    });
}
