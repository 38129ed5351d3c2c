//! Tenants, what people did, and what those ask who run the service.

use super::*;
use crate::store::state::audit::AuditRow;
use crate::store::state::tenants::{ApiKeyRow, Quotas, RunningShare, TenantRow};

fn tenant(name: &str) -> TenantRow {
    TenantRow {
        name: name.to_owned(),
        quotas: Quotas::default(),
        disabled: false,
        created_at: Timestamp(7),
    }
}

fn insert_tenant(db: &Database, row: &TenantRow) -> bool {
    db.write(|t| t.insert_tenant(row)).unwrap()
}

#[test]
fn tenants_have_quotas_of_their_own() {
    on_each(|db| {
        let quotas = Quotas {
            bytes: Some(1 << 40),
            queued: Some(0),
            running: Some(u32::MAX),
            jobs_a_day: Some(9),
        };
        let first = TenantRow { quotas, ..tenant("b") };
        assert!(insert_tenant(db, &first) && insert_tenant(db, &tenant("A")));
        assert!(!insert_tenant(db, &tenant("b")), "the name is taken");
        assert_eq!(db.read(|c| c.tenants()).unwrap(), [tenant("A"), first.clone()]);
        assert_eq!(db.read(|c| c.tenant("b")).unwrap(), Some(first.clone()));
        assert_eq!(db.read(|c| c.tenant("c")).unwrap(), None);
        let quotas = Quotas { queued: None, running: Some(2), ..quotas };
        let changed = TenantRow { quotas, disabled: true, ..first };
        assert!(db.write(|t| t.change_tenant(&changed)).unwrap());
        assert_eq!(db.read(|c| c.tenant("b")).unwrap(), Some(changed));
        assert!(!db.write(|t| t.change_tenant(&tenant("c"))).unwrap());
    });
}

#[test]
fn keys_are_found_by_their_hash_and_end_once() {
    on_each(|db| {
        insert_tenant(db, &tenant("a"));
        let row = ApiKeyRow {
            id: "k1".to_owned(),
            tenant: "a".to_owned(),
            created_at: Timestamp(5),
            expires_at: Some(Timestamp(90)),
            revoked_at: None,
        };
        let second = ApiKeyRow { id: "k0".to_owned(), expires_at: None, ..row.clone() };
        db.write(|t| t.insert_api_key(&row, &SHA256)).unwrap();
        db.write(|t| t.insert_api_key(&second, &[8; 32])).unwrap();
        assert!(db.write(|t| t.insert_api_key(&row, &[9; 32])).is_err(), "the name is taken");
        let stray = ApiKeyRow { id: "k2".to_owned(), tenant: "x".to_owned(), ..row.clone() };
        assert!(db.write(|t| t.insert_api_key(&stray, &[9; 32])).is_err(), "of nobody");
        assert_eq!(db.read(|c| c.api_key(&SHA256)).unwrap(), Some(row.clone()));
        assert_eq!(db.read(|c| c.api_key(&[1; 32])).unwrap(), None);
        assert_eq!(db.read(|c| c.api_keys()).unwrap(), [second, row.clone()]);
        let revoke = |id: &str, now| db.write(|t| t.revoke_api_key(id, Timestamp(now))).unwrap();
        assert!(revoke("k1", 20));
        assert!(!revoke("k1", 30) && !revoke("k9", 30));
        let revoked = db.read(|c| c.api_key(&SHA256)).unwrap().unwrap();
        assert_eq!(revoked, ApiKeyRow { revoked_at: Some(Timestamp(20)), ..row });
    });
}

#[test]
fn jobs_of_a_day_are_counted_even_when_they_are_forgotten() {
    on_each(|db| {
        insert_keys(db, 1);
        for (number, name) in [(100, "tenant:a"), (101, "tenant:a"), (102, "tenant:b"), (103, "c")]
        {
            insert_job(db, number, name, 5);
        }
        let of = |name: &str, day| db.read(|c| c.jobs_of_day(&caller(name), day)).unwrap();
        assert_eq!((of("tenant:a", 0), of("tenant:b", 0), of("tenant:a", 1)), (2, 1, 0));
        assert_eq!(of("c", 0), 0, "no tenant");
        db.write(|t| t.delete_jobs_of_keys(id(1))).unwrap();
        assert_eq!(of("tenant:a", 0), 2);
        db.write(|t| t.forget_days(0)).unwrap();
        assert_eq!(of("tenant:a", 0), 2);
        db.write(|t| t.forget_days(1)).unwrap();
        assert_eq!(of("tenant:a", 0), 0);
    });
}

#[test]
fn who_runs_how_much_is_known_of_tenants_with_such_a_quota() {
    on_each(|db| {
        insert_keys(db, 1);
        for (name, running) in [("a", Some(2)), ("b", Some(1)), ("c", None)] {
            insert_tenant(
                db,
                &TenantRow { quotas: Quotas { running, ..Quotas::default() }, ..tenant(name) },
            );
        }
        for (number, name) in [(100, "tenant:a"), (101, "tenant:c")] {
            insert_job(db, number, name, 5);
            let waiting = db.read(|c| c.waiting_jobs(10)).unwrap();
            let last = waiting.last().unwrap().seq;
            db.write(|t| t.start_job(last, TENURE, Timestamp(60))).unwrap();
        }
        let names = ["tenant:a", "tenant:b", "tenant:c", "d"];
        for (number, name) in (200..).zip(names) {
            insert_job(db, number, name, 5);
        }
        let next = db.read(|c| c.next_jobs(TENURE.worker, 9, 1)).unwrap();
        let shares: Vec<_> = next.iter().map(|one| (one.caller.to_string(), one.share)).collect();
        let share = |most, running| Some(RunningShare { most, running });
        let expected = [share(2, 1), share(1, 0), None, None];
        assert_eq!(shares, names.map(str::to_owned).into_iter().zip(expected).collect::<Vec<_>>());
    });
}

#[test]
fn what_was_done_is_kept_in_order_and_for_a_while() {
    on_each(|db| {
        let row = |at, action: &str| AuditRow {
            at: Timestamp(at),
            who: "admin x".to_owned(),
            action: action.to_owned(),
            subject: "y".to_owned(),
        };
        let all = [row(10, "a"), row(30, "b"), row(20, "c")];
        db.write(|t| all.iter().try_for_each(|row| t.note_audit(row))).unwrap();
        let since = |at, most| db.read(|c| c.audit(Timestamp(at), most)).unwrap();
        assert_eq!(since(0, 9), all);
        assert_eq!(since(0, 2), all[1..]);
        assert_eq!(since(20, 9), all[1..]);
        db.write(|t| t.forget_audit(Timestamp(20))).unwrap();
        assert_eq!(since(0, 9), all[1..]);
    });
}

#[test]
fn new_jobs_are_kept_out_since_the_first_word() {
    on_each(|db| {
        let since = || db.read(|c| c.draining_since()).unwrap();
        let set = |since| db.write(|t| t.set_draining(since)).unwrap();
        assert_eq!(since(), None);
        set(Some(Timestamp(5)));
        set(Some(Timestamp(9)));
        assert_eq!(since(), Some(Timestamp(5)));
        set(None);
        set(None);
        assert_eq!(since(), None);
    });
}

#[test]
fn a_dead_job_keeps_its_request_for_a_while_and_may_wait_again() {
    on_each(|db| {
        insert_keys(db, 1);
        insert_job(db, 100, "c", 5);
        insert_job(db, 101, "d", 5);
        let seq: Vec<i64> =
            db.read(|c| c.waiting_jobs(10)).unwrap().iter().map(|job| job.seq).collect();
        let end = |seq, end: RunEnd, now| {
            let started = db.write(|t| t.start_job(seq, TENURE, Timestamp(60))).unwrap().unwrap();
            let start = Start { seq, epoch: started.epoch };
            db.write(|t| t.end_job(start, &end, Timestamp(now))).unwrap().unwrap()
        };
        let given_up = |state| {
            let (code, detail) = ("internal".to_owned(), "It broke.".to_owned());
            RunEnd::GivenUp(state, JobError { code, detail })
        };
        let retry = |seq| db.write(|t| t.retry_job(seq)).unwrap();
        assert!(retry(seq[0]).is_none(), "it waits");
        end(seq[1], given_up(JobState::Failed), 70);
        assert!(retry(seq[1]).is_none(), "its request is at fault");
        assert_eq!(noted(db).0, [Discarded::Request(id(101))]);

        assert_eq!(end(seq[0], given_up(JobState::Dead), 70).state, JobState::Dead);
        assert_eq!(noted(db), (vec![], 0));
        assert_eq!(db.read(|c| c.jobs_with_blobs()).unwrap().0, [id(100)]);
        let ids = |state| {
            let rows = db.read(|c| c.any_jobs(state, 9)).unwrap();
            rows.iter().map(|row| row.id).collect::<Vec<_>>()
        };
        assert_eq!((ids(None), ids(Some(JobState::Dead))), (vec![id(101), id(100)], vec![id(100)]));
        let job = retry(seq[0]).unwrap();
        assert_eq!((job.state, job.attempts, job.finished_at), (JobState::Queued, 0, None));
        assert!(job.error.is_none() && job.started_at.is_none());
        assert_eq!(usage(db, Scope::All).queued, 1);
        assert_eq!(db.read(|c| c.any_job(id(100))).unwrap().unwrap().state, JobState::Queued);
        assert!(db.read(|c| c.any_job(id(9))).unwrap().is_none());

        end(seq[0], given_up(JobState::Dead), 70);
        db.write(|t| t.expire_jobs(Timestamp(69), Timestamp(0))).unwrap();
        assert_eq!(noted(db), (vec![], 0));
        db.write(|t| t.expire_jobs(Timestamp(70), Timestamp(0))).unwrap();
        assert_eq!(noted(db), (vec![Discarded::Request(id(100))], 20));
        assert!(retry(seq[0]).is_none(), "its request is gone");
    });
}
