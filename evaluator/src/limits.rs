//! How much may be stored.

use rusqlite::Connection;

use crate::capability::Owner;
use crate::config::Config;
use crate::refusal::{Code, Refusal};
use crate::store::usage;

/// Refuses what there is no room for: within the service's storage, and within that of a
/// capability, if there is one already.
///
/// # Errors
/// `storage_full`.
pub(crate) fn check_room(
    config: &Config,
    c: &Connection,
    owner: Option<Owner>,
    bytes: u64,
) -> Result<(), Refusal> {
    if usage::total(c)?.saturating_add(bytes) > config.storage_bytes {
        let detail = "The service's storage is full; try again later.";
        return Err(Refusal::new(Code::StorageFull, detail).retry_after(600));
    }
    if let Some(owner) = owner
        && usage::of_owner(c, owner)?.saturating_add(bytes) > config.capability_bytes
    {
        let detail = "This capability has no room for more; delete keys or wait.";
        return Err(Refusal::new(Code::StorageFull, detail));
    }
    Ok(())
}
