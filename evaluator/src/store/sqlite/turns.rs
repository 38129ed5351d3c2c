//! Changes of the virtual times of callers.

use rusqlite::{Connection, params};

use crate::caller::Caller;

pub(super) fn arrive(c: &Connection, caller: &Caller) -> rusqlite::Result<()> {
    let query = "UPDATE usage SET spent_ms = max(spent_ms, (
                     SELECT coalesce(min(spent_ms - (
                         SELECT coalesce(sum(cost_ms), 0) FROM jobs
                         WHERE state = 'running' AND jobs.caller = others.name)), 0)
                     FROM usage AS others
                     WHERE scope = 'caller' AND queued + running > 0 AND name <> ?1))
                 WHERE scope = 'caller' AND name = ?1";
    c.prepare_cached(query)?.execute([caller.to_string()])?;
    Ok(())
}

pub(super) fn charge(c: &Connection, caller: &Caller, ms: i64) -> rusqlite::Result<()> {
    let query = "UPDATE usage SET spent_ms = max(0, spent_ms + ?2)
                 WHERE scope = 'caller' AND name = ?1";
    c.prepare_cached(query)?.execute(params![caller.to_string(), ms])?;
    Ok(())
}
