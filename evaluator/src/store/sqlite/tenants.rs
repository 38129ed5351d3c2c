//! The rows of tenants and of their API keys.

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::caller::Caller;
use crate::store::state::Result;
use crate::store::state::tenants::{ApiKeyRow, Quotas, ReadTenants, TenantRow, WriteTenants};
use crate::time::Timestamp;

const TENANT: &str = "name, bytes, queued, running, jobs_a_day, disabled, created_at";
const API_KEY: &str = "id, tenant, created_at, expires_at, revoked_at";

impl ReadTenants for Connection {
    fn tenants(&self) -> Result<Vec<TenantRow>> {
        let mut query = self.prepare(&format!("SELECT {TENANT} FROM tenants ORDER BY name"))?;
        Ok(query.query_map([], tenant)?.collect::<rusqlite::Result<_>>()?)
    }

    fn tenant(&self, name: &str) -> Result<Option<TenantRow>> {
        let query = format!("SELECT {TENANT} FROM tenants WHERE name = ?1");
        Ok(self.prepare_cached(&query)?.query_row([name], tenant).optional()?)
    }

    fn api_keys(&self) -> Result<Vec<ApiKeyRow>> {
        let query = format!("SELECT {API_KEY} FROM api_keys ORDER BY tenant, created_at, id");
        let mut query = self.prepare(&query)?;
        Ok(query.query_map([], api_key)?.collect::<rusqlite::Result<_>>()?)
    }

    fn api_key(&self, sha256: &[u8; 32]) -> Result<Option<ApiKeyRow>> {
        let query = format!("SELECT {API_KEY} FROM api_keys WHERE sha256 = ?1");
        Ok(self.prepare_cached(&query)?.query_row([sha256], api_key).optional()?)
    }

    fn jobs_of_day(&self, caller: &Caller, day: i64) -> Result<u32> {
        let query = "SELECT jobs FROM job_days WHERE caller = ?1 AND day = ?2";
        let of = params![caller.to_string(), day];
        let found = self.prepare_cached(query)?.query_row(of, |row| row.get(0)).optional()?;
        Ok(found.unwrap_or(0))
    }
}

impl WriteTenants for Connection {
    fn insert_tenant(&self, row: &TenantRow) -> Result<bool> {
        let Quotas { bytes, queued, running, jobs_a_day } = row.quotas;
        let query = format!(
            "INSERT INTO tenants ({TENANT}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT DO NOTHING"
        );
        let created_at = row.created_at.0;
        let values =
            params![row.name, bytes, queued, running, jobs_a_day, row.disabled, created_at];
        Ok(self.execute(&query, values)? == 1)
    }

    fn change_tenant(&self, row: &TenantRow) -> Result<bool> {
        let Quotas { bytes, queued, running, jobs_a_day } = row.quotas;
        let changed = self.execute(
            "UPDATE tenants SET bytes = ?2, queued = ?3, running = ?4, jobs_a_day = ?5,
                                disabled = ?6
             WHERE name = ?1",
            params![row.name, bytes, queued, running, jobs_a_day, row.disabled],
        )?;
        Ok(changed == 1)
    }

    fn insert_api_key(&self, row: &ApiKeyRow, sha256: &[u8; 32]) -> Result<()> {
        self.execute(
            "INSERT INTO api_keys (id, sha256, tenant, created_at, expires_at, revoked_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                row.id,
                sha256,
                row.tenant,
                row.created_at.0,
                row.expires_at.map(|at| at.0),
                row.revoked_at.map(|at| at.0)
            ],
        )?;
        Ok(())
    }

    fn revoke_api_key(&self, id: &str, now: Timestamp) -> Result<bool> {
        let query = "UPDATE api_keys SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL";
        Ok(self.execute(query, params![id, now.0])? == 1)
    }

    fn forget_days(&self, before: i64) -> Result<()> {
        self.execute("DELETE FROM job_days WHERE day < ?1", [before])?;
        Ok(())
    }
}

fn tenant(row: &Row<'_>) -> rusqlite::Result<TenantRow> {
    Ok(TenantRow {
        name: row.get(0)?,
        quotas: Quotas {
            bytes: row.get(1)?,
            queued: row.get(2)?,
            running: row.get(3)?,
            jobs_a_day: row.get(4)?,
        },
        disabled: row.get(5)?,
        created_at: Timestamp(row.get(6)?),
    })
}

fn api_key(row: &Row<'_>) -> rusqlite::Result<ApiKeyRow> {
    Ok(ApiKeyRow {
        id: row.get(0)?,
        tenant: row.get(1)?,
        created_at: Timestamp(row.get(2)?),
        expires_at: row.get::<_, Option<i64>>(3)?.map(Timestamp),
        revoked_at: row.get::<_, Option<i64>>(4)?.map(Timestamp),
    })
}
