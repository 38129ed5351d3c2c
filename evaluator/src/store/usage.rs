//! How much is stored: the bytes that count against the limits.

use rusqlite::{Connection, params};

use crate::capability::Owner;

/// Bytes stored for everybody, unfinished uploads at their full length.
///
/// # Errors
/// When the database fails.
pub fn total(c: &Connection) -> Result<u64, rusqlite::Error> {
    let query = "SELECT (SELECT coalesce(sum(length), 0) FROM uploads)
                      + (SELECT coalesce(sum(bytes), 0) FROM bundles)
                      + (SELECT coalesce(sum(request_bytes + coalesce(result_bytes, 0)), 0)
                         FROM jobs)";
    c.query_row(query, [], |row| row.get(0))
}

/// Bytes stored for one capability. A bundle counts for each key set that uses it.
///
/// # Errors
/// When the database fails.
pub fn of_owner(c: &Connection, owner: Owner) -> Result<u64, rusqlite::Error> {
    let query = "SELECT (SELECT coalesce(sum(length), 0) FROM uploads WHERE owner = ?1)
                      + (SELECT coalesce(sum(bytes), 0) FROM keys WHERE owner = ?1)
                      + (SELECT coalesce(sum(request_bytes + coalesce(result_bytes, 0)), 0)
                         FROM jobs WHERE owner = ?1)";
    c.query_row(query, params![owner.0], |row| row.get(0))
}
