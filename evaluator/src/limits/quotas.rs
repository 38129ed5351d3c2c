//! What tenants may have: their quotas, and where those say nothing, what every caller may have.

use crate::caller::Caller;
use crate::config::Config;
use crate::refusal::{Code, Refusal};
use crate::store::state::tenants::{Quotas, RunningShare};
use crate::store::state::usage::Usage;
use crate::store::state::{self, Reads};
use crate::time::Timestamp;

/// The quotas of a caller: none, if it is no tenant or one that nobody has written down.
pub(super) fn of(c: &dyn Reads, caller: &Caller) -> state::Result<Quotas> {
    let Some(name) = caller.tenant() else { return Ok(Quotas::default()) };
    Ok(c.tenant(name)?.map(|tenant| tenant.quotas).unwrap_or_default())
}

/// Refuses new jobs while those that are here are to come to their end.
///
/// # Errors
/// `draining`.
pub(super) fn check_draining(c: &dyn Reads) -> Result<(), Refusal> {
    if c.draining_since()?.is_none() {
        return Ok(());
    }
    let detail = "No new jobs are accepted at this moment; those that wait still run.";
    Err(Refusal::new(Code::Draining, detail).retry_after(60))
}

/// Refuses another job where a caller has as many as it may have. `pause` says after how long a place
/// may be free.
///
/// # Errors
/// `too_many_jobs`.
pub(super) fn check_jobs(
    config: &Config,
    quotas: &Quotas,
    mine: Usage,
    pause: u32,
) -> Result<(), Refusal> {
    let refusal = |detail: String| Refusal::new(Code::TooManyJobs, detail).retry_after(pause);
    if let Some(most) = quotas.queued {
        if mine.queued >= most {
            let detail = format!("{} of your jobs are waiting; wait for one to run.", mine.queued);
            return Err(refusal(detail));
        }
        return Ok(());
    }
    let unfinished = mine.queued + mine.running;
    if unfinished >= config.jobs_per_caller {
        let detail = format!("{unfinished} of your jobs are unfinished; wait for one to end.");
        return Err(refusal(detail));
    }
    Ok(())
}

/// Refuses another job where a tenant has had as many today as it may have on a day.
///
/// # Errors
/// `daily_quota`.
pub(super) fn check_day(c: &dyn Reads, quotas: &Quotas, caller: &Caller) -> Result<(), Refusal> {
    let Some(most) = quotas.jobs_a_day else { return Ok(()) };
    let now = Timestamp::now();
    if c.jobs_of_day(caller, now.day())? < most {
        return Ok(());
    }
    let detail = format!("You may submit {most} jobs on a day (of UTC), and have done so.");
    Err(Refusal::new(Code::DailyQuota, detail).retry_after(now.seconds_to_next_day()))
}

/// Whether a caller's next job may start now: a tenant that runs as many as it may is passed over.
/// `share` is what the transaction sees that starts the job.
pub(crate) fn may_start(share: Option<RunningShare>) -> bool {
    share.is_none_or(|share| share.running < share.most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_with_all_its_places_taken_is_passed_over() {
        let share = |running| Some(RunningShare { most: 2, running });
        assert!(!may_start(share(2)) && !may_start(share(3)));
        assert!(may_start(share(1)) && may_start(None));
    }

    #[test]
    fn a_quota_of_waiting_jobs_takes_the_place_of_the_setting() {
        let config = Config { jobs_per_caller: 3, ..Config::default() };
        let usage = |queued, running| Usage { queued, running, ..Usage::default() };
        let check = |quota, mine| {
            let quotas = Quotas { queued: quota, ..Quotas::default() };
            check_jobs(&config, &quotas, mine, 7).map_err(|refusal| refusal.code)
        };
        assert_eq!(check(None, usage(1, 1)), Ok(()));
        assert_eq!(check(None, usage(1, 2)), Err(Code::TooManyJobs));
        assert_eq!(check(Some(5), usage(4, 4)), Ok(()));
        assert_eq!(check(Some(5), usage(5, 0)), Err(Code::TooManyJobs));
        assert_eq!(check(Some(0), usage(0, 0)), Err(Code::TooManyJobs));
    }
}
