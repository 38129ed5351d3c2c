//! The rows of tenants and of their API keys.

use tokio_postgres::Row;

use super::{Rows, get, number, out_of_range, stored};
use crate::caller::Caller;
use crate::store::state::Result;
use crate::store::state::tenants::{ApiKeyRow, Quotas, ReadTenants, TenantRow, WriteTenants};
use crate::time::Timestamp;

const TENANT: &str = "name, bytes, queued, running, jobs_a_day, disabled, created_at";
const API_KEY: &str = "id, tenant, created_at, expires_at, revoked_at";

impl ReadTenants for Rows<'_> {
    fn tenants(&self) -> Result<Vec<TenantRow>> {
        // In the order of bytes, whatever language the database was made for.
        let query = format!("SELECT {TENANT} FROM tenants ORDER BY name COLLATE \"C\"");
        self.all(&query, &[], tenant)
    }

    fn tenant(&self, name: &str) -> Result<Option<TenantRow>> {
        self.maybe(&format!("SELECT {TENANT} FROM tenants WHERE name = $1"), &[&name], tenant)
    }

    fn api_keys(&self) -> Result<Vec<ApiKeyRow>> {
        let query = format!(
            "SELECT {API_KEY} FROM api_keys
             ORDER BY tenant COLLATE \"C\", created_at, id COLLATE \"C\""
        );
        self.all(&query, &[], api_key)
    }

    fn api_key(&self, sha256: &[u8; 32]) -> Result<Option<ApiKeyRow>> {
        let query = format!("SELECT {API_KEY} FROM api_keys WHERE sha256 = $1");
        self.maybe(&query, &[&&sha256[..]], api_key)
    }

    fn jobs_of_day(&self, caller: &Caller, day: i64) -> Result<u32> {
        let query = "SELECT jobs FROM job_days WHERE caller = $1 AND day = $2";
        let found = self.maybe(query, &[&caller.to_string(), &day], |row| number(row, 0))?;
        Ok(found.unwrap_or(0))
    }
}

impl WriteTenants for Rows<'_> {
    fn insert_tenant(&self, row: &TenantRow) -> Result<bool> {
        let (name, quotas) = (&row.name, Stored::of(row.quotas)?);
        let query = format!(
            "INSERT INTO tenants ({TENANT}) VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT DO NOTHING"
        );
        let Stored { bytes, queued, running, jobs_a_day } = &quotas;
        let created_at = &row.created_at.0;
        let values: super::Parameters<'_> =
            &[name, bytes, queued, running, jobs_a_day, &row.disabled, created_at];
        Ok(self.execute(&query, values)? == 1)
    }

    fn change_tenant(&self, row: &TenantRow) -> Result<bool> {
        let Stored { bytes, queued, running, jobs_a_day } = &Stored::of(row.quotas)?;
        let changed = self.execute(
            "UPDATE tenants SET bytes = $2, queued = $3, running = $4, jobs_a_day = $5,
                                disabled = $6
             WHERE name = $1",
            &[&row.name, bytes, queued, running, jobs_a_day, &row.disabled],
        )?;
        Ok(changed == 1)
    }

    fn insert_api_key(&self, row: &ApiKeyRow, sha256: &[u8; 32]) -> Result<()> {
        self.execute(
            "INSERT INTO api_keys (id, sha256, tenant, created_at, expires_at, revoked_at)
             VALUES ($1, $2, $3, $4, $5, $6)",
            &[
                &row.id,
                &&sha256[..],
                &row.tenant,
                &row.created_at.0,
                &row.expires_at.map(|at| at.0),
                &row.revoked_at.map(|at| at.0),
            ],
        )?;
        Ok(())
    }

    fn revoke_api_key(&self, id: &str, now: Timestamp) -> Result<bool> {
        let query = "UPDATE api_keys SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL";
        Ok(self.execute(query, &[&id, &now.0])? == 1)
    }

    fn forget_days(&self, before: i64) -> Result<()> {
        self.execute("DELETE FROM job_days WHERE day < $1", &[&before])?;
        Ok(())
    }
}

/// Quotas as they are stored.
struct Stored {
    bytes: Option<i64>,
    queued: Option<i64>,
    running: Option<i64>,
    jobs_a_day: Option<i64>,
}

impl Stored {
    fn of(quotas: Quotas) -> Result<Self> {
        Ok(Self {
            bytes: quotas.bytes.map(stored).transpose()?,
            queued: quotas.queued.map(i64::from),
            running: quotas.running.map(i64::from),
            jobs_a_day: quotas.jobs_a_day.map(i64::from),
        })
    }
}

fn tenant(row: &Row) -> Result<TenantRow> {
    Ok(TenantRow {
        name: get(row, 0)?,
        quotas: Quotas {
            bytes: optional(row, 1)?,
            queued: optional(row, 2)?,
            running: optional(row, 3)?,
            jobs_a_day: optional(row, 4)?,
        },
        disabled: get(row, 5)?,
        created_at: Timestamp(get(row, 6)?),
    })
}

fn api_key(row: &Row) -> Result<ApiKeyRow> {
    Ok(ApiKeyRow {
        id: get(row, 0)?,
        tenant: get(row, 1)?,
        created_at: Timestamp(get(row, 2)?),
        expires_at: get::<Option<i64>>(row, 3)?.map(Timestamp),
        revoked_at: get::<Option<i64>>(row, 4)?.map(Timestamp),
    })
}

/// A column with a number that is never negative, or nothing.
fn optional<T: TryFrom<i64>>(row: &Row, column: usize) -> Result<Option<T>> {
    let value: Option<i64> = get(row, column)?;
    value.map(|value| T::try_from(value).map_err(|_| out_of_range(value))).transpose()
}
