//! The rows of what was done.

use super::{Rows, get};
use crate::store::state::Result;
use crate::store::state::audit::{AuditRow, ReadAudit, WriteAudit};
use crate::time::Timestamp;

impl ReadAudit for Rows<'_> {
    fn audit(&self, since: Timestamp, most: u32) -> Result<Vec<AuditRow>> {
        let query = "SELECT at, who, action, subject FROM (
                         SELECT * FROM audit WHERE at >= $1 ORDER BY seq DESC LIMIT $2) AS newest
                     ORDER BY seq";
        self.all(query, &[&since.0, &i64::from(most)], |row| {
            Ok(AuditRow {
                at: Timestamp(get(row, 0)?),
                who: get(row, 1)?,
                action: get(row, 2)?,
                subject: get(row, 3)?,
            })
        })
    }
}

impl WriteAudit for Rows<'_> {
    fn note_audit(&self, row: &AuditRow) -> Result<()> {
        let query = "INSERT INTO audit (at, who, action, subject) VALUES ($1, $2, $3, $4)";
        self.execute(query, &[&row.at.0, &row.who, &row.action, &row.subject])?;
        Ok(())
    }

    fn forget_audit(&self, before: Timestamp) -> Result<()> {
        self.execute("DELETE FROM audit WHERE at < $1", &[&before.0])?;
        Ok(())
    }
}
