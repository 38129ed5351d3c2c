//! The rows of what was done.

use rusqlite::{Connection, params};

use crate::store::state::Result;
use crate::store::state::audit::{AuditRow, ReadAudit, WriteAudit};
use crate::time::Timestamp;

impl ReadAudit for Connection {
    fn audit(&self, since: Timestamp, most: u32) -> Result<Vec<AuditRow>> {
        let query = "SELECT at, who, action, subject FROM (
                         SELECT * FROM audit WHERE at >= ?1 ORDER BY seq DESC LIMIT ?2)
                     ORDER BY seq";
        let mut query = self.prepare(query)?;
        let rows = query.query_map(params![since.0, most], |row| {
            Ok(AuditRow {
                at: Timestamp(row.get(0)?),
                who: row.get(1)?,
                action: row.get(2)?,
                subject: row.get(3)?,
            })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }
}

impl WriteAudit for Connection {
    fn note_audit(&self, row: &AuditRow) -> Result<()> {
        let query = "INSERT INTO audit (at, who, action, subject) VALUES (?1, ?2, ?3, ?4)";
        let values = params![row.at.0, row.who, row.action, row.subject];
        self.prepare_cached(query)?.execute(values)?;
        Ok(())
    }

    fn forget_audit(&self, before: Timestamp) -> Result<()> {
        self.execute("DELETE FROM audit WHERE at < ?1", [before.0])?;
        Ok(())
    }
}
