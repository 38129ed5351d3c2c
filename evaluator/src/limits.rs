//! How much may be stored, together and by each caller: room is reserved in the transaction that
//! takes it. Where room is short, what nobody continues makes place.

pub(crate) mod quotas;

use crate::caller::Caller;
use crate::capability::Owner;
use crate::config::Config;
use crate::refusal::{Code, Refusal};
use crate::store::state::usage::Scope;
use crate::store::state::{Reads, Writes};

/// Whoever asks for room.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asking<'a> {
    pub(crate) caller: &'a Caller,
    /// The capability it goes to, if there is one already.
    pub(crate) owner: Option<Owner>,
}

/// What can make place for an upload: the one of a caller, or of everybody, that has been idle for
/// longest, if it has been for long enough.
pub(crate) trait Idle {
    /// Deletes one. `false` if there is none.
    fn evict(&self, t: &dyn Writes, whose: Option<&Caller>) -> Result<bool, Refusal>;
}

/// Reserves a place and so many bytes for an upload.
///
/// # Errors
/// `too_many_uploads`, `storage_full`.
pub(crate) fn reserve_upload(
    config: &Config,
    t: &dyn Writes,
    asking: Asking<'_>,
    bytes: u64,
    idle: &impl Idle,
) -> Result<(), Refusal> {
    let mine = Some(asking.caller);
    while t.usage(Scope::Caller(asking.caller))?.uploads >= config.uploads_per_caller {
        if !idle.evict(t, mine)? {
            let detail = "You have too many unfinished uploads; finish, delete or leave them.";
            return Err(Refusal::new(Code::TooManyUploads, detail).retry_after(30));
        }
    }
    while t.usage(Scope::All)?.uploads >= config.uploads {
        if !idle.evict(t, None)? {
            let detail = "Too many uploads are unfinished; try again later.";
            return Err(Refusal::new(Code::TooManyUploads, detail).retry_after(30));
        }
    }
    while let Some(shortage) = shortage(config, t, asking, bytes)? {
        let evicted = match shortage {
            Shortage::Everybody => idle.evict(t, None)?,
            Shortage::Caller => idle.evict(t, mine)?,
            Shortage::Owner => false,
        };
        if !evicted {
            return Err(shortage.refusal());
        }
    }
    Ok(())
}

/// Reserves a place in the queue and so many bytes for a job, and a row to remember it by. `pause`
/// says after how long a place may be free.
///
/// # Errors
/// `draining`, `queue_full`, `too_many_jobs`, `daily_quota`, `storage_full`.
pub(crate) fn reserve_job(
    config: &Config,
    c: &dyn Reads,
    asking: Asking<'_>,
    bytes: u64,
    pause: u32,
) -> Result<(), Refusal> {
    quotas::check_draining(c)?;
    let mine = c.usage(Scope::Caller(asking.caller))?;
    let all = c.usage(Scope::All)?.queued;
    // A caller's first job finds a place even where others have filled the queue.
    let most = if mine.queued == 0 { config.queue.saturating_mul(8) } else { config.queue };
    if all >= most {
        let detail = format!("{all} jobs are waiting already; try again later.");
        return Err(Refusal::new(Code::QueueFull, detail).retry_after(pause));
    }
    let quotas = quotas::of(c, asking.caller)?;
    quotas::check_jobs(config, &quotas, mine, pause)?;
    quotas::check_day(c, &quotas, asking.caller)?;
    match shortage(config, c, asking, bytes)? {
        Some(shortage) => Err(shortage.refusal()),
        None => Ok(()),
    }
}

/// Refuses another row where a caller's share is used up.
///
/// # Errors
/// `storage_full`.
pub(crate) fn check_rows(config: &Config, c: &dyn Reads, caller: &Caller) -> Result<(), Refusal> {
    if rows_over(config, c, caller)? == 0 {
        return Ok(());
    }
    let detail = "You have too many uploads and key sets here; delete some or wait.";
    Err(Refusal::new(Code::StorageFull, detail).retry_after(600))
}

/// How many rows a caller has beyond its share when another one comes.
pub(crate) fn rows_over(config: &Config, c: &dyn Reads, caller: &Caller) -> Result<u64, Refusal> {
    let rows = c.usage(Scope::Caller(caller))?.rows;
    Ok((rows + 1).saturating_sub(config.caller_rows))
}

/// Whose room is too short.
#[derive(Debug, Clone, Copy)]
enum Shortage {
    Everybody,
    Caller,
    Owner,
}

impl Shortage {
    fn refusal(self) -> Refusal {
        let refusal = |detail: &str| Refusal::new(Code::StorageFull, detail);
        match self {
            Self::Everybody => {
                refusal("The service's storage is full; try again later.").retry_after(600)
            }
            Self::Caller => {
                let detail = "Your share of the storage is used up; delete keys or wait.";
                refusal(detail).retry_after(600)
            }
            Self::Owner => refusal("This capability has no room for more; delete keys or wait."),
        }
    }
}

/// Who has no room for so many bytes: the capability, its caller, or the whole service.
fn shortage(
    config: &Config,
    c: &dyn Reads,
    asking: Asking<'_>,
    bytes: u64,
) -> Result<Option<Shortage>, Refusal> {
    let full = |scope, limit| -> Result<bool, Refusal> {
        Ok(c.usage(scope)?.bytes.saturating_add(bytes) > limit)
    };
    if let Some(owner) = asking.owner
        && full(Scope::Owner(owner), config.capability_bytes)?
    {
        return Ok(Some(Shortage::Owner));
    }
    let share = quotas::of(c, asking.caller)?.bytes.unwrap_or(config.caller_bytes);
    if full(Scope::Caller(asking.caller), share)? {
        return Ok(Some(Shortage::Caller));
    }
    Ok(full(Scope::All, config.storage_bytes)?.then_some(Shortage::Everybody))
}
