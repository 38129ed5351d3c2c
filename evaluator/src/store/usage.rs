//! Sums over the stored rows, kept by the database itself with every change of a row: who has how
//! much. No limit needs a scan.

use rusqlite::{Connection, OptionalExtension as _};

use crate::caller::Caller;
use crate::capability::Owner;
use crate::hex;

/// Whose rows are summed.
#[derive(Debug, Clone, Copy)]
pub enum Scope<'a> {
    /// Everybody's.
    All,
    /// What came from one caller.
    Caller(&'a Caller),
    /// What belongs to one capability.
    Owner(Owner),
}

/// How much there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Rows of any kind.
    pub rows: u64,
    /// Uploads that still take bytes.
    pub uploads: u32,
    /// Bytes: uploads at their full length, keys, requests and results.
    pub bytes: u64,
    /// Jobs that wait.
    pub queued: u32,
    /// Jobs that run.
    pub running: u32,
}

/// Counts by one look at a row.
///
/// # Errors
/// When the database fails.
pub fn count(c: &Connection, scope: Scope<'_>) -> Result<Usage, rusqlite::Error> {
    let (scope, name) = match scope {
        Scope::All => ("all", String::new()),
        Scope::Caller(caller) => ("caller", caller.to_string()),
        Scope::Owner(owner) => ("owner", hex::encode(&owner.0)),
    };
    let query = "SELECT rows, uploads, bytes, queued, running FROM usage
                 WHERE scope = ?1 AND name = ?2";
    let found = c.prepare_cached(query)?.query_row([scope, &name], |row| {
        Ok(Usage {
            rows: row.get(0)?,
            uploads: row.get(1)?,
            bytes: row.get(2)?,
            queued: row.get(3)?,
            running: row.get(4)?,
        })
    });
    Ok(found.optional()?.unwrap_or_default())
}
