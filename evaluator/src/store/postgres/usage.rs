//! Sums over the rows, which triggers keep.

use std::collections::HashMap;

use super::{Rows, get, number};
use crate::caller::Caller;
use crate::hex;
use crate::store::state::Result;
use crate::store::state::usage::{ReadUsage, Scope, Usage};

impl ReadUsage for Rows<'_> {
    fn usage(&self, scope: Scope<'_>) -> Result<Usage> {
        let (scope, name) = match scope {
            Scope::All => ("all", String::new()),
            Scope::Caller(caller) => ("caller", caller.to_string()),
            Scope::Owner(owner) => ("owner", hex::encode(&owner.0)),
        };
        let query = "SELECT rows, uploads, bytes, queued, running FROM usage
                     WHERE scope = $1 AND name = $2";
        let found = self.maybe(query, &[&scope, &name], |row| {
            Ok(Usage {
                rows: number(row, 0)?,
                uploads: number(row, 1)?,
                bytes: number(row, 2)?,
                queued: number(row, 3)?,
                running: number(row, 4)?,
            })
        });
        Ok(found?.unwrap_or_default())
    }

    fn virtual_times(&self) -> Result<HashMap<Caller, u64>> {
        let query = "SELECT name, spent_ms FROM usage WHERE scope = 'caller' AND queued > 0";
        let times = self.all(query, &[], |row| Ok((Caller::stored(get(row, 0)?), number(row, 1)?)));
        Ok(times?.into_iter().collect())
    }
}
