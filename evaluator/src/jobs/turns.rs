//! The virtual times of callers, by which their turns are decided ([`super::order`]).

use std::collections::HashMap;

use rusqlite::{Connection, params};

use crate::caller::Caller;

type Sql<T> = Result<T, rusqlite::Error>;

/// The times of all callers that have jobs waiting.
pub(super) fn spent(c: &Connection) -> Sql<HashMap<Caller, u64>> {
    let query = "SELECT name, spent_ms FROM usage WHERE scope = 'caller' AND queued > 0";
    let mut query = c.prepare_cached(query)?;
    let row = |row: &rusqlite::Row<'_>| {
        Ok((Caller::stored(&row.get::<_, String>(0)?), row.get::<_, u64>(1)?))
    };
    query.query_map([], row)?.collect()
}

/// A caller who had nothing to do has a job again: if its time was less than that of the others, it
/// is theirs, as it was before the runs that are going on. So its turn is the next one.
pub(super) fn arrive(c: &Connection, caller: &Caller) -> Sql<()> {
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

/// A caller used so much time, or is given it back.
pub(super) fn charge(c: &Connection, caller: &Caller, ms: i64) -> Sql<()> {
    let query = "UPDATE usage SET spent_ms = max(0, spent_ms + ?2)
                 WHERE scope = 'caller' AND name = ?1";
    c.prepare_cached(query)?.execute(params![caller.to_string(), ms])?;
    Ok(())
}
