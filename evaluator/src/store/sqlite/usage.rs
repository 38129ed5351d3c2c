//! Sums over the rows, which triggers keep.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension as _, Row};

use crate::caller::Caller;
use crate::hex;
use crate::store::state::Result;
use crate::store::state::usage::{ReadUsage, Scope, Usage};

impl ReadUsage for Connection {
    fn usage(&self, scope: Scope<'_>) -> Result<Usage> {
        let (scope, name) = match scope {
            Scope::All => ("all", String::new()),
            Scope::Caller(caller) => ("caller", caller.to_string()),
            Scope::Owner(owner) => ("owner", hex::encode(&owner.0)),
        };
        let query = "SELECT rows, uploads, bytes, queued, running FROM usage
                     WHERE scope = ?1 AND name = ?2";
        let found = self.prepare_cached(query)?.query_row([scope, &name], |row| {
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

    fn virtual_times(&self) -> Result<HashMap<Caller, u64>> {
        let query = "SELECT name, spent_ms FROM usage WHERE scope = 'caller' AND queued > 0";
        let mut query = self.prepare_cached(query)?;
        let row =
            |row: &Row<'_>| Ok((Caller::stored(&row.get::<_, String>(0)?), row.get::<_, u64>(1)?));
        Ok(query.query_map([], row)?.collect::<rusqlite::Result<_>>()?)
    }
}
